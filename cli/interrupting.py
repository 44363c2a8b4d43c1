"""Ctrl-C during a long computation: the process ends within a second, also in the middle of a library call."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

EXIT_INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, as in shells: 128 and the number of the signal."""

STDERR = 2

TRACKER = "multiprocessing.resource_tracker"
"""The process by which Python cleans up after processes that were killed."""

PROCESSES = Path("/proc")
"""Where Linux lists processes, and below each the processes that its threads have started."""

TEMPORARY_FOLDERS = "attlas.schema.temporary_folders"
"""The module that knows the temporary folders of this process; where it is not imported, there are none."""

_is_ending = threading.Event()
"""Set once Ctrl-C was pressed: from then on one thread ends this process, and no other may do anything."""

SHOW_CURSOR = "\x1b[?25h"
"""Code that shows the cursor of a terminal again; a progress bar hides it."""


@contextmanager
def stopping_at_once(message: str) -> Iterator[None]:
    """At Ctrl-C end this process and its workers at once, with a message on stderr.

    Nothing is unwound: files of an atlas are published by renaming, so the atlas is as safe as after a power cut. Only
    the temporary folders of this process are removed. A thread waits for the signal, because Python's own handlers wait
    until the main thread returns from a library.
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
        if _is_ending.is_set():  # its temporary folders vanish, and its errors are of no interest any more
            threading.Event().wait()
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
    _is_ending.set()
    # Not by way of sys.stderr, whose lock the main thread may hold.
    line_before = f"{SHOW_CURSOR}\n" if sys.stderr.isatty() else ""
    os.write(STDERR, f"{line_before}attlas: {message}\n".encode())
    try:
        _kill_children()
        _remove_temporary_folders()
    finally:
        os._exit(EXIT_INTERRUPTED)


def _kill_children() -> None:
    """Kill the workers of this process, which would end by themselves only after a while.

    The tracker stays: it removes their semaphores.
    """
    import multiprocessing  # slow to import, and most verbs do without it

    for process in multiprocessing.active_children():
        process.kill()

    # A worker that is being started is in that list only when it has begun to read: it would complain of the silence.
    for child in _list_children("self"):
        if not _is_tracker(child):
            workers = _list_children(child)  # which fork from it; so it ends before them, and starts no other
            for number in (child, *workers):
                with suppress(OSError):  # it has ended meanwhile
                    os.kill(int(number), signal.SIGKILL)


def _remove_temporary_folders() -> None:
    # Not imported here: the main thread may be at that, and would have to end first.
    if module := sys.modules.get(TEMPORARY_FOLDERS):
        module.remove_remembered_folders()


def _list_children(number: str) -> list[str]:
    """Return the numbers of the processes that the threads of a process have started; none where Linux has no list."""
    children: list[str] = []
    for listing in PROCESSES.glob(f"{number}/task/*/children"):
        with suppress(OSError):  # a thread or a process that has ended meanwhile
            children += listing.read_text().split()
    return children


def _is_tracker(number: str) -> bool:
    """Tell whether a process is Python's tracker of resources; one that is gone counts as well."""
    try:
        return TRACKER.encode() in (PROCESSES / number / "cmdline").read_bytes()
    except OSError:
        return True


@contextmanager
def _without_warning_of_tracker() -> Iterator[None]:
    """Keep the tracker, if it starts meanwhile, from printing warnings about its work."""
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
