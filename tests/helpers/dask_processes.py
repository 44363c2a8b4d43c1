"""A scheduler and workers as somebody starts them, in processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from helpers.building import wait_for

SCHEDULER = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
WORKER = ["-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-dashboard", "--no-nanny", "--memory-limit", "0"]


class DaskProcesses:
    """A scheduler that runs, and its workers, which import the tests' helpers."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.tests = Path(__file__).parents[1]
        note = folder / "scheduler.json"
        self.scheduler = self._start([*SCHEDULER, "--scheduler-file", str(note)], {})
        wait_for(lambda: note.is_file() and note.read_text().endswith("}"), what="the scheduler's file, whole")
        self.note = note
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        """Return the address of the scheduler."""
        return str(json.loads(self.note.read_text())["address"])

    def add_worker(self, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a worker, and return it at once."""
        self.workers.append(self._start([*WORKER, "--scheduler-file", str(self.note)], environment or {}))
        return self.workers[-1]

    def _start(self, arguments: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), str(self.tests)]))
        whole = {**os.environ, "OMP_NUM_THREADS": "1", **environment, "PYTHONPATH": path}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([sys.executable, *arguments], env=whole, start_new_session=True, **quiet)
        self.stack.callback(_end, process)
        return process


@contextmanager
def start_scheduler(folder: Path) -> Iterator[DaskProcesses]:
    """Yield a scheduler without workers; it ends, with the workers that were added."""
    with ExitStack() as stack:
        yield DaskProcesses(stack, folder)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(timeout=30)
