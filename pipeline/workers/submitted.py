"""The tasks that were sent to Dask workers, and what is believed of what comes back from workers that fail."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attlas.pipeline.plan import Shard
from attlas.pipeline.workers.cluster import WORKER_DEATHS
from attlas.schema import AtlasPaths, DeviceFault, EnvironmentFault, Receipt

if TYPE_CHECKING:
    from attlas.pipeline.workers.runners import Task


@dataclass(frozen=True)
class Published:
    """A shard that a worker has published."""

    worker: str
    """Address of the worker."""
    receipt: Receipt


@dataclass(frozen=True)
class GivenBack:
    """A shard that a worker could not compute because its device does not work."""

    worker: str
    """Address of the worker."""
    fault: DeviceFault


Result = Published | GivenBack | Exception
"""What a worker reports of a shard, or why no worker does."""


class SubmittedTasks:
    """The tasks that a Dask client has sent to its workers, each with its shard."""

    def __init__(self, client: Any, task: "Task", root: str, n_threads: int) -> None:
        from distributed import as_completed

        self.client, self.task, self.root, self.n_threads = client, task, root, n_threads
        self.faulty_workers = FaultyWorkers(n_at_start=len(client.ncores()))
        self._shards: dict[str, Shard] = {}
        self._futures = as_completed(loop=client.loop)

    def submit(self, shard: Shard) -> None:
        """Send a shard to the workers."""
        # No key prefix of its own and no resources: both switch off the scheduler's queue (distributed#9164).
        future = self.client.submit(compute_at_worker, self.task, self.root, shard.index, self.n_threads, pure=False)
        self._shards[future.key] = shard
        self._futures.add(future)

    def results(self) -> Iterator[tuple[Shard, "Receipt | GivenBack | Exception"]]:
        """Yield every shard with its result, as they come; shards may be submitted meanwhile."""
        for future in self._futures:
            shard = self._shards.pop(future.key)
            receipt = self.task.receipt(AtlasPaths(Path(self.root)), shard.index)
            result = read_result(future, receipt, self.faulty_workers)
            future.release()
            yield shard, result


class FaultyWorkers:
    """The workers whose devices failed, and the shards at which they did."""

    def __init__(self, n_at_start: int) -> None:
        self.n_at_start = n_at_start
        self.faults: dict[str, DeviceFault] = {}
        self.workers_of_shard: dict[int, set[str]] = defaultdict(set)

    def add(self, shard: Shard, given_back: GivenBack) -> bool:
        """Count a shard that was given back, and return whether it is the first of its worker."""
        is_new = given_back.worker not in self.faults
        self.faults.setdefault(given_back.worker, given_back.fault)
        self.workers_of_shard[shard.index].add(given_back.worker)
        return is_new

    def is_hopeless(self, shard: Shard) -> bool:
        """Return whether so many workers gave a shard back that the shard is more likely to blame than the devices."""
        return len(self.workers_of_shard[shard.index]) > WORKER_DEATHS

    def refuse_if_all_failed(self, workers: set[str]) -> None:
        """Stop if the device of every worker failed; a worker that died for another reason may come back.

        Raises:
            EnvironmentFault: names the workers and their errors.
        """
        if workers - self.faults.keys() or len(self.faults) < self.n_at_start:
            return

        raise EnvironmentFault(
            "No worker is left whose device works; finished shards are kept.",
            expected="a device that computes a known protein as it did when the model was loaded",
            found=f"{len(self.faults)} that failed:",
            offenders=[f"{worker}: {fault.found or fault.what}" for worker, fault in sorted(self.faults.items())],
            hint="read the log of the machine (nvidia-smi, dmesg); the same command continues where this one stopped",
        )


def compute_at_worker(task: "Task", root: str, index: int, n_threads: int) -> Published | GivenBack:
    """Run a task in a Dask worker; if its device does not work, return the worker with the fault."""
    from distributed import get_worker

    try:
        return Published(get_worker().address, task(root, index, n_threads))
    except DeviceFault as fault:
        return GivenBack(get_worker().address, fault)


def read_result(future: Any, receipt: Path, faulty_workers: FaultyWorkers) -> Receipt | GivenBack | Exception:
    """Return the result of a task, or its error.

    A worker may die after it has published its receipt and before it has reported: then the receipt on disk counts.
    It does not if the device of a worker has failed meanwhile, as nobody knows whose receipt it is. A receipt that
    does not count is removed, or the next run would take the shard for finished.

    Raises:
        EnvironmentFault: the scheduler is gone, and every task with it.
    """
    result = _report_of(future)
    if isinstance(result, Published):
        if (fault := faulty_workers.faults.get(result.worker)) is None:
            return result.receipt
        # Another shard of this worker has shown that its device fails: this one was computed beside it.
        result = GivenBack(result.worker, fault)

    if receipt.is_file():
        if not isinstance(result, GivenBack) and not faulty_workers.faults:
            return Receipt.read(receipt)
        receipt.unlink(missing_ok=True)

    if result is None:
        raise EnvironmentFault(
            "The Dask scheduler went away.",
            found="its tasks are lost; finished shards are kept",
            hint="see why it ended, then run the same command again",
        )
    return result


def _report_of(future: Any) -> Result | None:
    """Return what a worker reports of its shard, or the error that Dask gives for it; None without a scheduler."""
    from distributed import KilledWorker

    if future.cancelled():
        return None

    error = future.exception()
    if isinstance(error, KilledWorker):
        n_deaths = error.allowed_failures + 1
        return RuntimeError(f"{n_deaths} workers died while they computed it, perhaps because memory ran out")

    result: Result = error if error is not None else future.result()
    return result
