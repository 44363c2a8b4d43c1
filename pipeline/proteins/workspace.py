"""The temporary folder of an input that does not fit memory: made when it is needed, removed with its owner.

A process that is killed leaves its folder. The folder has a lock, which ends with the process however that dies, so
that the next process that needs a folder tells abandoned ones from those in use, and removes them.
"""

import fcntl
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO

from attlas.schema import EnvironmentFault
from attlas.schema.publish import write_fault
from attlas.schema.temporary_folders import remember_folder, remove_folder

_PREFIX = "attlas-plan-"
_LOCK_NAME = "lock"
_HINT = "set TMPDIR to a folder with room for three times the unpacked input"


class Workspace:
    """A temporary folder, in TMPDIR; removed when it is closed, when nothing refers to it, or at the program's end."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._remove: weakref.finalize[..., Workspace] | None = None

    @property
    def is_used(self) -> bool:
        """Return whether the folder was needed."""
        return self._folder is not None

    @property
    def folder(self) -> Path:
        """Return the folder. Raises EnvironmentFault if it cannot be made."""
        if self._folder is None:
            parent = _find_temporary_folder()
            remove_abandoned_folders(parent)
            try:
                self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
                remember_folder(self._folder)
                lock = _lock_folder(self._folder)
            except OSError as error:
                raise temporary_fault(parent, error) from error
            self._remove = weakref.finalize(self, _remove_folder, self._folder, lock)
        return self._folder

    def close(self) -> None:
        """Remove the folder."""
        if self._remove is not None:
            self._remove()


def remove_abandoned_folders(parent: Path) -> None:
    """Remove the folders of processes that were killed; those of other users and of other processes stay."""
    for path in parent.glob(f"{_PREFIX}*/{_LOCK_NAME}"):
        with suppress(OSError), path.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)


def temporary_fault(path: Path | None, error: OSError) -> EnvironmentFault:
    """Return the error for a temporary file that could not be written."""
    fault = write_fault(path or Path(), error)
    return EnvironmentFault(fault.what, expected=fault.expected, found=fault.found, hint=_HINT)


def _find_temporary_folder() -> Path:
    """Return the folder of temporary files: TMPDIR, or that of the system where it cannot be written."""
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise EnvironmentFault(
            "There is no folder for temporary files, which an input of this size needs.",
            expected="TMPDIR, or a folder of the system such as /tmp, that can be written",
            found=error.strerror or str(error),
            hint=_HINT,
        ) from error


def _lock_folder(folder: Path) -> IO[bytes]:
    """Lock a folder until the file that is returned is closed. Where nothing can be locked, it is never abandoned."""
    path = folder / f"{_LOCK_NAME}-new"
    lock = path.open("wb")
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.rename(folder / _LOCK_NAME)  # under this name only when it is locked
    return lock


def _remove_folder(folder: Path, lock: IO[bytes]) -> None:
    remove_folder(folder)
    lock.close()
