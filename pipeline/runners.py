"""Who computes the missing shards: this process, or Dask workers. The receipts are the only memory."""

import socket
import threading
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from attlas.pipeline.cluster import WORKER_DEATHS, WORKER_THREADS, leave_out, open_cluster
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.resources import default_workers, give_back_memory
from attlas.schema import AtlasPaths, DeviceFault, EnvironmentFault, Fault, Receipt, Run
from attlas.schema.errors import first_line

TASKS_PER_THREAD = 2
"""Shards in flight per thread of a worker: one computed, one waiting; never the whole plan."""


@dataclass(frozen=True)
class WorkersStarted:
    """Whoever computes is there."""

    n_workers: int
    """Processes, each with a model and a device."""
    n_threads: int
    """Shards that all of them have in hand at once."""


@dataclass(frozen=True)
class WorkerLeftOut:
    """A worker whose device does not work was ended; its shards go to others."""

    worker: str
    fault: DeviceFault


@dataclass(frozen=True)
class ShardFinished:
    """A shard was computed and published."""

    shard: Shard
    receipt: Receipt


@dataclass(frozen=True)
class ShardGivenUp:
    """A shard could not be computed; the others go on."""

    shard: Shard
    error: Exception


Event = WorkersStarted | WorkerLeftOut | ShardFinished | ShardGivenUp
"""What happens while shards are computed."""


class Task(Protocol):
    """What is done with a shard, in this process or a worker's; it travels there pickled."""

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Do it with shard `index`, publish the receipt and return it.

        Raises:
            DeviceFault: the device of this process does not work; nothing was published.
        """
        ...

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return where the receipt of shard `index` is published."""
        ...


@dataclass(frozen=True)
class EncodeTask:
    """Compute a shard of a build."""

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compute it: everything needed lies in the directory."""
        from attlas.pipeline.shard import encode_shard

        paths, plan, encoder = prepare(root, n_threads)
        return encode_shard(paths, plan, plan.shards[index - 1], encoder)

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return the receipt of the build's shard."""
        return paths.receipt(index)


ENCODE = EncodeTask()


def run_inline(
    root: Path, shards: Sequence[Shard], *, n_threads: int | None = None, task: Task = ENCODE
) -> Generator[Event, None, None]:
    """Compute shards one after the other in this process."""
    yield WorkersStarted(n_workers=1, n_threads=1)
    for shard in shards:
        yield ShardFinished(shard, task(str(root), shard.index, n_threads or default_workers("cpu")))


def run_dask(
    root: Path, shards: Sequence[Shard], *, n_workers: int, scheduler: str | None, device: str, task: Task = ENCODE
) -> Generator[Event, None, None]:
    """Compute shards on Dask workers, the costliest first, and yield what happens.

    A shard whose worker dies is sent to another, WORKER_DEATHS times. A worker whose device does not work is left out,
    and the shard is sent to another. With `scheduler` an existing cluster is used, all of it where `n_workers` is 0;
    its workers must see the atlas directory and the model under the same paths.

    Raises:
        EnvironmentFault: the scheduler cannot be reached, has no workers, or such as have too little memory; or the
            devices of all workers failed.
    """
    from distributed import as_completed

    with open_cluster(n_workers, scheduler=scheduler, device=device, shards=shards) as (client, n_threads):
        threads_of_workers = client.ncores()
        n_in_hand = n_workers * WORKER_THREADS[device] or sum(threads_of_workers.values())
        yield WorkersStarted(len(threads_of_workers), min(n_in_hand, sum(threads_of_workers.values())))

        waiting = iter(sorted(shards, key=lambda shard: -shard.cost))
        running: dict[str, Shard] = {}
        failing = FailingWorkers(n_at_start=len(threads_of_workers))

        def submit(shard: Shard) -> Any:
            # No key prefix of its own and no resources: both switch off the scheduler's queue (distributed#9164).
            future = client.submit(compute_at_worker, task, str(root), shard.index, n_threads, pure=False)
            running[future.key] = shard
            return future

        n_in_flight = n_in_hand * TASKS_PER_THREAD
        futures = as_completed([submit(shard) for _, shard in zip(range(n_in_flight), waiting, strict=False)])
        for future in futures:
            shard = running.pop(future.key)
            result = _result(future, task.receipt(AtlasPaths(root), shard.index))
            future.release()

            if isinstance(result, GivenBack):
                if failing.add(shard, result):
                    leave_out(client, result.worker)
                    yield WorkerLeftOut(result.worker, result.fault)
                failing.refuse_none_left(set(client.ncores()))
                if not failing.is_hopeless(shard):
                    futures.add(submit(shard))
                    continue
                result = result.fault

            if (following := next(waiting, None)) is not None:
                futures.add(submit(following))
            yield ShardFinished(shard, result) if isinstance(result, Receipt) else ShardGivenUp(shard, result)


