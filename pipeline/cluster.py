"""The Dask workers of a build: started on this machine or found at a scheduler, and left out where a device fails."""

import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any

from attlas.pipeline.plan import Shard
from attlas.pipeline.resources import count_default_workers, refuse_small_workers
from attlas.schema import EnvironmentFault

WORKER_THREADS = {"cpu": 1, "cuda": 3}
"""Shards that a worker computes at once: on a GPU one runs through the model (`Encoder.lock`), while the sites of
others are called and their tables written."""

WORKER_DEATHS = 3
"""Number of workers that may die at a shard before it is given up (and the others go on)."""

PATIENCE = "2 minutes"
"""Time that shards wait while there is no worker at all, before they are given up."""

CONNECTION_TIMEOUT_S = 10


@contextmanager
def open_cluster(
    n_workers: int, *, scheduler: str | None, device: str, shards: Sequence[Shard]
) -> Iterator[tuple[Any, int]]:
    """Yield a client whose workers have started, and the torch threads of each.

    Raises:
        EnvironmentFault: the scheduler cannot be reached, has no workers, or workers with too little memory.
    """
    import dask
    from distributed import Client

    # By Dask's default the allocator gives memory back at once; a model needs the same again in the next layer.
    environment = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    settings = {
        "distributed.nanny.pre-spawn-environ": environment,
        "distributed.scheduler.allowed-failures": WORKER_DEATHS,
        # If a worker dies, Dask blames the tasks that wait at it as well: so none waits there.
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.scheduler.no-workers-timeout": PATIENCE,
        # By default Dask gives up a worker that is away for 15 s after a death; importing torch may take that long.
        "distributed.deploy.lost-worker-timeout": "1 day",
        "distributed.worker.daemon": True,
    }

    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        if scheduler is not None:
            client = stack.enter_context(_connect(scheduler))
            _wait_for_workers(client, scheduler)
            if device == "cpu":
                workers = client.scheduler_info()["workers"]
                limits = {address: worker["memory_limit"] or 0 for address, worker in workers.items()}
                refuse_small_workers(limits, shards)
            yield client, 1
        else:
            with _without_interrupts():
                cluster = stack.enter_context(_local_cluster(n_workers, device))
            n_threads = max(1, count_default_workers("cpu") // n_workers)
            yield stack.enter_context(Client(cluster)), n_threads


def leave_out(client: Any, worker: str) -> None:
    """End a worker: a process whose device has failed once may never compute right again."""
    client.retire_workers([worker], close_workers=True)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block Ctrl-C in this thread, and for good in the threads and processes that start meanwhile.

    A terminal sends Ctrl-C to every process; the build stops the workers itself.
    """
    # Python's tracker of resources starts with the first worker, and lets Ctrl-C through again where it was started.
    resource_tracker.ensure_running()

    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def _connect(scheduler: str) -> Any:
    from distributed import Client

    try:
        return Client(scheduler, timeout=CONNECTION_TIMEOUT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise EnvironmentFault(
            f"The Dask scheduler {scheduler} does not answer.",
            expected="an address such as tcp://host:8786",
            found=str(error).splitlines()[0],
            hint="start one with `dask scheduler`, and workers with `dask worker ADDRESS`",
        ) from error


def _wait_for_workers(client: Any, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise EnvironmentFault(
            f"The Dask scheduler {scheduler} has no workers.",
            found=f"none in {PATIENCE}",
            hint=f"start workers: dask worker {scheduler} --nthreads 1",
        ) from error


def _local_cluster(n_workers: int, device: str) -> Any:
    from distributed import LocalCluster

    # Memory is bounded by the plan; Dask's own limit would pause or kill a worker on guesses.
    options: dict[str, Any] = {"n_workers": n_workers, "memory_limit": 0}
    options["threads_per_worker"] = WORKER_THREADS[device]

    # No dashboard; a scheduler still opens an HTTP port, and warns if the usual one is in use.
    options |= {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
    # The build reports an error once, instead of every process of the cluster.
    options["silence_logs"] = logging.CRITICAL

    if device == "cuda":
        try:
            from dask_cuda import LocalCUDACluster
        except ImportError:
            # Without dask-cuda no process gets a GPU of its own, so one process uses the first GPU.
            return LocalCluster(processes=True, **(options | {"n_workers": 1}))
        return LocalCUDACluster(**options)
    return LocalCluster(processes=True, **options)
