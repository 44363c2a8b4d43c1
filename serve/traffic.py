"""When a server has requests to answer: what nobody waits for yet is made while it has none."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Traffic:
    """The requests that are being answered, and when the last one was; for use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_under_way = 0
        self._last_at = time.monotonic()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as long as it is being answered."""
        with self._lock:
            self._n_under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_under_way -= 1
                self._last_at = time.monotonic()

    def quiet_s(self) -> float:
        """Return for how many seconds nobody has asked for anything, since the server began at the longest."""
        with self._lock:
            return 0.0 if self._n_under_way else time.monotonic() - self._last_at
