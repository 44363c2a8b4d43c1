"""What takes long and is the same for everybody, such as the report: made once for each edition of the atlas."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from attlas.serve.current_atlas import Edition

T = TypeVar("T")
ERROR_S = 10.0
"""Seconds for which an error is kept, so that a page that asks again every few seconds gets it."""


class MadeOnce(Generic[T]):
    """A value that is made in a thread of its own when it is asked for, and kept until the atlas changes."""

    def __init__(self, make: Callable[[Edition], T], *, discard: Callable[[T], object] = lambda value: None) -> None:
        """Make nothing yet.

        Args:
            make: makes the value, in a thread of its own.
            discard: called with a value two editions later, when nobody is being sent it any more.
        """
        self._make = make
        self._discard = discard
        self._previous: Future[T] | None = None
        self._lock = threading.Lock()
        self._digest = ""
        self._future: Future[T] = Future()
        self._failed_at = 0.0

    def begin(self, edition: Edition) -> "Future[T]":
        """Return the value to come. An error is kept for `ERROR_S`; a later call starts again."""
        with self._lock:
            is_other = self._digest != edition.digest
            has_failed = self._future.done() and self._future.exception() is not None
            if is_other or (has_failed and time.monotonic() - self._failed_at > ERROR_S):
                if is_other and self._digest:
                    self._discard_previous()
                    self._previous = self._future
                self._digest, self._future = edition.digest, Future()
                threading.Thread(target=self._fulfil, args=(edition, self._future), daemon=True).start()
            return self._future

    def _discard_previous(self) -> None:
        def discard(future: "Future[T]") -> None:
            if future.exception() is None:
                self._discard(future.result())

        if self._previous is not None:
            self._previous.add_done_callback(discard)  # at once where it is done

    def _fulfil(self, edition: Edition, future: "Future[T]") -> None:
        future.set_running_or_notify_cancel()  # from here on nobody who leaves can cancel it for the others
        try:
            future.set_result(self._make(edition))
        except Exception as error:
            self._failed_at = time.monotonic()
            future.set_exception(error)
