"""The workers of a server: a few processes, each for one task at a time; other tasks wait, or are refused."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import Empty, LifoQueue

from attlas.schema import Fault
from attlas.schema.leftovers import leftover_name, remove_leftovers
from attlas.serve.limits import Limits
from attlas.serve.tasks import Outcome, Task
from attlas.serve.worker import STEP_S, ClientLeftError, Order, Worker

KIND = "attlas-serve-"
"""Beginning of the names of the folders of servers."""
ANSWER = "answer-"
"""Beginning of the names of files with answers."""


@dataclass(frozen=True)
class FileAnswer:
    """An answer in a file; whoever sends the file removes it."""

    path: Path
    outcome: Outcome


class BusyError(Exception):
    """Too many tasks are waiting, or this one has waited too long, or the pool is closed."""

    def __init__(self) -> None:
        super().__init__("no worker is free")


class FullError(BusyError):
    """The answers that clients have not received yet fill the allowed space on the disk."""


class WorkerPool:
    """Workers that are started when needed, and replaced if they were killed."""

    def __init__(
        self,
        place: str,
        *,
        memory_limit: str | None,
        max_bytes: int,
        n_workers: int,
        n_waiting: int,
        pending_bytes: int = Limits.pending_bytes,
    ) -> None:
        """Make an empty pool for the atlas of a directory or a URL.

        Args:
            place: directory or URL of the atlas.
            memory_limit: memory that the queries of a worker may take before they spill to disk.
            max_bytes: largest file that a task may write.
            n_workers: most processes.
            n_waiting: tasks that may wait for one of them.
            pending_bytes: bytes of answers on the disk above which no task is accepted.
        """
        self._place = place
        self._memory_limit = memory_limit
        self._max_bytes = max_bytes
        self._pending_bytes = pending_bytes
        self.folder = _make_folder()
        self._numbers = count(1)
        self._waiting = threading.Semaphore(n_workers + n_waiting)
        # A place holds an idle worker, or None if its worker has not been started.
        self._places: LifoQueue[Worker | None] = LifoQueue()
        self.workers: set[Worker] = set()
        self._is_closed = threading.Event()
        self._beginnings: list[Callable[[], object]] = []
        for _ in range(n_workers):
            self._places.put(None)

    def start(self) -> None:
        """Start a worker, so that the first question need not wait for it."""
        place = self._places.get()
        try:
            place = place or self._new_worker()
        finally:
            self._places.put(place)
        for begin in self._beginnings:
            begin()

    def when_started(self, begin: Callable[[], object]) -> None:
        """Call a function when the server starts; it prepares answers that visitors will soon need."""
        self._beginnings.append(begin)

    def wait_for_closing(self, timeout_s: float) -> bool:
        """Wait until the pool is closed, at most `timeout_s`; return whether it is closed."""
        return self._is_closed.wait(timeout_s)

    def carry_out(self, task: Task, *, timeout_s: float, has_left: Callable[[], bool] = lambda: False) -> FileAnswer:
        """Return the answer to a task.

        Raises:
            Fault: the task cannot be answered.
            BusyError: no worker is free; `FullError`: too many answers wait on the disk.
            ClientLeftError: `has_left` says that nobody waits for the answer; its process was killed.
            OutOfTimeError: the task took longer than `timeout_s`; its process was killed.
            WorkerEndedError: the process ended without an answer.
        """
        if self._is_closed.is_set() or not self._waiting.acquire(blocking=False):
            raise BusyError
        try:
            if self._count_pending() > self._pending_bytes:
                raise FullError
            return self._carry_out(task, timeout_s, has_left)
        finally:
            self._waiting.release()

    def close(self) -> None:
        """Kill every worker and remove all files; a task that waits for a worker gets WorkerEndedError."""
        self._is_closed.set()
        for worker in list(self.workers):
            worker.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _carry_out(self, task: Task, timeout_s: float, has_left: Callable[[], bool]) -> FileAnswer:
        started = time.monotonic()
        place = self._take_place(timeout_s, has_left)
        worker: Worker | None = None
        output = self.folder / f"{ANSWER}{next(self._numbers)}"

        try:
            worker = place or self._new_worker()
            left_s = max(timeout_s - (time.monotonic() - started), 1.0)
            outcome = worker.carry_out(Order(task, output), timeout_s=left_s, has_left=has_left)
            return FileAnswer(output, outcome)
        except Fault as fault:
            output.unlink(missing_ok=True)
            if worker is not None and not worker.is_ready:  # it could not open the atlas
                self._end(worker)
                worker = None
            raise fault
        except BaseException:
            # The worker is late, dead or broken: a new one takes its place.
            output.unlink(missing_ok=True)
            if worker is not None:
                self._end(worker)
                worker = None
            raise
        finally:
            self._places.put(worker)

    def _count_pending(self) -> int:
        """Return the bytes of all answers, also of those being written."""
        n_bytes = 0
        for path in self.folder.glob(f"{ANSWER}*"):
            with suppress(FileNotFoundError):  # it was sent meanwhile
                n_bytes += path.stat().st_size
        return n_bytes

    def _take_place(self, timeout_s: float, has_left: Callable[[], bool]) -> Worker | None:
        """Wait for a free place and return it; if the client has left, the place and its worker stay free."""
        until = time.monotonic() + timeout_s
        while not has_left():
            try:
                place = self._places.get(timeout=min(STEP_S, max(until - time.monotonic(), 0)))
            except Empty:
                if time.monotonic() >= until:
                    raise BusyError from None
                continue
            if not has_left():
                return place
            self._places.put(place)
        raise ClientLeftError

    def _new_worker(self) -> Worker:
        if self._is_closed.is_set():
            raise BusyError
        folder = self.folder / f"worker-{next(self._numbers)}"
        worker = Worker(self._place, folder, memory_limit=self._memory_limit, max_bytes=self._max_bytes)
        self.workers.add(worker)
        if self._is_closed.is_set():  # meanwhile
            self._end(worker)
            raise BusyError
        return worker

    def _end(self, worker: Worker) -> None:
        worker.kill()
        self.workers.discard(worker)


def _make_folder() -> Path:
    """Return a new folder for the answers and the workers; folders of killed servers are removed."""
    temporary = Path(tempfile.gettempdir())
    remove_leftovers(temporary, KIND)
    folder = temporary / leftover_name(KIND, "answers")
    folder.mkdir(mode=0o700)
    return folder
