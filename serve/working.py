"""The process of a worker: reads its settings, then one order after the other, and writes the answers to files.

Started by `worker.py` as `python -m attlas.serve.working NUMBER`, with the number of the open socket to the server.
"""

import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

from attlas.schema import Fault
from attlas.serve.tasks import Outcome
from attlas.serve.worker import Crash, Order, WorkerSettings

SERVER_CHECK_S = 1.0
"""How often a worker looks whether the server still lives."""


def work(connection: Connection) -> None:
    """Carry out the orders that come, until the server closes its end."""
    settings: WorkerSettings = connection.recv()
    threading.Thread(target=_end_with, args=(settings.server,), daemon=True).start()
    tempfile.tempdir = str(settings.folder)

    try:
        perform = _performer(settings)
    except Fault as fault:
        connection.send(fault)
        return
    connection.send(Outcome())  # ready

    while True:
        try:
            order: Order = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(_reply(perform, order))


def _performer(settings: WorkerSettings) -> Callable[[Order], Outcome]:
    """Return the function that carries out an order on the atlas, which it keeps open between orders."""
    import duckdb  # noqa: F401 - loaded before the first question comes

    from attlas.serve.current_atlas import CurrentAtlas
    from attlas.serve.performing import perform

    current = CurrentAtlas(settings.place, memory_limit=settings.memory_limit)

    def perform_order(order: Order) -> Outcome:
        return perform(current.edition().atlas, order.task, order.output, max_bytes=settings.max_bytes)

    return perform_order


def _reply(perform: Callable[[Order], Outcome], order: Order) -> Outcome | Fault | Crash:
    try:
        return perform(order)
    except Fault as fault:
        return fault
    except Exception:
        return Crash(traceback.format_exc())


def _end_with(server: int) -> None:
    """End this process when the server is gone, even in the middle of a query."""
    while os.getppid() == server:
        time.sleep(SERVER_CHECK_S)
    os._exit(1)


if __name__ == "__main__":
    work(Connection(int(sys.argv[1])))
