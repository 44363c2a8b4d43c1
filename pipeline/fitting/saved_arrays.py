"""What a fit keeps on the disk until it is at its end: for its workers, and so that a fit that was stopped goes on.

A file holds arrays by name, those of one pass and shard. It is renamed to its name once it is whole. The folder is
named by what is fitted, so that another fit finds nothing.
"""

import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attlas.schema import AtlasPaths, EnvironmentFault
from attlas.schema.publish import publishing

GIB = 1 << 30
_PREFIX = "fits-"
"""Beginning of the names of the folders."""

Arrays = Mapping[str, NDArray[np.generic]]
ReadArray = Callable[[str], NDArray[np.generic]]
"""Returns the array of a name, which is read only then."""


@dataclass(frozen=True)
class SavedArrays:
    """The folder of a fit, with files of arrays."""

    folder: Path

    def find(self, name: str) -> Path:
        """Return the path of a file."""
        return self.folder / f"{name}.npz"

    def has(self, name: str) -> bool:
        """Return whether a file is complete: its list of arrays comes at its end."""
        return zipfile.is_zipfile(self.find(name))

    def write(self, name: str, arrays: Arrays) -> None:
        """Save arrays. Raises EnvironmentFault."""
        with publishing(self.find(name)) as beside, beside.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @contextmanager
    def open(self, name: str) -> Iterator[ReadArray]:
        """Yield a function that reads the arrays of a file one by one.

        Raises:
            EnvironmentFault: the file is damaged: it is removed, and computed anew by the same command.
        """
        path = self.find(name)
        try:
            with np.load(path) as arrays:
                yield arrays.__getitem__
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            path.unlink(missing_ok=True)
            raise EnvironmentFault(
                f"What the fit has saved cannot be read: {path.name}.",
                expected="the arrays of a pass over a shard, as they were written",
                found=str(error).splitlines()[0] if str(error) else type(error).__name__,
                hint="run the same command again: it computes that shard anew",
            ) from error

    def remove(self) -> None:
        """Remove all that was saved, and the folder of all parts with the last of them."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # parts of shards are in it
            self.folder.parent.rmdir()


def open_saved_arrays(paths: AtlasPaths, identity: str, *, n_bytes: int) -> SavedArrays:
    """Return the saved arrays of a fit; what other fits of the atlas have left is removed.

    Args:
        paths: the atlas, whose lock is held.
        identity: digest of what is fitted.
        n_bytes: bytes of all that will be saved.

    Raises:
        EnvironmentFault: the disk has no room for them.
    """
    saved = SavedArrays(paths.parts / f"{_PREFIX}{identity}")
    for other in paths.parts.glob(f"{_PREFIX}*"):
        if other != saved.folder:
            shutil.rmtree(other, ignore_errors=True)

    # What an earlier run has saved already takes no more room.
    n_saved = sum(path.stat().st_size for path in saved.folder.rglob("*") if path.is_file())
    n_free = shutil.disk_usage(paths.root).free
    if n_bytes - n_saved > n_free:
        raise EnvironmentFault(
            "The sums and scores of the fit, which are saved until its end, do not fit the disk.",
            expected=f"{(n_bytes - n_saved) / GIB:.1f} GiB",
            found=f"{n_free / GIB:.1f} GiB free",
            hint="free some space, or fit fewer labels at a time (--labels)",
        )
    return saved


def write_letters(sequences: Sequence[str]) -> NDArray[np.uint8]:
    """Return sequences as the codes of their letters, a line for each."""
    return np.frombuffer("\n".join(sequences).encode(), np.uint8)


def read_letters(codes: NDArray[np.generic]) -> list[str]:
    """Return the sequences that `write_letters` wrote."""
    return codes.tobytes().decode().split("\n")
