"""Commands that fork from a process which has imported their libraries: each starts within milliseconds.

A kill at a random moment of such a command falls on its work, where that of a new interpreter falls on imports. What
the commands start themselves, such as Dask workers, carries a mark in its environment, by which it is found when the
command is gone.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

MARK = "ATTLAS_CHAOS"
"""Variable of the environment that the commands and all processes they start have."""

ATTLAS, DASK_SCHEDULER, DASK_WORKER = "attlas.cli.main", "distributed.cli.dask_scheduler", "distributed.cli.dask_worker"
"""Modules whose function `main` is a command."""

IMPORTED = (
    ATTLAS,
    "attlas.pipeline.build",
    "attlas.pipeline.annotate",
    "attlas.pipeline.contacts.adding",
    "attlas.pipeline.links.adding",
    "attlas.pipeline.probe.adding",
    "attlas.pipeline.workers.preload",
    "attlas.queries.exports",
    "attlas.queries.release",
    DASK_SCHEDULER,
    DASK_WORKER,
    "pandas",  # by pyarrow, when it converts
)
"""Imported before the commands fork; none of them starts a thread."""

POLL_S = 0.005
"""Seconds between two looks at a command whose moment is to be met."""
WAIT_POLL_S = 0.05
"""Seconds between two looks at a command that is to end: many looks would take its processor."""


class CommandTimeoutError(TimeoutError):
    """A command does not end."""


@dataclass(frozen=True)
class Command:
    """A command that has begun."""

    pid: int
    log: Path
    """What it prints, on both streams."""

    def printed(self) -> str:
        """Return the text that the command has printed."""
        return self.log.read_text(errors="replace")


@dataclass(frozen=True)
class Cluster:
    """A Dask scheduler and its workers, each a process of its own."""

    address: str
    scheduler: Command
    workers: list[Command]


class Starter:
    """The process from which commands fork; a context manager that ends it."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str] | None = None, *, imported: Sequence[str] = ()
    ) -> None:
        """Start it; its commands run in `folder`, where their logs are. It imports `imported`, too."""
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

        # Not in the folder: a socket's path has at most 107 characters, and without one no process forks workers.
        self.temporary = Path(tempfile.mkdtemp(prefix="commands-"))
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self._n_commands = 0
        self._codes: dict[int, int] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "helpers.forked_commands", *imported],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, **self._environment(), **(environment or {})},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.find_strays():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(timeout=30)
        shutil.rmtree(self.temporary, ignore_errors=True)

    def start(self, module: str, *arguments: object) -> Command:
        """Begin a command in a session of its own."""
        self._n_commands += 1
        log = self.folder / "logs" / f"{self._n_commands:04d}.txt"
        log.parent.mkdir(exist_ok=True)
        request = {"module": module, "arguments": [str(argument) for argument in arguments], "log": str(log)}
        pid = self._ask(request)
        assert pid is not None
        self._codes.pop(pid, None)
        return Command(pid, log)

    def poll(self, command: Command) -> int | None:
        """Return the exit code of a command, negative for a signal; None while it runs."""
        if command.pid not in self._codes:
            status = self._ask({"poll": command.pid})
            if status is None:
                return None
            self._codes[command.pid] = os.waitstatus_to_exitcode(status)
        return self._codes[command.pid]

    def wait(self, command: Command, *, seconds: float = 300) -> int:
        """Return the exit code of a command when it has ended.

        Raises:
            CommandTimeoutError: it has not ended in time; it is killed.
        """
        end = time.monotonic() + seconds
        while (code := self.poll(command)) is None:
            if time.monotonic() > end:
                os.kill(command.pid, 9)
                raise CommandTimeoutError(f"no end within {seconds} s: {command.printed()[-2000:]}")
            time.sleep(WAIT_POLL_S)
        return code

    def find_strays(self) -> list[psutil.Process]:
        """Return the processes that have the mark, but this starter itself."""
        return [process for process in self._marked() if process.pid != self._process.pid]

    def _marked(self) -> Iterator[psutil.Process]:
        mark = f"{MARK}={self.mark}".encode()
        for entry in Path("/proc").iterdir():
            with suppress(OSError, psutil.NoSuchProcess):
                if entry.name.isdecimal() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield psutil.Process(int(entry.name))

    def _ask(self, request: object) -> int | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer: int | None = json.loads(self._process.stdout.readline())
        return answer

    def _environment(self) -> dict[str, str]:
        tests = str(Path(__file__).parents[1])
        return {
            MARK: self.mark,
            "PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]).rstrip(":"),
            "TMPDIR": str(self.temporary),
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
        }


def list_workers(command: Command) -> list[psutil.Process]:
    """Return the worker processes of a command: they fork from one of its children."""
    return [worker for child in list_children(command.pid) for worker in list_children(child.pid)]


def list_fork_servers(command: Command) -> list[psutil.Process]:
    """Return the processes from which the workers of a command fork, once there are workers."""
    return [child for child in list_children(command.pid) if list_children(child.pid)]


def list_children(pid: int) -> list[psutil.Process]:
    """Return the children of a process, none where it has ended.

    A process may end while it is being looked at; what ended has no children, and its brothers still count.
    """
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children()
    return []


@contextmanager
def open_cluster(starter: Starter, n_workers: int) -> Iterator[Cluster]:
    """Yield a Dask scheduler with workers; all are killed in the end."""
    place = starter.temporary / f"scheduler-{time.monotonic_ns()}.json"
    options = ("--scheduler-file", place)
    scheduler = starter.start(DASK_SCHEDULER, *options, "--port", 0, "--no-dashboard", "--dashboard-address", ":0")
    commands = [scheduler]
    try:
        while not place.exists() or not place.read_text().strip().endswith("}"):
            time.sleep(POLL_S)
        worker_options = (
            *options,
            "--no-nanny",
            "--nthreads",
            1,
            "--no-dashboard",
            "--local-directory",
            starter.temporary,
        )
        workers = [starter.start(DASK_WORKER, *worker_options) for _ in range(n_workers)]
        commands += workers
        yield Cluster(json.loads(place.read_text())["address"], scheduler, workers)
    finally:
        for command in commands:
            with suppress(ProcessLookupError):
                os.kill(command.pid, 9)
        for command in commands:
            starter.wait(command)
        place.unlink(missing_ok=True)


def serve() -> None:
    """Import, then fork a command for each request that comes; one line of JSON each way."""
    from importlib import import_module

    for name in (*IMPORTED, *sys.argv[1:]):
        import_module(name)

    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            answer = _poll(request["poll"])
        elif (answer := os.fork()) == 0:
            _become(request["module"], request["arguments"], Path(request["log"]))
            return
        print(json.dumps(answer), file=answers, flush=True)


def _poll(pid: int) -> int | None:
    """Return the wait status of a child that has ended; None while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return status if ended else None


def _become(module: str, arguments: Sequence[str], log: Path) -> None:
    """Run a command in this process, which ends with it as an interpreter of its own does."""
    from importlib import import_module

    os.setsid()
    for descriptor, place, flags in ((0, os.devnull, os.O_RDONLY), (1, str(log), os.O_WRONLY | os.O_CREAT)):
        opened = os.open(place, flags, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.dup2(1, 2)
    sys.argv = [module, *arguments]
    import_module(module).main()


if __name__ == "__main__":
    serve()
