"""The process of a worker: reads its settings, then one order after the other, and writes the answers to files.

Started by `worker.py` as `python -m attlas.serve.working NUMBER`, with the number of the open socket to the server.
"""

import sys
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

from attlas.queries.engine.parent_process import end_with_parent
from attlas.schema import Fault
from attlas.serve.tasks import Outcome
from attlas.serve.worker import Crash, Order, WorkerSettings


def work(connection: Connection) -> None:
    """Carry out orders, one after the other, until the server closes its end of the connection."""
    settings: WorkerSettings = connection.recv()
    end_with_parent(settings.server)
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
    """Return the function that carries out an order; it keeps the atlas open between orders."""
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


if __name__ == "__main__":
    work(Connection(int(sys.argv[1])))
