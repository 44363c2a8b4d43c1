"""The temporary folder of an input that does not fit memory: made when it is needed, removed with its owner.

A process that is killed leaves its folder, and the next one that needs a folder removes it (`schema.leftovers`).
"""

import tempfile
import weakref
from pathlib import Path
from typing import IO

from attlas.schema import EnvironmentFault
from attlas.schema.errors import system_fault
from attlas.schema.leftovers import leftover_name, lock_folder, remove_leftovers
from attlas.schema.temporary_folders import remember_folder, remove_folder

KIND = "attlas-plan-"
"""Beginning of the names of these folders."""
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
            try:
                remove_leftovers(parent, KIND)
                folder = parent / leftover_name(KIND, "proteins")
                remember_folder(folder)
                folder.mkdir(mode=0o700)
                lock = lock_folder(folder)
            except OSError as error:
                raise temporary_fault(parent, error) from error
            self._folder = folder
            self._remove = weakref.finalize(self, _remove_folder, folder, lock)

        return self._folder

    def close(self) -> None:
        """Remove the folder."""
        if self._remove is not None:
            self._remove()


def temporary_fault(path: Path | None, error: OSError) -> EnvironmentFault:
    """Return the error for a temporary file that could not be written."""
    fault = system_fault(error, path)
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


def _remove_folder(folder: Path, lock: IO[bytes]) -> None:
    remove_folder(folder)
    lock.close()
