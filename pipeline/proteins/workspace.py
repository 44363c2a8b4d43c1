"""The temporary folder of an input that does not fit memory: made when it is needed, removed with its owner."""

import shutil
import tempfile
import weakref
from pathlib import Path

from attlas.schema import EnvironmentFault
from attlas.schema.publish import write_fault

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
            try:
                self._folder = Path(tempfile.mkdtemp(prefix="attlas-"))
            except OSError as error:
                raise temporary_fault(Path(tempfile.gettempdir()), error) from error
            self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def close(self) -> None:
        """Remove the folder."""
        if self._remove is not None:
            self._remove()


def temporary_fault(path: Path | None, error: OSError) -> EnvironmentFault:
    """Return the error for a temporary file that could not be written."""
    fault = write_fault(path or Path(), error)
    return EnvironmentFault(fault.what, expected=fault.expected, found=fault.found, hint=_HINT)
