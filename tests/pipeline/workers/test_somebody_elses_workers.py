"""Workers of a scheduler that somebody runs, in processes of their own: late, gone, wrong, too few."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from helpers.building import environment_that_changes, wait_for
from helpers.dask_processes import DaskProcesses, start_scheduler
from helpers.dask_workers import FullDiskTask, SleepTask
from helpers.fake_workers import shards_of

from attlas.pipeline.workers import faults
from attlas.pipeline.workers.dask_runner import run_dask
from attlas.pipeline.workers.runners import Event, ShardFinished, WorkerLeftOut, WorkersCounted
from attlas.schema import EnvironmentFault

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

OTHER_TORCH = "read = module.read_versions\nmodule.read_versions = lambda: {**read(), 'torch': '0.0.1'}"
NO_MOUNT = "module.DIRECTORY_PATIENCE_S = 0\nmodule._reads = lambda path, text: False"


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """Return a scheduler that runs, without workers at first."""
    with start_scheduler(tmp_path_factory.mktemp("scheduler")) as processes:
        yield processes


@pytest.fixture
def alone(dask: DaskProcesses) -> Iterator[DaskProcesses]:
    """Return the scheduler without workers; those that a test adds end with it."""
    yield dask
    for worker in dask.workers:
        worker.kill()
        worker.wait()
    dask.workers.clear()


def run(dask: DaskProcesses, root: Path, task: object, n_shards: int) -> Iterator[Event]:
    options = {"n_workers": 0, "scheduler": dask.address, "device": "cpu", "task": task}
    return run_dask(root, shards_of(n_shards), **options)  # type: ignore[arg-type]


def test_workers_that_join_late_get_shards(alone: DaskProcesses, tmp_path: Path) -> None:
    alone.add_worker()
    n_shards: Counter[str] = Counter()
    with closing(run(alone, tmp_path, SleepTask(0.2), 1000)) as events:
        for event in events:
            if not isinstance(event, ShardFinished):
                continue
            n_shards[event.receipt.host] += 1
            if n_shards.total() == 3:
                alone.add_worker()
                alone.add_worker()
            if len(n_shards) == 3 and min(n_shards.values()) >= 3:
                break
    assert len(n_shards) == 3
    assert list(tmp_path.iterdir()) == []


def test_without_its_only_worker_a_build_stops_after_its_patience_and_with_a_new_one_it_goes_on(
    alone: DaskProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "PATIENCE_S", 60)
    alone.add_worker()
    hosts: list[str] = []

    def compute() -> None:
        for event in run(alone, tmp_path, SleepTask(0.1), 1000):
            if not isinstance(event, ShardFinished):
                continue
            hosts.append(event.receipt.host)
            if len(hosts) == 2:
                alone.workers[0].kill()
                alone.add_worker()
            if len(hosts) == 5:
                alone.workers[1].kill()
                monkeypatch.setattr(faults, "PATIENCE_S", 3)

    with pytest.raises(EnvironmentFault, match=r"(?s)no worker of the Dask scheduler tcp://.* for 3 s.*dask worker"):
        compute()
    assert len(set(hosts)) == 2


def test_workers_with_other_software_or_without_the_directory_are_left_out_by_name_and_the_others_compute(
    alone: DaskProcesses, tmp_path: Path
) -> None:
    joining = "attlas.pipeline.workers.joining"
    (tmp_path / "root").mkdir()
    good = alone.add_worker()
    alone.add_worker(environment_that_changes(tmp_path / "torch", joining, OTHER_TORCH))
    alone.add_worker(environment_that_changes(tmp_path / "mount", joining, NO_MOUNT))
    # Dask itself ends a worker that cannot read what it is sent.
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text("import sys; sys.modules['attlas'] = None")
    alone.add_worker({"PYTHONPATH": str(tmp_path / "without")})

    errors: list[str] = []
    hosts: set[str] = set()
    with closing(run(alone, tmp_path / "root", SleepTask(0.2), 1000)) as events:
        for event in events:
            if isinstance(event, WorkerLeftOut):
                assert event.worker.startswith("tcp://127.0.0.1:")
                errors.append(str(event.error))
            if isinstance(event, ShardFinished):
                hosts.add(event.receipt.host)
            if len(errors) == 2 and hosts and alone.workers[-1].poll() is not None:
                break
    assert hosts == {str(good.pid)}
    assert any("torch 0.0.1" in error for error in errors)
    assert any("another directory of that name" in error for error in errors)


def test_a_worker_whose_disk_is_full_is_left_out_and_all_of_them_end_the_build(
    alone: DaskProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = alone.add_worker({"DISK": "free"})
    alone.add_worker({"DISK": "full"})
    errors: list[str] = []
    with closing(run(alone, tmp_path, FullDiskTask(0.2, frozenset({"full"})), 1000)) as events:
        for event in events:
            errors += [str(event.error)] if isinstance(event, WorkerLeftOut) else []
            if errors and isinstance(event, ShardFinished):
                assert event.receipt.host == str(good.pid)
                break
    assert [error.splitlines()[0] for error in errors] == ["The disk is full."]

    monkeypatch.setattr(faults, "PATIENCE_S", 5)  # others might join
    with pytest.raises(EnvironmentFault, match="disk is full"):
        list(run(alone, tmp_path, FullDiskTask(0.2, None), 1000))


def test_a_cluster_that_adapts_itself_grows_from_nothing(tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0", scheduler_kwargs={"dashboard": False}
    ) as cluster:
        cluster.adapt(minimum=0, maximum=2, interval="200ms", target_duration="1s")
        options = {"n_workers": 0, "scheduler": cluster.scheduler_address, "device": "cpu"}
        n_largest = 0
        with closing(run_dask(tmp_path, shards_of(1000), task=SleepTask(0.2), **options)) as events:  # type: ignore[arg-type]
            for event in events:
                if isinstance(event, WorkersCounted):
                    n_largest = max(n_largest, event.n_workers)
                if n_largest == 2 and isinstance(event, ShardFinished):
                    break
        assert n_largest == 2
        # Nothing is left that would keep its workers.
        wait_for(lambda: not cluster.scheduler.tasks, what="an empty scheduler", seconds=30)
