"""Tables of the atlas that annotation reads: their rows, or a damaged file by its name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema import AtlasPaths, BrokenAtlasError


def stored_rows(paths: AtlasPaths, path: Path, columns: Sequence[str]) -> pa.Table:
    """Return columns of a file of the atlas. Raises BrokenAtlasError."""
    with _named_if_damaged(paths, path):
        return pq.read_table(path, columns=list(columns))


def stored_metadata(paths: AtlasPaths, path: Path) -> dict[bytes, bytes]:
    """Return the metadata of a file of the atlas. Raises BrokenAtlasError."""
    with _named_if_damaged(paths, path):
        return pq.read_schema(path).metadata or {}


@contextmanager
def _named_if_damaged(paths: AtlasPaths, path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        raise BrokenAtlasError(
            f"{paths.relative(path)} of {paths.root} cannot be read.",
            expected="the file that the manifest names",
            found=str(error).splitlines()[0],
            hint=f"`attlas verify {paths.root}` names every file that is damaged; copy them from where they are whole",
        ) from error
