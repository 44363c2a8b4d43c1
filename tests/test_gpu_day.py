"""The day on a GPU, on a CPU with tiny shapes: every part yields its rows, and one that fails does not end the day."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from helpers.building import random_proteins, write_fasta
from helpers.command_line import Run
from helpers.triton_interpreter import emulated_products

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
from gpu_parts import day, encoder_profile, kernel_tests, proteome_builds, report  # noqa: E402
from gpu_parts.goals import GOALS_BY_NAME  # noqa: E402
from gpu_parts.parts import PARTS, Part, select_parts  # noqa: E402
from gpu_parts.settings import GOALS, Row, Settings  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Settings:
    folder = tmp_path_factory.mktemp("day")
    proteins, examples = random_proteins([30, 41, 52]), random_proteins([30, 31, 33, 36, 38, 41, 44, 52])
    features = folder / "features.tsv"
    lines = [f"{accession}\tactive site\t3\t3\n" for accession in examples]
    features.write_text("accession\ttype\tbegin\tend\n" + "".join(lines))
    settings = Settings(
        device="cpu",
        is_tiny=True,
        out=folder / "out",
        scratch=folder / "scratch",
        weights=tiny_esm,
        proteome=write_fasta(folder / "proteome.fasta", proteins),
        examples=write_fasta(folder / "examples.fasta", examples),
        features=features,
    )
    for path in (settings.out, settings.scratch):
        path.mkdir()
    return settings


def rows_of(number: int, settings: Settings) -> list[Row]:
    rows = list(PARTS[number - 1].measure(settings))
    assert json.loads(json.dumps(rows)) == rows
    return rows


@pytest.mark.thorough
def test_part_1_counts_tests_and_names_those_that_failed(settings: Settings, tmp_path: Path) -> None:
    tests = tmp_path / "test_of_a_device.py"
    tests.write_text("def test_right(): pass\ndef test_wrong(): assert 1 + 1 == 3, 'a sum'\ndef test_other(): pass\n")
    selection = kernel_tests.Selection("short", (tests,), "right or wrong", limit_s=60)
    counts, failure = kernel_tests.measure(settings, [selection])
    assert {"passed": 1, "failed": 1, "skipped": 0}.items() <= counts.items()
    assert failure["tests"] == "test_wrong"
    assert "a sum" in failure["outcome"]

    late = kernel_tests.Selection("short", (tests,), "right", limit_s=0.01)
    assert [row["outcome"] for row in kernel_tests.measure(settings, [late])] == ["not finished after 0 s"]

    # Of tests that are cut off, those that ended count.
    tests.write_text("import time\ndef test_right(): pass\ndef test_wrong(): time.sleep(60)\n")
    (row,) = kernel_tests.measure(settings, [kernel_tests.Selection("short", (tests,), "right or wrong", limit_s=15)])
    assert (row["passed"], row["failed"], row["outcome"]) == (1, 0, "not finished after 15 s")


def test_part_1_selects_tests_that_there_are() -> None:
    for selection in (*kernel_tests.SELECTIONS, *kernel_tests.TINY_SELECTIONS):
        names = [
            line for path in selection.files for line in path.read_text().splitlines() if line.startswith("def test")
        ]
        for word in re.split(" or | and ", selection.expression):
            assert any(word.removeprefix("not ") in name for name in names), word


@pytest.mark.thorough
def test_part_2_finds_the_sites_of_a_cpu_in_float32_and_runs_every_pass(settings: Settings) -> None:
    rows = {row["compared"]: row for row in rows_of(2, settings)}
    exact = rows["float32 --exact"]
    assert exact["sequences with sites"] == exact["same layer"] == exact["same sites"] == exact["same order"] == 8
    assert float(exact["profiles differ by"]) == float(exact["statistics differ by"]) == 0
    assert float(rows["bfloat16"]["profiles differ by"]) > 1e-4
    assert not [row["outcome"] for row in rows.values() if "outcome" in row]
    assert rows["bfloat16x3 with plain float32"]["sequences with sites"] == 3
    for name in ("probe", "contacts", "links", "pairs", "embed", "interfaces", "binders", "fit"):
        assert float(rows[name]["statistics differ by"]) == 0, rows[name]
        assert len(set(rows[name]["rows"].split(" of "))) == 1


@pytest.mark.thorough
def test_part_3_multiplies_in_every_way_at_every_shape(settings: Settings) -> None:
    rows = rows_of(3, settings)
    errors = {(row["product"], row["inner"], row["outer"]): float(row["error"]) for row in rows}
    assert len(errors) == 5 * 4
    for (product, *_), error in errors.items():
        assert error < 1e-4 if product != "bfloat16" else error > 1e-3, product


@pytest.mark.thorough
def test_part_4_tells_every_goal_of_rates(settings: Settings) -> None:
    rows = rows_of(4, settings)
    assert not [row["outcome"] for row in rows if "outcome" in row]
    assert {"eager", "sdpa", "split", "statistics", "ceiling"} <= rows[-1][GOALS].keys()


@pytest.mark.thorough
def test_part_5_shows_kernels_by_time_and_writes_the_fastest_sizes(settings: Settings) -> None:
    before = encoder_profile.BLOCKS_FILE.read_text()
    with emulated_products():
        rows = rows_of(5, settings)
    assert rows[0]["measured"] == "bfloat16: the device works"
    assert any("bfloat16x3: " in row["measured"] for row in rows)
    assert {"nothing added", "a bias by j - i", "a window of 64", "a key head for four"} == {
        row["measured"].split(", ")[1] for row in rows if row["measured"].startswith("a layer of ")
    }
    assert not [row["outcome"] for row in rows if "outcome" in row]
    (swept,) = (row for row in rows if row["measured"] == "blocks of hopper, columns")
    assert encoder_profile.BLOCKS_FILE.read_text() == before  # a dry run has nothing to say about a GPU
    tables = json.loads((settings.out / "blocks.json").read_text())
    assert tables["hopper"]["columns"]["64"] == swept["sizes"]
    assert tables.keys() == json.loads(before).keys()
    assert encoder_profile.format_tables(json.loads(before)) == before


@pytest.mark.thorough
def test_part_6_builds_in_both_precisions_and_runs_the_passes(
    settings: Settings, attlas: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_here(command: list[str], **_: object) -> tuple[int, str]:
        outcome = attlas(*command[3:])
        return outcome.code, outcome.err

    monkeypatch.setattr(proteome_builds, "run_command", run_here)
    rows = rows_of(6, settings)
    assert [row["build"] for row in rows[:6]] == ["bfloat16", "split", "longest", "few", "probe", "contacts"]
    assert [row["build"] for row in rows[6:]] == ["links", "pairs", "embed"]
    assert [row["proteins"] for row in rows[:4]] == [3, 3, 1, 3]
    assert not [row["outcome"] for row in rows if "outcome" in row]

    # What is told of a build that is ended before its seal, by the receipts of its shards.
    row = proteome_builds.describe_unfinished("split", settings.scratch / "proteome-split", started=0, limit_s=220)
    assert row["residues"] == rows[1]["residues"] == 123
    assert row["outcome"] == "not finished after 220 s"


def test_a_command_is_ended_at_its_limit() -> None:
    script = "import sys, time; print('said', file=sys.stderr); time.sleep(float(sys.argv[1]))"
    started = time.monotonic()
    assert proteome_builds.run_command([sys.executable, "-c", script, "60"], limit_s=1) == (None, "")
    assert proteome_builds.run_command([sys.executable, "-c", script, "0"], limit_s=60) == (0, "said\n")
    assert time.monotonic() - started < 30


def test_part_7_goes_on_with_a_pack_that_is_too_large(settings: Settings) -> None:
    rows = rows_of(7, settings)
    assert [row["outcome"] for row in rows] == ["4 of 4 proteins computed"] * 2
    assert all(row["packs refused"] > 0 for row in rows)


SCRIPT = """
import json, sys, time
number, rows = int(sys.argv[2]), open(sys.argv[6], "a")
rows.write(json.dumps({"n": number}) + "\\n"); rows.flush()
if number == 2: raise SystemExit("no such kernel")
if number == 3: rows.write('{"n": '); rows.flush(); time.sleep(60)
"""
"""Stands for the parts: the second fails, the third hangs in the middle of a row."""


@pytest.fixture
def short_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, list[Part]]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(day, "SCRIPT", script)
    parts = [Part(number, f"part {number}", "none", limit_s=2 if number == 3 else 30) for number in (1, 2, 3, 4)]
    parts.append(Part(5, "part 5", "none", limit_s=30, needs=("cpu_atlas",)))
    return Settings("cpu", True, tmp_path / "out", tmp_path / "scratch"), parts


@pytest.mark.thorough
def test_a_part_that_fails_or_hangs_does_not_end_the_day_and_its_rows_are_kept(
    short_day: tuple[Settings, list[Part]], capsys: pytest.CaptureFixture[str]
) -> None:
    settings, parts = short_day
    figures = day.run_day(settings, parts, minutes=5, is_again=False, describe=lambda: {"device": "none"})
    states = [part["state"] for part in figures["parts"].values()]
    assert states == ["done", "failed", "cut off", "done", "left out"]
    assert [part["rows"] for part in figures["parts"].values()] == [[{"n": 1}], [{"n": 2}], [{"n": 3}], [{"n": 4}], []]
    assert "no such kernel" in figures["parts"]["2"]["reason"]
    assert figures["parts"]["5"]["reason"] == "without --cpu-atlas"
    assert json.loads((settings.out / "gpu-day.json").read_text()) == figures
    assert "3. part 3: cut off, after its 2 s" in capsys.readouterr().out


def test_a_day_goes_on_where_it_stopped_and_begins_nothing_without_time(
    short_day: tuple[Settings, list[Part]], capsys: pytest.CaptureFixture[str]
) -> None:
    settings, parts = short_day
    run = {"is_again": False, "describe": lambda: {"device": "none"}}
    late = day.run_day(settings, parts[:1], minutes=0.1, **run)
    assert (late["parts"]["1"]["state"], late["parts"]["1"]["reason"]) == ("left out", "6 s are left")

    day.run_day(settings, parts[:1], minutes=5, **run)
    started = time.monotonic()
    again = day.run_day(settings, parts[:1], minutes=5, **run)
    assert time.monotonic() - started < 0.2
    assert again["parts"]["1"]["state"] == "done"
    assert "1. part 1: done before" in capsys.readouterr().out


def test_parts_never_begun_come_first_and_rows_are_never_replaced_by_none(
    short_day: tuple[Settings, list[Part]], capsys: pytest.CaptureFixture[str]
) -> None:
    settings, parts = short_day
    run = {"is_again": False, "describe": lambda: {"device": "none"}}
    day.run_day(settings, parts[1:2], minutes=5, **run)
    capsys.readouterr()

    day.run_day(settings, parts[:2], minutes=5, **run)
    titles = [line.split(".")[0] for line in capsys.readouterr().out.splitlines() if ". part " in line]
    assert titles == ["1", "2"]

    late = day.run_day(settings, parts[1:2], minutes=0.1, **run)
    assert (late["parts"]["2"]["state"], late["parts"]["2"]["rows"]) == ("failed", [{"n": 2}])


@pytest.mark.thorough
def test_the_running_part_ends_with_the_command(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "gpu_day.py"), "--dry-run", "--parts", "3", "--out", str(tmp_path)]
    process = psutil.Popen(command, stdout=subprocess.DEVNULL)
    while not (tmp_path / "part-3.log").is_file():
        time.sleep(0.1)
        assert process.poll() is None
    parts = process.children(recursive=True)
    process.terminate()
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert psutil.wait_procs(parts, timeout=10)[1] == []


def test_goals_are_told_with_the_first_run_and_how_far_this_one_reaches() -> None:
    rows = [{"way": "ours", GOALS: {"eager": 30.0, "human_bfloat16": 90.0}}]
    figures = {"machine": {"device": "a GPU"}, "parts": {"4": day_part("rates", rows)}}
    page = report.write_markdown(figures)
    assert f"| {GOALS_BY_NAME['eager'].text} | 45 | 31 | 30 | 0.67 |" in page
    assert f"| {GOALS_BY_NAME['human_bfloat16'].text} | 45 | 113 | 90 | 0.50 |" in page  # less is better
    assert f"| {GOALS_BY_NAME['human_split'].text} | 125 |  |  |  |" in page
    assert "| way |\n| --- |\n| ours |" in page


def day_part(title: str, rows: list[Row]) -> Row:
    return {"title": title, "state": "done", "reason": "", "seconds": 1.0, "rows": rows}


def test_parts_are_selected_by_number() -> None:
    assert [part.number for part in select_parts("2,5-7")] == [2, 5, 6, 7]
    assert select_parts(None) == list(PARTS)
    with pytest.raises(ValueError, match="parts beyond 1-7"):
        select_parts("6-8")


@pytest.mark.thorough
def test_the_command_leaves_out_what_lacks_an_input_and_says_so(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "gpu_day.py"), "--dry-run", "--parts", "2,6", "--out", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "left out, without --weights" in result.stdout
    assert "left out, without --proteome" in result.stdout
    assert (tmp_path / "gpu-day.md").is_file()
