"""The day on a GPU: a part that fails does not end it, what is missing is told, and it goes on where it stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
from gpu_parts import day, packages, report  # noqa: E402
from gpu_parts.goals import GOALS_BY_NAME  # noqa: E402
from gpu_parts.parts import PARTS, Part, select_parts  # noqa: E402
from gpu_parts.settings import GOALS, ROOT, Row, Settings  # noqa: E402

pytestmark = pytest.mark.slow

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
    return Settings("cpu", False, tmp_path / "out", tmp_path / "scratch"), parts


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


def test_a_dry_run_has_the_limit_of_the_day_alone(
    short_day: tuple[Settings, list[Part]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, parts = short_day
    monkeypatch.setattr(day, "run_part", lambda *_, limit_s: {"limit": limit_s})
    assert day.run_or_leave_out(parts[2], settings, 500, reason=None) == {"limit": 2}
    dry_settings = replace(settings, is_tiny=True)
    assert day.run_or_leave_out(parts[2], dry_settings, 500, reason=None) == {"limit": 500}


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
    command = [
        sys.executable,
        str(BENCHMARKS / "gpu_day.py"),
        "--dry-run",
        "--parts",
        "3",
        "--out",
        str(tmp_path / "out"),
    ]
    process = psutil.Popen(command, stdout=subprocess.DEVNULL)
    while not (tmp_path / "out-scratch" / "part-3.log").is_file():
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


@pytest.mark.parametrize(
    ("text", "words"),
    [("3-1", "3-1 ends before it begins; write 1-3"), ("two", "'two' is neither a number nor two"), ("2,", "''")],
)
def test_a_selection_that_names_no_parts_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^--parts {text}: {words}"):
        select_parts(text)


def run_day_command(*options: object) -> subprocess.CompletedProcess[str]:
    """Run the command as somebody would who knows nothing of Triton's interpreter."""
    command = [sys.executable, str(BENCHMARKS / "gpu_day.py"), *map(str, options)]
    variables = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables)


@pytest.mark.thorough
def test_the_command_leaves_out_what_lacks_an_input_and_says_so(tmp_path: Path) -> None:
    result = run_day_command("--dry-run", "--parts", "2,6", "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "left out, without --weights" in result.stdout
    assert "left out, without --proteome" in result.stdout
    assert (tmp_path / "gpu-day.md").is_file()


@pytest.mark.thorough
def test_every_part_that_needs_no_input_runs_from_the_command_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run_day_command("--dry-run", "--parts", "1,3-5,7", "--out", out)
    assert result.returncode == 0, result.stdout + result.stderr
    parts = json.loads((out / "gpu-day.json").read_text())["parts"]
    assert {number: part["state"] for number, part in parts.items()} == dict.fromkeys("13457", "done")
    assert all(part["rows"] for part in parts.values())
    outcomes = [row["outcome"] for part in parts.values() for row in part["rows"] if "outcome" in row]
    assert [outcome for outcome in outcomes if not outcome.startswith("left out")] == ["4 of 4 proteins computed"] * 2
    assert parts["1"]["rows"][0]["failed"] == 0
    # What is to be kept, and nothing else: models, logs and rows are beside it.
    assert {path.name for path in out.iterdir()} == {"gpu-day.json", "gpu-day.md", "blocks.json"}
    assert (tmp_path / "out-scratch" / "part-5.log").is_file()


@pytest.mark.parametrize("text", ["{", "[]", '{"machine": {}}', '{"machine": {}, "parts": {"2": {"state": "done"}}}'])
def test_damaged_figures_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gpu-day.json"
    path.write_text(text)
    with pytest.raises(day.DamagedFiguresError, match=f"^{path} is damaged .*: move it away"):
        day.read_figures(tmp_path)


def test_the_command_refuses_damaged_figures_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "gpu-day.json").write_text("{")
    result = run_day_command("--dry-run", "--parts", "3", "--out", tmp_path)
    assert result.returncode == 2
    assert "gpu-day.json is damaged" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_lacks_a_package_is_told_before_anything_begins(
    short_day: tuple[Settings, list[Part]], capsys: pytest.CaptureFixture[str]
) -> None:
    settings, (part, *_) = short_day
    part_without_package = Part(2, "part 2", "none", limit_s=30, packages=("pytest", "no-such-package"))
    part_with_passes = Part(4, "part 4", "none", limit_s=30, packages_of_passes=(("fit", ("no-such-package",)),))
    figures = day.run_day(
        settings,
        [part, part_without_package, part_with_passes],
        minutes=5,
        is_again=False,
        describe=lambda: {"device": "none"},
    )
    reason = "without no-such-package: pip install no-such-package"
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"Part 2 will be left out, {reason}",
        f"Of part 4 will be left out: fit, {reason}",
    ]
    outcome = figures["parts"]["2"]
    assert (outcome["state"], outcome["reason"], outcome["rows"]) == ("left out", reason, [])
    assert [figures["parts"][number]["state"] for number in ("1", "4")] == ["done", "done"]


def test_a_package_without_its_metadata_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "linked_by_path.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert packages.describe_missing(("linked_by_path",)) == "without linked_by_path: pip install linked_by_path"
    assert packages.describe_missing(("attlas", "biopython", "numpy")) is None  # imported by other names

    monkeypatch.setitem(packages.MODULES, "attlas", "attlas.no_such_room")
    reason = f"without attlas and linked_by_path: pip install --no-deps {ROOT} && pip install linked_by_path"
    assert packages.describe_missing(("attlas", "linked_by_path")) == reason
