"""The parts of the day on a GPU, on a CPU with tiny shapes: every part yields its rows."""

import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.building import random_proteins, write_fasta
from helpers.command_line import Run
from helpers.triton_interpreter import emulated_products

from attlas.pipeline.attention import triton_pass
from attlas.pipeline.attention.definitions import LayerInputs, Pack
from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.model.precision import SPLIT
from attlas.schema import FITS
from attlas.schema.run import PLAIN

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
from gpu_parts import (  # noqa: E402
    atlas_passes,
    encoder_profile,
    example_atlases,
    kernel_tests,
    memory_bounds,
    proteome_builds,
    workload,
)
from gpu_parts.atlas_passes import AtlasPass  # noqa: E402
from gpu_parts.commands import run_command  # noqa: E402
from gpu_parts.parts import PARTS  # noqa: E402
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


def test_a_model_that_was_saved_in_part_is_saved_anew(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_in_part(shape: ModelShape, folder: str) -> None:
        (Path(folder) / "config.json").write_text("{}")
        raise KeyboardInterrupt

    in_scratch = replace(settings, scratch=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(workload.throughput, "save_random_model", save_in_part)
        with pytest.raises(KeyboardInterrupt):
            workload.random_model(in_scratch)
    assert workload.random_model(in_scratch).shape.n_layers == workload.TINY_SHAPE.n_layers


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
    # By worth: what a limit of time cuts off is the other dtypes.
    names = list(rows)
    assert names[:3] == ["whole command", "float32 of halves", "annotate"]
    assert names.index("fit") < names.index("float32 --exact") < names.index("bfloat16")
    exact = rows["float32 --exact"]
    assert exact["sequences with sites"] == exact["same layer"] == exact["same sites"] == exact["same order"] == 8
    assert float(exact["profiles differ by"]) == float(exact["statistics differ by"]) == 0
    assert float(rows["bfloat16"]["profiles differ by"]) > 1e-4
    assert not [row["outcome"] for row in rows.values() if "outcome" in row]
    assert rows["bfloat16x3 with plain float32"]["sequences with sites"] == 3
    for name in ("probe", "contacts", "links", "pairs", "embed", "interfaces", "binders", "fit"):
        assert float(rows[name]["statistics differ by"]) == 0, rows[name]
        assert len(set(rows[name]["rows"].split(" of "))) == 1

    # A second run goes on with the CPU's atlas, unless it has other proteins.
    receipt = settings.scratch / "examples-cpu" / "receipts" / "shard-00001.json"
    before = receipt.stat().st_mtime_ns
    example_atlases.build_reference(settings)
    assert receipt.stat().st_mtime_ns == before
    assert settings.proteome is not None
    example_atlases.build_reference(replace(settings, examples=settings.proteome))
    assert json.loads(receipt.read_text())["n_sequences"] == 3


def test_a_pass_that_lacks_a_package_is_left_out_by_name(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = AtlasPass("fit", lambda root: pytest.fail("it is run"), FITS, ("no-such-package",))
    monkeypatch.setattr(example_atlases, "list_passes", lambda *_: ())
    monkeypatch.setattr(example_atlases, "list_judging_passes", lambda _: (fit,))
    (row,) = example_atlases.compare_passes(settings, settings.scratch, settings.scratch)
    assert row["outcome"] == "left out, without no-such-package: pip install no-such-package"


def test_contacts_are_drawn_for_pairs_of_the_examples(tmp_path: Path) -> None:
    settings = Settings("cpu", True, tmp_path, tmp_path)  # with the examples of the project, of which some are short
    rows = [line.split("\t") for line in atlas_passes.write_contacts(settings).read_text().splitlines()[1:]]
    assert len(rows) == len({tuple(row) for row in rows}) == atlas_passes.N_PAIRS * atlas_passes.N_CONTACTS


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
    with emulated_products():  # warnings are errors here, and the interpreter's products of bfloat16 overflow
        rows = rows_of(5, settings)
    assert rows[0]["measured"] == "bfloat16: the device works"
    assert any("bfloat16x3: " in row["measured"] for row in rows)
    assert {"nothing added", "a bias by j - i", "a window of 64", "a key head for four"} == {
        row["measured"].split(", ")[1] for row in rows if row["measured"].startswith("a layer of ")
    }
    expected = ["left out, Triton's interpreter has no such products"]
    assert [row["outcome"] for row in rows if "outcome" in row] == expected
    (swept,) = (row for row in rows if row["measured"] == "blocks of hopper, columns")
    assert encoder_profile.BLOCKS_FILE.read_text() == before  # a dry run has nothing to say about a GPU
    tables = json.loads((settings.out / "blocks.json").read_text())
    assert tables["hopper"]["columns"]["64"] == swept["sizes"]
    assert tables.keys() == json.loads(before).keys()
    assert encoder_profile.format_tables(json.loads(before)) == before


def test_part_5_sweeps_what_takes_the_most_time_first(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def name_ways(name: str):
        return lambda *_, products=SPLIT: [(name, products)]

    monkeypatch.setattr(encoder_profile, "random_proteins", lambda *_: ["A" * 30])
    monkeypatch.setattr(encoder_profile, "sweep_kernel", lambda _, kernel, *__, products: (kernel, products))
    for name in ("compare_precisions", "compare_added"):
        monkeypatch.setattr(encoder_profile, name, name_ways(name))
    assert list(encoder_profile.sweep_blocks(replace(settings, is_tiny=False))) == [
        *[("columns", PLAIN), ("columns", SPLIT), ("softmax", PLAIN), ("softmax", SPLIT)],
        *[("compare_precisions", SPLIT), ("compare_added", PLAIN), ("compare_added", SPLIT)],
    ]


def test_part_5_sweeps_the_softmax_as_builds_run_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    has_values: list[bool] = []

    def attend(inputs: LayerInputs, *, products: str) -> None:
        has_values.append(inputs.v is not None)

    monkeypatch.setattr(triton_pass, "attend_by_kernel", attend)
    tensors = torch.zeros(3, 1, 10, 16)
    for products, dtype in ((PLAIN, torch.bfloat16), (SPLIT, torch.float32)):
        encoder_profile.sweep_kernel(
            settings, "softmax", tuple(tensors.to(dtype)), Pack((10,), torch.device("cpu")), products=products
        )
    # Each of two sizes is run twice: half precision has flash attention where there are values.
    assert has_values == [False] * 4 + [True] * 4


@pytest.mark.thorough
def test_part_6_builds_in_both_precisions_and_runs_the_passes(
    settings: Settings, attlas: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run_here(command: list[str], **_: object) -> tuple[int, str]:
        commands.append(command)
        outcome = attlas(*command[3:])
        return outcome.code, outcome.err

    monkeypatch.setattr(proteome_builds, "run_command", run_here)
    rows = rows_of(6, settings)
    assert [row["build"] for row in rows[:6]] == ["bfloat16", "split", "longest", "few", "probe", "contacts"]
    assert [row["build"] for row in rows[6:]] == ["links", "pairs", "embed"]
    assert [row["proteins"] for row in rows[:4]] == [3, 3, 1, 3]
    assert not [row["outcome"] for row in rows if "outcome" in row]
    assert all(command[-2:] == ["--workers", "0"] for command in commands)  # Dask is not needed
    by_name = {row["build"]: row for row in rows}
    assert by_name["pairs"]["pairs"] == "1 of 1"
    assert all(by_name[name]["over the build's model"] > 0 for name in ("probe", "contacts"))

    # What is told of a build that is ended before its seal, by the receipts of its shards.
    row = proteome_builds.describe_unfinished("split", settings.scratch / "proteome-split", started=0, limit_s=220)
    assert row["residues"] == rows[1]["residues"] == 123
    assert row["outcome"] == "not finished after 220 s"


def test_the_passes_of_part_6_are_left_out_without_their_atlas(settings: Settings, tmp_path: Path) -> None:
    assert settings.proteome is not None
    (row,) = proteome_builds.time_passes(settings, settings.proteome, tmp_path)
    assert row["outcome"] == f"left out, {tmp_path.name} was not finished"


def test_a_command_is_ended_at_its_limit() -> None:
    script = "import sys, time; print('said', file=sys.stderr); time.sleep(float(sys.argv[1]))"
    started = time.monotonic()
    assert run_command([sys.executable, "-c", script, "60"], limit_s=1) == (None, "")
    assert run_command([sys.executable, "-c", script, "0"], limit_s=60) == (0, "said\n")
    assert time.monotonic() - started < 30


def test_a_command_that_goes_on_after_its_limit_is_killed() -> None:
    script = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
    started = time.monotonic()
    assert run_command([sys.executable, "-c", script], limit_s=1, grace_s=0.5) == (None, "")
    assert time.monotonic() - started < 30


def test_part_7_goes_on_with_a_pack_that_is_too_large(settings: Settings) -> None:
    rows = rows_of(7, settings)
    assert [row["outcome"] for row in rows] == ["4 of 4 proteins computed"] * 2
    assert all(row["packs refused"] > 0 for row in rows)


def test_part_7_compiles_no_layer_twice_within_its_limit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fractions: list[float] = []
    properties = type("Properties", (), {"total_memory": 1 << 40})
    for name, answer in (("empty_cache", None), ("get_device_properties", properties), ("memory_allocated", 1 << 39)):
        monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", fractions.append)
    monkeypatch.setattr(torch._dynamo, "reset", lambda: pytest.fail("what was compiled is forgotten"))
    memory_bounds.limit_memory(settings, "bfloat16", 1000)
    assert fractions == [pytest.approx(0.5, abs=0.01)]
