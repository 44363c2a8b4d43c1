"""The Dask workers of a build: started on this machine, or those of a scheduler.

Workers that start here fork from one process that has imported their libraries (`libraries`), and share its memory.
On GPUs, each worker has its own card.
"""

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from multiprocessing import resource_tracker
from typing import Any

from attlas.pipeline.workers.gpus import VISIBLE, count_gpus, list_gpus
from attlas.pipeline.workers.libraries import start_fork_server
from attlas.pipeline.workers.resources import (
    THREADS,
    count_default_workers,
)
from attlas.schema import EnvironmentFault
from attlas.schema.errors import first_line

WORKER_THREADS = {"cpu": 1, "cuda": THREADS["cuda"]}
"""Shards that a worker computes at once: there is a worker for each core, and one for each GPU."""

STARTS = 3
"""Attempts to start the workers of this machine."""

CONNECTION_TIMEOUT_S = 10


@contextmanager
def open_cluster(n_workers: int, *, scheduler: str | None, device: str) -> Iterator[tuple[Any, int]]:
    """Yield a client of workers that start now, or of a scheduler that may have none yet; and their torch threads.

    Nothing depends on the settings of the scheduler, which may be somebody else's: `dask_runner` decides how many
    shards a worker gets, and what happens when it ends.

    Raises:
        EnvironmentFault: the scheduler cannot be reached.
    """
    if scheduler is not None:
        with connect_to_scheduler(scheduler) as client:
            yield client, 1
        return

    prepare_workers()  # they import while this process does

    import dask
    from distributed import Client

    # By Dask's default the allocator gives memory back at once; a model needs the same again in the next layer.
    environment = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    settings = {
        "distributed.nanny.pre-spawn-environ": environment,
        # By default Dask gives up a worker that is away for 15 s after a death; importing torch may take that long.
        "distributed.deploy.lost-worker-timeout": "1 day",
        "distributed.worker.daemon": True,
        "distributed.worker.multiprocessing-method": "forkserver" if _start_without_interrupts() else "spawn",
    }
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        with _without_interrupts():
            cluster = stack.enter_context(_local_cluster(n_workers, device))
        yield stack.enter_context(Client(cluster)), max(1, count_default_workers("cpu") // n_workers)


def prepare_workers() -> None:
    """Start the process from which workers fork, if it does not run yet; return at once, while it imports."""
    _start_without_interrupts()


def _start_without_interrupts() -> bool:
    """Start the process from which workers fork; return False where such a process cannot be."""
    with _without_interrupts():
        return start_fork_server()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block Ctrl-C in this thread, and for their whole life in the threads and processes that start meanwhile.

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
    """Return a client of a scheduler, which may have no workers yet; close it. Raises EnvironmentFault."""
    from distributed import Client

    # When the scheduler goes away, the client would log a traceback; the build reports it in a sentence.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        return Client(scheduler, timeout=CONNECTION_TIMEOUT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise EnvironmentFault(
            f"The Dask scheduler {scheduler} does not answer.",
            expected="an address such as tcp://host:8786",
            found=str(error).splitlines()[0],
            hint="start one with `dask scheduler`, and workers with `dask worker ADDRESS`",
        ) from error


def _local_cluster(n_workers: int, device: str) -> Any:
    from distributed import LocalCluster

    # The plan bounds memory; Dask's own limit would pause or kill workers by a guess.
    options: dict[str, Any] = {"processes": True, "memory_limit": 0, "threads_per_worker": WORKER_THREADS[device]}

    # No dashboard; a scheduler still opens an HTTP port, and warns if the usual one is in use.
    options |= {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
    # The build reports an error once, instead of every process of the cluster.
    options["silence_logs"] = logging.CRITICAL

    if device == "cpu":
        return _start_workers(lambda: LocalCluster(n_workers=n_workers, **options))

    cluster = LocalCluster(n_workers=0, **options)
    give_each_worker_a_gpu(cluster, list_gpus(count_gpus()))
    cluster.scale(n_workers)
    return cluster


def _start_workers(start: Callable[[], Any]) -> Any:
    """Return a cluster whose workers have started; Dask gives up all of them if one is killed meanwhile.

    Raises:
        EnvironmentFault: workers were killed at every attempt.
    """
    for _ in range(STARTS):
        try:
            return start()
        except RuntimeError as error:
            failure = error
    raise EnvironmentFault(
        "The workers of this machine do not start.",
        found=first_line(failure.__cause__ or failure),
        hint="see whether memory, processes or /dev/shm are at their limits; or use --workers 0",
    ) from failure


def give_each_worker_a_gpu(cluster: Any, gpus: Sequence[str]) -> None:
    """Give each worker that a local cluster starts from now on one GPU, in turn; a restarted worker keeps its GPU.

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
