"""DuckDB's way to an atlas behind a URL: a file system that holds the files of the manifest and nothing else.

DuckDB's own httpfs would have to be downloaded, and could go anywhere; this one cannot.
"""

import datetime
from typing import Any

import duckdb
from fsspec import AbstractFileSystem

from attlas.queries.lookup.remote import RangedFile, RemoteRoot
from attlas.schema import Manifest, TableFile

PROTOCOL = "attlas"
"""Inside DuckDB, files of the atlas are `attlas://sites/...`."""


def register(connection: duckdb.DuckDBPyConnection, root: RemoteRoot, manifest: Manifest) -> str:
    """Let a connection read the files of an atlas, and return the address they lie below."""
    connection.register_filesystem(AtlasFiles(root, manifest))
    # A footer is read once instead of once per question.
    connection.execute("SET GLOBAL parquet_metadata_cache = true")
    return f"{PROTOCOL}://"


class AtlasFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files of one manifest, read-only."""

    protocol = PROTOCOL
    cachable = False  # fsspec would hand one atlas the files of another

    def __init__(self, root: RemoteRoot, manifest: Manifest) -> None:
        super().__init__()
        self._root = root
        self._manifest = manifest
        self._listed = {file.path: file for file in manifest.files.listed}
        self._sealed = datetime.datetime.fromisoformat(manifest.created)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return name and size of a file."""
        file = self._file(path)
        return {"name": file.path, "size": file.n_bytes, "type": "file"}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Return nothing: files are named by the manifest, never looked for."""
        return []

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the file itself: DuckDB takes every name for a pattern."""
        file = self._find(path)
        return [file.path] if file else []

    def modified(self, path: str) -> datetime.datetime:
        """Return the time at which the atlas was sealed: its files do not change."""
        return self._sealed

    def _open(self, path: str, mode: str = "rb", **_: Any) -> RangedFile:
        if mode != "rb":
            raise PermissionError(f"{path} is read-only.")
        return self._root.open(self._file(path))

    def _file(self, path: str) -> TableFile:
        file = self._find(path)
        if file is None:
            raise FileNotFoundError(path)
        return file

    def _find(self, path: str) -> TableFile | None:
        """Return the file of a path; None if the manifest names none. List parts are read that were not read yet."""
        name = self._strip_protocol(path)
        if name not in self._listed:
            files = self._manifest.files
            self._listed |= {file.path: file for file in files.in_memory()}
        if name not in self._listed:
            table = name.partition("/")[0]
            self._listed |= {file.path: file for file in files.of_tables([table])}
        return self._listed.get(name)
