"""Where an atlas lies, a directory or a URL: the one place that tells them apart and opens files."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries.lookup.remote import RemoteRoot, is_url
from attlas.schema import AtlasPaths, BrokenAtlasError, Manifest, TableFile

Root = Path | RemoteRoot
"""Where an atlas lies; prints as what the user gave, and `root / path` names a file of it in a message."""


def root_of(given: str | Path) -> Root:
    """Return where an atlas lies: a directory by path or `file://`, or any other URL that fsspec knows."""
    if isinstance(given, str) and is_url(given):
        return Path(given.removeprefix("file://")) if given.startswith("file://") else RemoteRoot.of(given)
    return Path(given)


def read_manifest(root: Root) -> Manifest:
    """Read the manifest of an atlas.

    Raises:
        BrokenAtlasError: there is none, it is of another format version, or cannot be read.
        EnvironmentFault: the URL cannot be reached.
    """
    if isinstance(root, Path):
        return Manifest.read(AtlasPaths(root))
    try:
        return Manifest.parse(root.read("manifest.json"), source=str(root))
    except RecursionError as error:  # brackets without end
        raise BrokenAtlasError(f"{root}/manifest.json cannot be read.", found=str(error)) from error


def open_parquet(root: Root, file: TableFile) -> pq.ParquetFile:
    """Open one file of the manifest.

    Raises:
        BrokenAtlasError: it is outside the atlas, or shorter than the manifest says.
        EnvironmentFault: the URL cannot be reached.
        OSError, pyarrow.ArrowException: it is missing or no Parquet.
    """
    if isinstance(root, RemoteRoot):
        # The columns of a row group lie side by side: one request brings them.
        return pq.ParquetFile(pa.PythonFile(root.open(file), mode="r"), pre_buffer=True)
    path = root / file.path
    if not path.resolve().is_relative_to(root.resolve()):
        raise BrokenAtlasError(f"The manifest names a file outside the atlas: {file.path}.")
    return pq.ParquetFile(path, memory_map=True)


def hint(root: Root) -> str:
    """Return what to do about a file that cannot be read."""
    if isinstance(root, RemoteRoot):
        return "download the release and see `sha256sum -c SHA256SUMS`, or tell who published it"
    return f"open it again, if a table was renewed; else see `attlas verify {root}` for every file that differs"


def missing_files(root: Root, manifest: Manifest) -> list[str]:
    """Return the files of the manifest that are not in the directory; behind a URL that shows when they are read."""
    if isinstance(root, RemoteRoot):
        return []
    return [file.path for file in manifest.files if not (root / file.path).is_file()]
