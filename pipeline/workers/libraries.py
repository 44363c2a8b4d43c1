"""The libraries of a computation: imported once per process, or once for all workers before they fork."""

import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

WAITING = {"GOMP_SPINCOUNT": "10000"}
"""Environment of a process that computes: how often a thread of OpenMP looks whether the others are done before it
sleeps. Some 20 microseconds cost nothing on an idle machine. On a busy one the default, milliseconds, takes the core
from the very thread that is waited for."""

FORKED_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    "PYTHONSAFEPATH": "1",
}
"""Environment of the process from which workers fork, but for variables that the user has set. The process starts no
threads, and counts GPUs without using them, because a process that has used one cannot fork. Workers set their threads
themselves. A file such as `torch.py` in the current folder is not imported in place of the library."""

IMPORTED = (
    "attlas.pipeline.shard",  # with torch, and with transformers by way of `offline`
    "attlas.pipeline.attention.tiled",  # with numba
    "transformers.models.auto.modeling_auto",
    "transformers.models.esm.modeling_esm",
)
"""Modules that compute a shard; `offline` comes before those of transformers."""

LOOK_S = 1.0
"""Seconds between two looks of an importing process whether its parent is still there."""

PRELOADED = "attlas.pipeline.workers.preload"
"""The module that this process imports before it forks."""


def import_libraries() -> None:
    """Import all that computes a shard: torch, transformers, numba and the modules of attlas.

    No thread is started and no GPU is used, so a process may fork afterwards.
    """
    if "OMP_WAIT_POLICY" not in os.environ:  # with which a user decides how threads wait
        for name, value in WAITING.items():
            os.environ.setdefault(name, value)  # read when the first library with OpenMP is loaded

    with pause_collection():
        for name in IMPORTED:
            import_module(name)


def start_fork_server() -> bool:
    """Start the process from which workers fork, and return at once: it imports meanwhile. Once per process.

    The caller blocks Ctrl-C, which the workers inherit. Returns False where such a process cannot be: on macOS,
    whose libraries do not survive a fork, and where the temporary folder has no place for its socket.
    """
    if sys.platform == "darwin":
        return False

    import multiprocessing
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload([PRELOADED])
    try:
        with _environment(FORKED_ENVIRONMENT):
            forkserver.ensure_running()
    except OSError:
        return False
    return True


@contextmanager
def ending_with_parent() -> Iterator[None]:
    """Let this process end a second or two after its parent, also while it is busy importing."""
    parent = os.getppid()

    def look(_: int, __: FrameType | None) -> None:
        if os.getppid() != parent:
            os._exit(0)

    earlier = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, LOOK_S, LOOK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)


@contextmanager
def pause_collection() -> Iterator[None]:
    """Stop Python from looking for garbage: imports make none, and the search takes a tenth of their time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Set variables that are not set, for the processes that start meanwhile."""
    added = [name for name in defaults if name not in os.environ]
    os.environ.update({name: defaults[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
