"""Dask workers for tests of what is done with them: in this process, or processes that need no model."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attlas.schema import AtlasPaths, DeviceFault, EnvironmentFault, Receipt


@contextmanager
def open_scheduler(n_workers: int, *, memory_limit: str | int = 0) -> Iterator[str]:
    """Yield the address of a scheduler whose workers are threads of this process: they import nothing anew."""
    import dask
    from distributed import LocalCluster

    # The memory of this process, which Dask would take for that of a worker, pauses none.
    memory = {f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause", "terminate")}
    with (
        dask.config.set(memory),
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=False,
            protocol="tcp",
            host="127.0.0.1",
            memory_limit=memory_limit,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
        ) as cluster,
    ):
        yield cluster.scheduler_address


@dataclass(frozen=True)
class CopyTask:
    """Publishes a shard as a finished atlas of the same plan has it, so that a worker needs no model."""

    finished: str
    """Directory of that atlas."""

    def prepare(self, root: str, n_threads: int) -> None:
        """Do nothing."""

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Copy the files of a shard, its receipt last."""
        finished = AtlasPaths(Path(self.finished))
        receipt = Receipt.read(finished.receipt(index))
        for name in [file.path for file in receipt.files]:
            (Path(root) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(self.finished) / name, Path(root) / name)

        copy = AtlasPaths(Path(root)).receipt(index)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(finished.receipt(index), copy)
        return receipt

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return the path of the receipt of a build's shard."""
        return paths.receipt(index)


@dataclass(frozen=True)
class DeadlyTask(CopyTask):
    """One shard takes its worker down, as when memory runs out."""

    deadly: int
    """Index of the shard."""

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Copy the shard, or die."""
        if index == self.deadly:
            time.sleep(0.5)  # memory does not run out at once
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(root, index, n_threads)


@dataclass(frozen=True)
class SickTask(CopyTask):
    """The devices of the workers that were the first `n_sick` to begin a shard fail every time."""

    n_sick: int
    register: str
    """Folder with a file for every sick worker, named by its process."""

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Copy the shard, or say that the device does not work."""
        sick = Path(self.register) / str(os.getpid())
        well = Path(self.register) / f"well-{os.getpid()}"
        if not sick.exists() and not well.exists():
            # A directory is made by one worker alone, though two begin at once.
            is_sick = any(_make(Path(self.register) / f"sick-{place}") for place in range(self.n_sick))
            (sick if is_sick else well).touch()
        if sick.exists():
            raise DeviceFault("The device does not work.", found=f"illegal memory access in {os.getpid()}")
        return super().__call__(root, index, n_threads)


@dataclass(frozen=True)
class SleepTask:
    """Takes some seconds for a shard and needs no atlas; a receipt names the process as its host."""

    seconds: float

    def prepare(self, root: str, n_threads: int) -> None:
        """Do nothing."""

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Sleep, and return a receipt that is not published."""
        time.sleep(self.seconds)
        values = {"n_sequences": 1, "n_failed": 0, "n_residues": 9, "wall_s": 1.0, "model_s": 1.0}
        return Receipt(index, "plan", (), peak_bytes=1, predicted_bytes=1, host=str(os.getpid()), **values)

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return the path of a receipt that nobody writes."""
        return paths.receipt(index)


@dataclass(frozen=True)
class FullDiskTask(SleepTask):
    """The processes that are named, or all of them, find their disk full."""

    full: frozenset[str] | None

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Sleep, or say that the disk is full."""
        if self.full is None or os.environ.get("DISK") in self.full:
            raise EnvironmentFault("The disk is full.", found=f"no space left for shard {index}", hint="free space")
        return super().__call__(root, index, n_threads)


def _make(folder: Path) -> bool:
    """Make a folder, and return whether it was not there."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True
