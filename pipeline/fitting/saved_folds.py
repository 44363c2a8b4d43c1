"""What a pass has computed of each fold, saved until the fit is at its end, so that a fit that was stopped goes on.

A file holds the arrays of one pass and fold. It is renamed to its name once it is whole: its existence says that the
fold is done. The folder is named by what is fitted, so that another fit finds nothing.
"""

import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attlas.schema import AtlasPaths, EnvironmentFault
from attlas.schema.publish import publishing

GIB = 1 << 30
_PREFIX = "fits-"
"""How the names of the folders begin."""

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class SavedFolds:
    """The saved folds of a fit."""

    folder: Path
    name: str = ""
    """The beginning of the names of its files, such as the weights that they are of."""

    def named(self, name: str) -> "SavedFolds":
        """Return the same with another beginning of names."""
        return replace(self, name=name)

    def read(self, step: str, fold: int) -> Arrays | None:
        """Return the arrays of a fold, or None where they are not there or cannot be read."""
        with suppress(OSError, ValueError, zipfile.BadZipFile), np.load(self._find(step, fold)) as arrays:
            return {key: arrays[key] for key in arrays.files}
        return None

    def write(self, step: str, fold: int, arrays: Arrays) -> None:
        """Save the arrays of a fold. Raises EnvironmentFault."""
        with publishing(self._find(step, fold)) as beside, beside.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def remove(self) -> None:
        """Remove all that was saved, and the folder of all parts with the last of them."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # parts of shards are in it
            self.folder.parent.rmdir()

    def _find(self, step: str, fold: int) -> Path:
        return self.folder / f"{self.name}-{step}-{fold}.npz"


def open_saved_folds(paths: AtlasPaths, identity: str, *, n_bytes: int) -> SavedFolds:
    """Return the saved folds of a fit; what other fits of the atlas have left is removed.

    Args:
        paths: the atlas, whose lock is held.
        identity: digest of what is fitted.
        n_bytes: bytes of what will be saved.

    Raises:
        EnvironmentFault: the disk has no room for them.
    """
    folder = paths.parts / f"{_PREFIX}{identity}"
    for other in paths.parts.glob(f"{_PREFIX}*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)

    n_free = shutil.disk_usage(paths.root).free
    if n_bytes > n_free:
        raise EnvironmentFault(
            "The sums and scores of the fit, which are saved after each fold, do not fit the disk.",
            expected=f"{n_bytes / GIB:.1f} GiB",
            found=f"{n_free / GIB:.1f} GiB free",
            hint="free some space, or fit fewer labels at a time (--labels)",
        )
    return SavedFolds(folder)