@dataclass(frozen=True)
class GivenBack:
    """A shard that a worker could not compute as its device does not work."""

    worker: str
    """Its address."""
    fault: DeviceFault


class FailingWorkers:
    """The workers whose devices failed, and the shards at which they did."""

    def __init__(self, n_at_start: int) -> None:
        self.n_at_start = n_at_start
        self.faults: dict[str, DeviceFault] = {}
        self.workers_of_shard: dict[int, set[str]] = defaultdict(set)

    def add(self, shard: Shard, given_back: GivenBack) -> bool:
        """Count a shard given back, and tell whether it is the first of its worker."""
        is_new = given_back.worker not in self.faults
        self.faults.setdefault(given_back.worker, given_back.fault)
        self.workers_of_shard[shard.index].add(given_back.worker)
        return is_new

    def is_hopeless(self, shard: Shard) -> bool:
        """Tell whether a shard was given back so often that it is more likely to blame than the devices."""
        return len(self.workers_of_shard[shard.index]) > WORKER_DEATHS

    def refuse_none_left(self, workers: set[str]) -> None:
        """Stop where the device of every worker failed; a worker that died otherwise may come back.

        Raises:
            EnvironmentFault: names the workers and what went wrong.
        """
        if workers - self.faults.keys() or len(self.faults) < self.n_at_start:
            return
        raise EnvironmentFault(
            "No worker is left whose device works; finished shards are kept.",
            expected="a device that computes a known protein as it did when the model was loaded",
            found=f"{len(self.faults)} that failed:",
            offenders=[f"{worker}: {fault.found or fault.what}" for worker, fault in sorted(self.faults.items())],
            hint="see the machine's own log (nvidia-smi, dmesg); the same command goes on where this one stopped",
        )


def compute_at_worker(task: Task, root: str, index: int, n_threads: int) -> Receipt | GivenBack:
    """Do a task in a Dask worker, and say which one it was where its device does not work."""
    from distributed import get_worker

    try:
        return task(root, index, n_threads)
    except DeviceFault as fault:
        return GivenBack(get_worker().address, fault)


def _result(future: Any, receipt: Path) -> Receipt | GivenBack | Exception:
    """Return what became of a task, dead workers and a lost scheduler in the words of a build.

    What is on disk counts: a worker may die after it has published its receipt and before it has said so.

    Raises:
        EnvironmentFault: the scheduler went away, and every task with it.
    """
    from distributed import KilledWorker

    if receipt.is_file():
        return Receipt.read(receipt)
    if future.cancelled():
        raise EnvironmentFault(
            "The Dask scheduler went away.",
            found="its tasks are lost; finished shards are kept",
            hint="see why it ended, then run the same command again",
        )
    error = future.exception()
    if isinstance(error, KilledWorker):
        n_died = error.allowed_failures + 1
        return RuntimeError(f"{n_died} workers died while they computed it, as when memory runs out")
    result: Receipt | GivenBack | Exception = error if error is not None else future.result()
    return result


def prepare(root: str, n_threads: int) -> tuple[AtlasPaths, Plan, Any]:
    """Return the directory, its plan and the planned model in memory, loaded once per process."""
    import torch

    from attlas.pipeline.directory import read_plan

    give_back_memory()
    torch.set_num_threads(n_threads)
    paths = AtlasPaths(Path(root))
    plan = read_plan(paths)
    with _loading:  # the threads of a worker share one model
        return paths, plan, _encoder(plan.model_directory, plan.run)


_loading = threading.Lock()


@lru_cache(maxsize=1)
def _encoder(directory: str, run: Run) -> Any:
    """Load the model once per process, after checking that it is the planned one."""
    from attlas.pipeline.encoder import Encoder
    from attlas.pipeline.model import find_model

    files = find_model(directory)
    for what, planned, found in (
        ("weights", run.weights_sha256, files.weights_sha256()),
        ("configuration and vocabulary", run.config_sha256, files.config_sha256()),
    ):
        if planned != found:
            raise EnvironmentFault(
                f"The {what} in {directory} are not those of the plan.",
                expected=f"sha256 {planned}",
                found=f"sha256 {found}",
                hint="put the planned model back, or build into a new directory",
            )
    try:
        return Encoder(files, device=run.device, dtype=run.dtype, theta=run.edge_theta, attention=run.attention)
    except Fault:
        raise
    except Exception as error:
        raise DeviceFault(
            f"The model cannot be run on the device {run.device} of {socket.gethostname()}.",
            found=first_line(error),
            hint="see whether another program uses the device, or its memory (nvidia-smi); then the same command",
        ) from None
