"""The Dask workers of a build: started on this machine or found at a scheduler, and left out where a device fails.

Workers that start here fork from one process that has imported their libraries (`libraries`), and share its memory.
On GPUs each has a card of its own.
"""

import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from multiprocessing import resource_tracker
from typing import Any

from attlas.pipeline.plan import Shard
from attlas.pipeline.workers.gpus import VISIBLE, count_gpus, list_gpus
from attlas.pipeline.workers.libraries import start_fork_server
from attlas.pipeline.workers.resources import (
    THREADS,
    count_default_workers,
    measure_available_bytes,
    refuse_small_workers,
)
from attlas.schema import EnvironmentFault

WORKER_THREADS = {"cpu": 1, "cuda": THREADS["cuda"]}
"""Shards that a worker computes at once: there is a worker for each core, and one for each GPU."""

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
        EnvironmentFault: the scheduler cannot be reached, has no workers, workers without the plan's device, or with
            too little memory for it.
    """
    if scheduler is None:
        prepare_workers()  # they import while this process does

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
        "distributed.worker.multiprocessing-method": "forkserver" if _start_without_interrupts() else "spawn",
    }

    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        if scheduler is not None:
            client = stack.enter_context(connect_to_scheduler(scheduler))
            refuse_small_workers(_measure_workers(client, device), shards)
            yield client, 1
        else:
            with _without_interrupts():
                cluster = stack.enter_context(_local_cluster(n_workers, device))
            client = stack.enter_context(Client(cluster))
            if device == "cuda":
                _wait_for_local_workers(client, n_workers)
                refuse_small_workers(_measure_workers(client, device), shards)
            yield client, max(1, count_default_workers("cpu") // n_workers)


def prepare_workers() -> None:
    """Let the process from which workers fork start to import, if it does not run yet; return at once."""
    _start_without_interrupts()


def _start_without_interrupts() -> bool:
    """Start the process from which workers fork; return False where there can be none."""
    with _without_interrupts():
        return start_fork_server()


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


def connect_to_scheduler(scheduler: str) -> Any:
    """Return a client of a scheduler that has workers; close it. Raises EnvironmentFault."""
    client = _connect(scheduler)
    try:
        _wait_for_workers(client, scheduler)
    except EnvironmentFault:
        client.close()
        raise
    return client


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


def _wait_for_local_workers(client: Any, n_workers: int) -> None:
    """Wait for the workers of this machine: Dask does not tell why one does not start. Raises EnvironmentFault."""
    try:
        client.wait_for_workers(n_workers, timeout=PATIENCE)
    except TimeoutError as error:
        raise EnvironmentFault(
            "The workers of this machine do not start.",
            expected=f"{n_workers} within {PATIENCE}",
            found=f"{len(client.ncores())}",
            hint="see whether processes, /dev/shm or the GPUs are at their limits; or use --workers 0",
        ) from error


def _measure_workers(client: Any, device: str) -> dict[str, int]:
    """Return the memory limit for each thread of a worker, or the free memory of its GPU, bytes; 0 for no limit.

    The threads of a worker on a CPU compute side by side. The limits are by address.

    Raises:
        EnvironmentFault: the plan is for GPUs, and there are workers without one.
    """
    if device == "cpu":
        workers = client.scheduler_info(n_workers=-1)["workers"]
        return {address: (worker["memory_limit"] or 0) // worker["nthreads"] for address, worker in workers.items()}

    n_gpus: dict[str, int] = client.run(count_gpus)
    if without := sorted(address for address, n in n_gpus.items() if n == 0):
        raise EnvironmentFault(
            f"{len(without)} of the {len(n_gpus)} workers have no GPU, for which this atlas is planned.",
            expected="workers that see a CUDA device",
            offenders=without,
            hint="start them where there are GPUs, with a CUDA build of torch; or plan with --device cpu",
        )
    free_bytes: dict[str, int] = client.run(measure_available_bytes, device)
    return free_bytes


def _local_cluster(n_workers: int, device: str) -> Any:
    from distributed import LocalCluster

    # Memory is bounded by the plan; Dask's own limit would pause or kill a worker on guesses.
    options: dict[str, Any] = {"processes": True, "memory_limit": 0, "threads_per_worker": WORKER_THREADS[device]}

    # No dashboard; a scheduler still opens an HTTP port, and warns if the usual one is in use.
    options |= {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
    # The build reports an error once, instead of every process of the cluster.
    options["silence_logs"] = logging.CRITICAL

    if device == "cpu":
        return LocalCluster(n_workers=n_workers, **options)

    cluster = LocalCluster(n_workers=0, **options)
    give_each_worker_a_gpu(cluster, list_gpus(count_gpus()))
    cluster.scale(n_workers)
    return cluster


def give_each_worker_a_gpu(cluster: Any, gpus: Sequence[str]) -> None:
    """Let every worker that a local cluster starts from now on see one GPU, in turn; it keeps it when it is restarted.

    Args:
        cluster: a `LocalCluster` without workers.
        gpus: names of GPUs, as for `CUDA_VISIBLE_DEVICES`.
    """
    names = cycle(gpus)
    specification_without_gpu = cluster.new_worker_spec

    def specification() -> dict[Any, Any]:
        return {
            name: {**worker, "options": {**worker["options"], "env": {VISIBLE: next(names)}}}
            for name, worker in specification_without_gpu().items()
        }

    cluster.new_worker_spec = specification
