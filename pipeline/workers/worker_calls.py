"""The calls that a Dask worker carries out on a shard, if it is still the process that was checked."""

from collections.abc import Mapping

from attlas.pipeline.workers.dask_client import WorkerEnded
from attlas.pipeline.workers.joining import name_process
from attlas.pipeline.workers.runners import DivisibleTask, ShardTask
from attlas.schema import Receipt


def compute_at_worker(task: ShardTask, root: str, index: int, n_threads: int, process: str) -> Receipt | WorkerEnded:
    """Compute shard `index` in a Dask worker; `process` is the name of the process that was checked."""
    return task(root, index, n_threads) if name_process() == process else WorkerEnded()


def search_at_worker(
    task: DivisibleTask, root: str, index: int, n_threads: int, earlier: frozenset[int], process: str
) -> Mapping[int, str] | WorkerEnded:
    """Look in a Dask worker for the sequences of a shard that end the process which computes them."""
    if name_process() != process:
        return WorkerEnded()
    return task.find_deadly_sequences(root, index, n_threads, earlier)


def has_ended(result: object) -> bool:
    """Return whether what came back of a task says that its worker has ended."""
    from distributed import KilledWorker
    from distributed.scheduler import NoValidWorkerError

    return isinstance(result, (KilledWorker, NoValidWorkerError, WorkerEnded))
