"""Passes on the workers of a Dask scheduler: the same bytes as in one process, and their memory foretold."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.building import digests
from helpers.dask_processes import DaskProcesses, start_scheduler
from helpers.dask_workers import open_scheduler
from helpers.interface_case import write_pair_atlas

from attlas.pipeline.dry_run import choose_processes
from attlas.pipeline.plan import Shard
from attlas.pipeline.workers import faults
from attlas.pipeline.workers.scheduler_workers import SchedulerWorkers
from attlas.schema import EnvironmentFault

pytestmark = pytest.mark.slow

PASSES = (
    ("embed", "--vectors", "cls,mean,segments"),
    ("pairs", "{pairs}", "--join", "gap,linker", "--segments"),
    ("interfaces", "--choosing", 2, "--splits", 2, "--heads", "1,3"),
    ("binders",),
    ("links",),
    ("contacts",),
    ("probe",),
)
"""Every pass over a sealed atlas that runs the model, but for `fit`, which has no workers."""
SHARD = Shard(1, 0, 9, n_residues=900, cost=1e9, predicted_bytes=1 << 30)


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    return write_pair_atlas(tmp_path_factory.mktemp("paired"), tiny_esm)


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    with start_scheduler(tmp_path_factory.mktemp("scheduler")) as processes:
        processes.add_worker()
        processes.add_worker()
        yield processes


@pytest.mark.thorough
def test_every_pass_on_a_scheduler_writes_the_bytes_of_one_process(
    paired: Path, dask: DaskProcesses, tmp_path: Path, attlas: Callable
) -> None:
    local_root, scheduler_root = (shutil.copytree(paired, tmp_path / name) for name in ("here", "there"))
    for verb, *options in PASSES:
        arguments = [str(option).format(pairs=paired.parent / "pairs.tsv") for option in options]
        for root, workers in ((local_root, ("--workers", 0)), (scheduler_root, ("--scheduler", dask.address))):
            run = attlas(verb, root, *arguments, *workers)
            assert run.code == 0, (verb, run.err)
        assert digests(local_root) == digests(scheduler_root), verb


@pytest.mark.thorough
def test_the_workers_of_a_scheduler_are_counted_and_too_small_ones_refused_by_the_names_of_the_pairs(
    paired: Path, tmp_path: Path, attlas: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "PATIENCE_S", 5.0)
    root = shutil.copytree(paired, tmp_path / "atlas")
    (tmp_path / "pairs.tsv").write_text("P00000\tP00001\nP00010\tP00011\n")
    arguments = ("pairs", root, tmp_path / "pairs.tsv", "--join", "ends")
    before = digests(root)

    with open_scheduler(2) as address:
        foretold = attlas(*arguments, "--scheduler", address, "--dry-run")
        assert foretold.code == 0, foretold.err
        assert "GiB per worker (workers: 2)" in foretold.out

    with open_scheduler(2, memory_limit="50MB") as address:
        refused = attlas(*arguments, "--scheduler", address)
        assert refused.code == 1
        assert "what the largest worker of the scheduler allows a shard" in refused.err
        assert "P00010 and P00011: 115 residues" in refused.err
        for verb in (arguments, ("embed", root, "--layer", "0")):
            foretold = attlas(*verb, "--scheduler", address, *(("--dry-run",) if verb == arguments else ()))
            assert foretold.code == 1
            assert "does not fit the memory of" in foretold.err
    assert digests(root) == before


def test_workers_of_a_scheduler_that_are_too_small_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = SchedulerWorkers(
        {"tcp://a": 2, "tcp://b": 1, "tcp://c": 4}, {"tcp://a": 1 << 20, "tcp://b": 0, "tcp://c": 2 << 30}
    )
    assert workers.count_fitting([SHARD]) == 5
    assert workers.largest_limit is None

    small = SchedulerWorkers({"tcp://a": 2}, {"tcp://a": 1 << 20})
    assert small.largest_limit == 1 << 20
    with pytest.raises(EnvironmentFault, match="does not fit the memory of 1 of the scheduler's 1 workers"):
        small.count_fitting([SHARD])
    assert SchedulerWorkers({}, {}).count_fitting([SHARD]) == 0

    monkeypatch.setattr("attlas.pipeline.dry_run.ask_scheduler", lambda address: workers)
    counts = [choose_processes([SHARD], device="cpu", n_workers=n, scheduler="tcp://x").n_workers for n in (None, 3, 9)]
    assert counts == [5, 3, 5]
