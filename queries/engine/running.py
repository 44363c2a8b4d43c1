"""A query at work in a thread of its own, so that Ctrl-C and a time limit reach it at once.

DuckDB looks for signals only now and then (10 s were measured in a join), and Python handles none while DuckDB works.
"""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from threading import Thread
from typing import TypeVar

import duckdb

T = TypeVar("T")

STEP_S = 0.2
"""How often a waiting thread looks for signals."""

PATIENCE_S = 10
"""How long an interrupted query is waited for."""

THREAD = "attlas-sql"
"""Name of the threads that queries work in."""

INTERRUPTED = "Query interrupted"
"""What DuckDB makes of Ctrl-C in the main thread: a RuntimeError of these words."""


class OutOfTime(Exception):
    """The query has used up its time."""

    def __init__(self, *, is_stopped: bool) -> None:
        super().__init__()
        self.is_stopped = is_stopped
        """False where DuckDB works on, deep in one function of one value, where no interrupt reaches it."""


class Running:
    """The calls of one query, one after another; its time counts only while DuckDB works, not between the calls."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection | None, timeout_s: float | None) -> None:
        """Begin the count of time. `cursor` is what the calls work with, to be interrupted; None: nothing can be."""
        self._cursor = cursor
        self.left_s = timeout_s
        """Seconds that are left; None is no limit."""

    def call(self, work: Callable[[], T]) -> T:
        """Call `work` in a thread of its own and return its result.

        Raises:
            OutOfTime: the calls have taken longer than the time limit; the query was stopped.
        """
        started = time.monotonic()

        future = _begin(work)
        try:
            return self._result(future)
        except KeyboardInterrupt:
            self._stop(future)
            raise
        finally:
            if self.left_s is not None:
                self.left_s = max(self.left_s - (time.monotonic() - started), 0.001)

    def _result(self, future: "Future[T]") -> T:
        until = math.inf if self.left_s is None else time.monotonic() + self.left_s

        while not future.done():
            # In small steps: a signal that another thread receives does not wake this one.
            wait([future], timeout=min(STEP_S, max(until - time.monotonic(), 0)))
            if not future.done() and time.monotonic() >= until:
                self._stop(future)
                raise OutOfTime(is_stopped=future.done())
        return future.result()  # an answer, at the last moment perhaps, or an error of the work itself

    def _stop(self, future: "Future[T]") -> None:
        if self._cursor is None:
            return
        # More than once: an interrupt that comes before DuckDB has begun is forgotten.
        until = time.monotonic() + PATIENCE_S
        while not future.done() and time.monotonic() < until:
            self._cursor.interrupt()
            wait([future], timeout=0.05)


@contextmanager
def telling_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt where DuckDB has made another error of it.

    For short statements, which need no thread of their own. Also stands as a decorator before a function.
    """
    try:
        yield
    except RuntimeError as error:
        if str(error) != INTERRUPTED:
            raise
        raise KeyboardInterrupt from None


def _begin(work: Callable[[], T]) -> "Future[T]":
    """Begin `work` in a thread that does not keep the process alive, and return its future result."""
    future: Future[T] = Future()
    Thread(target=_fulfil, args=(future, work), name=THREAD, daemon=True).start()
    return future


def _fulfil(future: "Future[T]", work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
        del future  # else error and future hold each other, and the connection with them
