"""Tasks sent to Dask workers, and their results: every task goes to one worker, which is chosen here.

So we know which worker failed or ended, no worker computes before it is checked, and nothing depends on how the
scheduler, which may be somebody else's, distributes tasks.
"""

import queue
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from attlas.schema import EnvironmentFault

WAITING_RESOURCE = "attlas-waits-for-workers"
"""A resource that no worker has: tasks that need it show a cluster that adapts its size that there is work."""

MOST_WAITING_TASKS = 100
"""Most tasks that wait for that resource: more would tell a cluster nothing new."""

RESULT_TIMEOUT_S = 30.0
"""Seconds to fetch a result, a few hundred bytes, from a worker, which may have ended meanwhile."""


@dataclass(frozen=True)
class WorkerEnded:
    """The worker of a task has ended; another process may have come at its address."""


class DaskWorkers:
    """The workers of a Dask client, and the tasks that each of them has.

    Args:
        client: the client.
        is_own: whether the scheduler ends with the computation, and its tasks with it.
    """

    def __init__(self, client: Any, *, is_own: bool) -> None:
        self.client, self.is_own = client, is_own
        self._futures: dict[str, Any] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting_tasks: list[Any] = []

    def count_threads(self) -> dict[str, int]:
        """Return the number of threads of every worker that is there now, by its address.

        Raises:
            EnvironmentFault: the scheduler is gone.
        """
        try:
            return dict(self.client.ncores())
        except (OSError, TimeoutError, RuntimeError) as error:  # Dask raises any of them, by the moment
            raise _scheduler_gone() from error

    def submit(self, worker: str, function: Callable[..., object], *arguments: object) -> str:
        """Send a task to a worker and return its key."""
        future = self.client.submit(function, *arguments, workers=[worker], allow_other_workers=False, pure=False)
        self._futures[future.key] = future
        future.add_done_callback(self._ended.put)
        return str(future.key)

    def forget(self, keys: Collection[str]) -> None:
        """Cancel tasks whose worker is gone: Dask would keep them until a worker comes at that address."""
        if futures := [self._futures.pop(key) for key in keys if key in self._futures]:
            with suppress(OSError, TimeoutError):
                self.client.cancel(futures, force=True)

    def wait(self, seconds: float) -> tuple[str, object] | None:
        """Return the key of a task that has ended, and its result or error; None if no task ends within `seconds`.

        Raises:
            EnvironmentFault: the scheduler is gone, and every task with it.
        """
        try:
            future = self._ended.get(timeout=seconds)
        except queue.Empty:
            return None
        if self._futures.pop(future.key, None) is None:
            return None  # forgotten

        if future.cancelled():
            raise _scheduler_gone()
        error = future.exception()
        if error is not None:
            return future.key, error
        try:
            return future.key, future.result(timeout=RESULT_TIMEOUT_S)
        except TimeoutError:
            self.client.cancel([future], force=True)
            return future.key, WorkerEnded()
        except OSError as error:  # of the connection by which the scheduler passes results on
            raise _scheduler_gone() from error

    def show_waiting(self, n_tasks: int) -> None:
        """Show the scheduler how many tasks wait for workers, so that a cluster that adapts its size grows."""
        self._waiting_tasks = [future for future in self._waiting_tasks if not future.done()]
        n_missing = min(n_tasks, MOST_WAITING_TASKS) - len(self._waiting_tasks)
        for _ in range(n_missing):
            future = self.client.submit(_never_run, resources={WAITING_RESOURCE: 1}, pure=False)
            self._waiting_tasks.append(future)
        if n_missing < 0:
            superfluous, self._waiting_tasks = self._waiting_tasks[:-n_missing], self._waiting_tasks[-n_missing:]
            self.client.cancel(superfluous)

    def end_worker(self, worker: str) -> None:
        """End a worker: a process whose device has failed once may never compute right again."""
        self.client.retire_workers([worker], close_workers=True)

    def close(self) -> None:
        """Cancel every task at a scheduler that continues after the computation."""
        if self.is_own:
            return
        with suppress(OSError, TimeoutError, RuntimeError):
            self.client.cancel([*self._futures.values(), *self._waiting_tasks], force=True)


def _never_run() -> None:
    """Do nothing; no worker has the resource, so this task never runs."""


def _scheduler_gone() -> EnvironmentFault:
    return EnvironmentFault(
        "The Dask scheduler went away.",
        found="its tasks are lost; finished shards are kept",
        hint="see why it ended, then run the same command again",
    )
