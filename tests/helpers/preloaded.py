"""The command `attlas` in processes that need not import: forked from one that has imported everything.

A command forked is a process as any other, with its own memory, streams and exit code. What is not tested by it is that
imports work and what they take; `test_arrows` and the tests of the command line start real ones.
"""

import atexit
import gc
import importlib
import json
import os
import select
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attlas.cli.main import VERBS

CLIENT = """#!{python} -IS
import json, os, socket, sys

server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect({address!r})
said = {{"words": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
socket.send_fds(server, [json.dumps(said).encode()], [0, 1, 2])
sys.exit(int(server.recv(10) or 1))
"""
"""What stands for `attlas` on the path: hands its words, folder, environment and streams to the process that forks."""

LARGEST_MESSAGE = 2**18

IMPORTED = (
    *(f"attlas.cli.{module}" for module in ("main", *VERBS)),
    "attlas.pipeline.build",
    "attlas.pipeline.contacts.adding",
    "attlas.pipeline.encoder.encoder",
    "attlas.pipeline.probe.adding",
    "attlas.queries.report",
    "matplotlib.pyplot",
    "transformers.models.esm.modeling_esm",
)
"""Modules that are imported before the first command; none of them starts a thread of Python."""


@contextmanager
def open_commands(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield a folder for the path with an `attlas`; `environment` is that of the imports.

    Elsewhere than on Linux it is that of the real command: such sockets are Linux's.
    """
    if sys.platform != "linux":
        yield Path(sys.executable).parent
        return

    address = f"\0attlas-{os.getpid()}-{folder.name}"  # no file, whose path might be too long for a socket
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "attlas").write_text(CLIENT.format(python=sys.executable, address=address))
    (folder / "attlas").chmod(0o755)

    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(address)
    listening.listen()
    tests = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "helpers.preloaded", str(listening.fileno())],
        stdin=subprocess.PIPE,
        pass_fds=[listening.fileno()],
        env={**environment, "PYTHONPATH": os.pathsep.join([tests, environment.get("PYTHONPATH", "")]).rstrip(":")},
    )
    listening.close()
    try:
        yield folder
    finally:
        process.communicate()  # the end of its input is the end of the process


def serve(listening: socket.socket) -> None:
    """Fork a process for every command, until the input ends."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # else collections of a child would copy the memory that it shares

    while listening in select.select([listening, sys.stdin], [], [])[0]:
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            attend(connection)
            return
        connection.close()
        while any(os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) or ()):
            pass


def attend(connection: socket.socket) -> None:
    """Run one command in a child of this process, and tell its exit code."""
    message, streams, _, _ = socket.recv_fds(connection, LARGEST_MESSAGE, 3)
    request = json.loads(message)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)  # at once: it holds the streams of the command

    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["attlas", *request["words"]]
    sys.modules["__main__"].__package__ = None  # else usage is that of `python -m`
    leave(run_main())


def run_main() -> int:
    """Run the command line, and return its exit code."""
    from attlas.cli.main import main

    try:
        main()
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def leave(code: int) -> None:
    """End this process without taking its modules apart, which takes seconds of what is not a command's own."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
