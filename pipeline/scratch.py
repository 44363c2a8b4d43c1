"""A scratch folder: what memory does not hold waits there on the disk, and all of it is removed at the end.

Its name says which process made it, so that the next one removes what a killed process left (`schema.leftovers`).
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attlas.schema.errors import system_fault
from attlas.schema.leftovers import leftover_name
from attlas.schema.publish import TEMPORARY_PREFIX


@dataclass
class Scratch:
    """A folder on the disk that is made when it is first needed."""

    parent: Path
    """The folder it lies in."""
    prefix: str
    """The beginning of its name, by which `remove_leftovers` knows it."""
    purpose: str
    """The end of its name."""
    path: Path | None = None
    """Where it is; None until it is needed."""

    def folder(self) -> Path:
        """Return the folder. Raises EnvironmentFault if it cannot be made."""
        if self.path is None:
            self.path = self.parent / leftover_name(self.prefix, self.purpose)
            with writing_to(self.path):
                self.path.mkdir(parents=True)
        return self.path


@contextmanager
def open_scratch(parent: Path, *, purpose: str, prefix: str = TEMPORARY_PREFIX) -> Iterator[Scratch]:
    """Yield a scratch folder below `parent`; at the end remove it, and `parent` if it was not there and is empty."""
    scratch, has_parent = Scratch(parent, prefix, purpose), parent.is_dir()
    try:
        yield scratch
    finally:
        if scratch.path is not None:
            shutil.rmtree(scratch.path, ignore_errors=True)
            if not has_parent and not any(parent.iterdir()):
                parent.rmdir()


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Name the file or folder in the error of the system. Raises EnvironmentFault."""
    try:
        yield
    except OSError as error:
        raise system_fault(error, path) from error
