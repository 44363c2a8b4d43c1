"""Ctrl-C during long work: an answer within a second, whatever a library is busy with."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_INTERRUPTED = 130
"""Of a command that Ctrl-C ended, as shells have it: 128 and the number of the signal."""

STDERR = 2

TRACKER = "multiprocessing.resource_tracker"
"""The process by which Python tidies up after processes that were killed."""

SHOW_CURSOR = "\x1b[?25h"
"""A progress bar hides the cursor of a terminal."""


@contextmanager
def stopping_at_once(message: str) -> Iterator[None]:
    """End this process and those it started as soon as Ctrl-C comes, with a message on stderr.

    Nothing is unwound: what an atlas holds is published by renaming, so that it is as true as after a power cut. A
    thread waits for the signal, as Python's own handlers must wait until the main thread comes back from a library.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's alone
        yield
        return

    reading_end, writing_end = os.pipe()
    os.set_blocking(writing_end, False)
    earlier_handler = signal.signal(signal.SIGINT, lambda *_: None)  # a signal without a handler is not written
    earlier_end = signal.set_wakeup_fd(writing_end, warn_on_full_buffer=False)
    threading.Thread(target=_wait_for_interrupt, args=(reading_end, message), daemon=True).start()
    try:
        with _without_warning_of_tracker():
            yield
    finally:
        signal.set_wakeup_fd(earlier_end)
        signal.signal(signal.SIGINT, earlier_handler)
        os.close(writing_end)  # which ends the thread


def _wait_for_interrupt(reading_end: int, message: str) -> None:
    """Read the numbers of signals, a byte each, until there are no more."""
    with os.fdopen(reading_end, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] == signal.SIGINT:
                _end(message)


def _end(message: str) -> None:
    # Not by way of sys.stderr, whose lock the main thread may hold.
    line_before = f"{SHOW_CURSOR}\n" if sys.stderr.isatty() else ""
    os.write(STDERR, f"{line_before}attlas: {message}\n".encode())
    _kill_children()
    os._exit(EXIT_INTERRUPTED)


def _kill_children() -> None:
    """Kill the workers that this process started; they would end by themselves, once they miss it.

    Not the tracker, which is no worker and removes their semaphores.
    """
    import multiprocessing  # not above: most verbs do without, and it takes its time

    for process in multiprocessing.active_children():
        process.kill()


@contextmanager
def _without_warning_of_tracker() -> Iterator[None]:
    """Have the tracker, if it is started meanwhile, not warn on the terminal that it has to tidy up."""
    earlier = os.environ.get("PYTHONWARNINGS")
    silence = f"ignore::UserWarning:{TRACKER}"
    os.environ["PYTHONWARNINGS"] = f"{earlier},{silence}" if earlier else silence
    try:
        yield
    finally:
        if earlier is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = earlier
