"""A worker: a process with the atlas open (`working.py`) that carries out one task at a time, and can be killed.

An interrupt does not reach every query of DuckDB (one value may take hours), so a thread would not do.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from attlas.schema import Fault
from attlas.serve.tasks import Outcome, Task

START_S = 120.0
"""Seconds that a worker may take to start and to open the atlas, which may be behind a slow network."""

STEP_S = 0.25
"""Seconds between two looks whether the client still waits for its answer."""


@dataclass(frozen=True)
class WorkerSettings:
    """The settings of every worker of a server."""

    place: str
    """Directory or URL of the atlas."""
    memory_limit: str | None
    """Memory that the queries of a worker may take before they spill to disk."""
    max_bytes: int
    """Largest file that a task may write."""
    folder: Path
    """Folder of the temporary files of the process, and of what its queries spill to disk."""
    server: int
    """Process number of the server; a worker ends with it."""


@dataclass(frozen=True)
class Order:
    """A task with the place of its answer."""

    task: Task
    output: Path


@dataclass(frozen=True)
class Crash:
    """An error that is not a `Fault`: a defect. Its traceback goes to the log, not to the client."""

    traceback: str


class WorkerEndedError(Exception):
    """The process ended without an answer, for example because memory ran out."""


class OutOfTimeError(Exception):
    """The task took too long; its process was killed."""


class ClientLeftError(Exception):
    """The client no longer waits for the answer; its process was killed."""


class Worker:
    """One process, started at once; used by one thread at a time."""

    def __init__(self, place: str, folder: Path, *, memory_limit: str | None, max_bytes: int) -> None:
        """Start the process. `folder` is made, and removed when the process is killed."""
        self._folder = folder
        folder.mkdir()
        self.is_ready = False

        # `multiprocessing` would run the user's script again in every process that it starts.
        own_end, other_end = socket.socketpair()
        with other_end:
            command = [sys.executable, "-P", "-m", "attlas.serve.working", str(other_end.fileno())]
            # In a process group of its own: Ctrl-C goes to the server alone, which ends its workers.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[other_end.fileno()], process_group=0
            )
        self._connection = Connection(own_end.detach())
        settings = WorkerSettings(place, memory_limit, max_bytes, folder, os.getpid())
        self._connection.send(settings)

    def carry_out(self, order: Order, *, timeout_s: float, has_left: Callable[[], bool] = lambda: False) -> Outcome:
        """Carry out a task and return the notes on its file. After any error but `Fault` the worker is useless.

        Raises:
            Fault: the task cannot be answered.
            ClientLeftError: `has_left` says so.
            OutOfTimeError: it took longer than `timeout_s`.
            WorkerEndedError: the process ended.
            RuntimeError: a defect of attlas, with the traceback of the process.
        """
        try:
            if not self.is_ready:
                self._receive(START_S, has_left)
                self.is_ready = True
            self._connection.send(order)
            return self._receive(timeout_s, has_left)
        except (EOFError, OSError) as error:
            raise WorkerEndedError from error

    def kill(self) -> None:
        """End the process at once, whatever it is doing, and remove its files; any thread may call this.

        The connection stays open for the thread that waits at it, which learns from it that the process has ended.
        """
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _receive(self, timeout_s: float, has_left: Callable[[], bool]) -> Outcome:
        until = time.monotonic() + timeout_s
        while not self._connection.poll(min(STEP_S, max(until - time.monotonic(), 0))):
            if has_left():
                raise ClientLeftError
            if time.monotonic() >= until:
                raise OutOfTimeError
        reply: Outcome | Fault | Crash = self._connection.recv()
        if isinstance(reply, Crash):
            raise RuntimeError(reply.traceback)
        if isinstance(reply, Fault):
            raise reply
        return reply
