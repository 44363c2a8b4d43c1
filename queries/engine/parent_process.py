"""The end of a process that answers for a server: it goes when the server is gone, even in the middle of a query."""

import os
import threading
import time

CHECK_S = 1.0
"""How often the process looks whether its server still lives."""


def end_with_parent(parent: int) -> None:
    """From now on, end this process soon after its parent has ended; `parent` is the number of that process."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_S)
    os._exit(1)  # without waiting for a query
