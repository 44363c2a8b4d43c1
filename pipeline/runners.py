"""Who computes the missing shards: this process, or Dask workers. The receipts are the only memory."""

import logging
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.resources import default_workers, give_back_memory, refuse_small_workers
from attlas.schema import AtlasPaths, EnvironmentFault, Receipt, Run

TASKS_PER_THREAD = 2
"""Shards in flight per thread of a worker: one computed, one waiting; never the whole plan."""

WORKER_THREADS = {"cpu": 1, "cuda": 3}
"""Shards that a worker has in hand: on a GPU one runs through the model (`Encoder.lock`), while the sites of others
are called and their tables written."""

WORKER_DEATHS = 3
"""How often a shard may take its worker down before it is given up (and the others go on)."""

PATIENCE = "2 minutes"
"""How long shards wait while there is no worker at all, before they are given up: never for ever."""

Finished = Receipt | Exception


class Task(Protocol):
    """What is done with a shard, in this process or a worker's; it travels there pickled."""

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Do it with shard `index`, publish the receipt and return it."""
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
) -> Generator[tuple[Shard, Finished], None, None]:
    """Compute shards one after the other in this process."""
    for shard in shards:
        yield shard, task(str(root), shard.index, n_threads or default_workers("cpu"))


def run_dask(
    root: Path, shards: Sequence[Shard], *, n_workers: int, scheduler: str | None, device: str, task: Task = ENCODE
) -> Generator[tuple[Shard, Finished], None, None]:
    """Compute shards on Dask workers, the costliest first, and yield each as it is finished or given up.

    A shard whose worker dies is sent to another, WORKER_DEATHS times. With `scheduler` an existing cluster is used,
    all of it where `n_workers` is 0; its workers must see the atlas directory and the model under the same paths.

    Raises:
        EnvironmentFault: the scheduler cannot be reached, has no workers, or such as have too little memory.
    """
    from distributed import as_completed

    with _cluster(n_workers, scheduler, device, shards) as (client, n_threads):
        waiting = iter(sorted(shards, key=lambda shard: -shard.cost))
        running: dict[str, Shard] = {}

        def submit(shard: Shard) -> Any:
            # No key prefix of its own and no resources: both switch off the scheduler's queue (distributed#9164).
            future = client.submit(task, str(root), shard.index, n_threads, pure=False)
            running[future.key] = shard
            return future

        in_hand = n_workers * WORKER_THREADS[device] or sum(client.ncores().values())
        window = in_hand * TASKS_PER_THREAD
        done = as_completed([submit(shard) for _, shard in zip(range(window), waiting, strict=False)])
        for future in done:
            shard = running.pop(future.key)
            result = _result(future, task.receipt(AtlasPaths(root), shard.index))
            future.release()
            for following in waiting:
                done.add(submit(following))
                break
            yield shard, result


def _result(future: Any, receipt: Path) -> Finished:
    """Return what became of a task, dead workers and a lost scheduler in the words of a build.

    What is on disk counts: a worker may die with its answer on its lips.

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
    result: Finished = error if error is not None else future.result()
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
    return Encoder(files, device=run.device, dtype=run.dtype, theta=run.edge_theta, attention=run.attention)


@contextmanager
def _cluster(n_workers: int, scheduler: str | None, device: str, shards: Sequence[Shard]) -> Iterator[tuple[Any, int]]:
    """Yield a client and the torch threads of each worker."""
    import dask
    from distributed import Client

    # Dask's default has the allocator give memory back at once; a model asks for the same again in the next layer.
    environment = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    settings = {
        "distributed.nanny.pre-spawn-environ": environment,
        "distributed.scheduler.allowed-failures": WORKER_DEATHS,
        # A task that waits at a worker is blamed for its death like the one it computes: let none wait there.
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.scheduler.no-workers-timeout": PATIENCE,
        # By default the place of a worker that is away 15 s after a death is given up; importing torch may take that.
        "distributed.deploy.lost-worker-timeout": "1 day",
        "distributed.worker.preload": [__name__],
        "distributed.worker.daemon": True,
    }
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        if scheduler is not None:
            try:
                client = stack.enter_context(Client(scheduler, timeout=10))
            except (OSError, TimeoutError, ValueError) as error:
                raise EnvironmentFault(
                    f"The Dask scheduler {scheduler} does not answer.",
                    expected="an address such as tcp://host:8786",
                    found=str(error).splitlines()[0],
                    hint="start one with `dask scheduler`, and workers with `dask worker ADDRESS`",
                ) from error
            _wait_for_workers(client, scheduler)
            if device == "cpu":
                workers = client.scheduler_info()["workers"]
                refuse_small_workers({name: one["memory_limit"] or 0 for name, one in workers.items()}, shards)
            yield client, 1
            return
        cluster = stack.enter_context(_local_cluster(n_workers, device))
        n_threads = max(1, default_workers("cpu") // n_workers)
        yield stack.enter_context(Client(cluster)), n_threads


def _wait_for_workers(client: Any, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise EnvironmentFault(
            f"The Dask scheduler {scheduler} has no workers.",
            found=f"none in {PATIENCE}",
            hint=f"start some: dask worker {scheduler} --nthreads 1",
        ) from error


def dask_setup(_: Any) -> None:
    """Leave Ctrl-C, which a terminal sends to every process, to the build: Dask calls this as a worker starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _local_cluster(n_workers: int, device: str) -> Any:
    from distributed import LocalCluster

    # Memory is bounded by the plan; Dask's own limit would pause or kill a worker on guesses.
    options: dict[str, Any] = {"n_workers": n_workers, "memory_limit": 0}
    options["threads_per_worker"] = WORKER_THREADS[device]
    # No dashboard; but a scheduler opens its HTTP port all the same, and warns where the usual one is taken.
    options |= {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
    # What goes wrong is told once, by the build, not by every process of the cluster.
    options["silence_logs"] = logging.CRITICAL
    if device == "cuda":
        try:
            from dask_cuda import LocalCUDACluster
        except ImportError:
            # Nothing gives each process a GPU of its own, so one process takes the first.
            return LocalCluster(processes=True, **(options | {"n_workers": 1}))
        return LocalCUDACluster(**options)
    return LocalCluster(processes=True, **options)
