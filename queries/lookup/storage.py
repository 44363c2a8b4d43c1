"""The place of an atlas, a directory or a URL: this module alone tells them apart and opens files."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries.lookup.remote import RemoteRoot, is_url
from attlas.schema import AtlasPaths, Manifest, TableFile
from attlas.schema.blocks import FileBlocks
from attlas.schema.file_list import PartReader
from attlas.schema.links import locate_file

Root = Path | RemoteRoot
"""Where an atlas lies; prints as what the user gave, and `root / path` names a file of it in a message."""


def find_root(place: str | Path, *, timeout_s: float | None = None) -> Root:
    """Return the root of an atlas: a directory by path or `file://`, or any other URL that fsspec knows.

    `timeout_s` is how long a request to a server may take; None: as long as usual.
    """
    if isinstance(place, str) and is_url(place):
        return (
            Path(place.removeprefix("file://"))
            if place.startswith("file://")
            else RemoteRoot.of(place, timeout_s=timeout_s)
        )
    return Path(place)


def read_manifest(root: Root) -> Manifest:
    """Read the manifest of an atlas.

    Raises:
        BrokenAtlasError: there is none, it is of another format version, or cannot be read.
        EnvironmentFault: the URL cannot be reached.
    """
    if isinstance(root, Path):
        return Manifest.read(AtlasPaths(root))
    reader = PartReader(root.read_list_part, str(root))
    return Manifest.parse(root.read_manifest(), source=str(root), reader=reader)


def open_parquet(root: Root, file: TableFile) -> pq.ParquetFile:
    """Open one file of the manifest.

    Raises:
        BrokenAtlasError: it is a link to something else than the manifest says, or behind a URL and not as it says.
        EnvironmentFault: the URL cannot be reached.
        OSError, pyarrow.ArrowException: it is missing or no Parquet.
    """
    if isinstance(root, RemoteRoot):
        # The columns of a row group lie side by side: one request brings them.
        remote = root.open(file)
        footer = pq.read_metadata(pa.BufferReader(remote.read_tail()))
        return pq.ParquetFile(pa.PythonFile(remote, mode="r"), metadata=footer, pre_buffer=True)
    return pq.ParquetFile(locate_file(root, file), memory_map=True)


def open_source(root: Root, file: TableFile, blocks: FileBlocks) -> pa.NativeFile:
    """Open the bytes of one file of the manifest, of which the blocks are known: its tail is not read.

    Raises:
        BrokenAtlasError: as `open_parquet`.
        OSError: it is missing.
    """
    if isinstance(root, RemoteRoot):
        return pa.PythonFile(root.open(file, blocks), mode="r")
    return pa.memory_map(str(locate_file(root, file)))


def is_remote(root: Root) -> bool:
    """Return whether an atlas lies behind a URL."""
    return isinstance(root, RemoteRoot)


def explain_unreadable(root: Root) -> str:
    """Return the hint of an error about a file that cannot be read."""
    if isinstance(root, RemoteRoot):
        return "download the release and see `sha256sum -c SHA256SUMS`, or tell who published it"
    return f"open it again, if a table was renewed; else see `attlas verify {root}` for every file that differs"


def missing_files(root: Root, manifest: Manifest) -> list[str]:
    """Return the files of the manifest that are not in the directory; empty for a URL, whose files show when read."""
    if isinstance(root, RemoteRoot):
        return []
    return [file.path for file in manifest.files if not (root / file.path).is_file()]
