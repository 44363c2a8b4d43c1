"""What takes long and is the same for everybody, such as the report: made once for each edition of the atlas."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from attlas.serve.current_atlas import Edition

T = TypeVar("T")


class MadeOnce(Generic[T]):
    """A value that is made in a thread of its own when it is asked for, and kept until the atlas changes."""

    def __init__(self, make: Callable[[Edition], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._digest = ""
        self._future: Future[T] = Future()

    def begin(self, edition: Edition) -> "Future[T]":
        """Return the value to come; after an error the next call begins anew."""
        with self._lock:
            is_other = self._digest != edition.digest
            if is_other or (self._future.done() and self._future.exception() is not None):
                self._digest, self._future = edition.digest, Future()
                threading.Thread(target=self._fulfil, args=(edition, self._future), daemon=True).start()
            return self._future

    def _fulfil(self, edition: Edition, future: "Future[T]") -> None:
        future.set_running_or_notify_cancel()  # from here on nobody who leaves can cancel it for the others
        try:
            future.set_result(self._make(edition))
        except Exception as error:
            future.set_exception(error)
