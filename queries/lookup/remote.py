"""An atlas behind a URL: its files read by ranges, each checked by the digests of the manifest before it is used.

Nothing is kept on disk and no large file is read whole. pyarrow and DuckDB read through the same `RangedFile`; both
join the ranges they need before they ask, and any read-ahead would only add to them.
"""

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from attlas.queries.lookup.checked_file import BlockCache, CheckedFile
from attlas.queries.lookup.network_errors import not_as_noted, translate_errors
from attlas.schema import TableFile
from attlas.schema.blocks import FileBlocks
from attlas.schema.list_parts import ListPart

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from attlas.queries.lookup.http_files import HttpFiles

MOST_MANIFEST_BYTES = 1 << 26
"""More than the manifest of any atlas has; what a server sends beyond is not read."""
STREAMED_BYTES = 1 << 22
"""Bytes of a request where a file is read from end to end."""


@dataclass(frozen=True)
class RemoteRoot:
    """The URL below which the files of an atlas lie."""

    url: str
    """Without a slash at its end."""
    timeout_s: float | None = None
    """How long a request may take; None: as long as usual (`http_files.py`)."""

    @classmethod
    def of(cls, url: str, *, timeout_s: float | None = None) -> Self:
        """Return the root of a URL, which may be the address of the manifest itself."""
        return cls(url.removesuffix("manifest.json").rstrip("/"), timeout_s)

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, path: str) -> str:
        return f"{self.url}/{path}"

    def read_manifest(self) -> bytes:
        """Return the bytes of the manifest, in one request.

        Raises:
            BrokenAtlasError: it is not there.
            EnvironmentFault: it could not be reached; a package is missing, or the kind of URL is unknown.
        """
        with translate_errors(self / "manifest.json"):
            return self._reader.read_whole("manifest.json", max_bytes=MOST_MANIFEST_BYTES)

    def read_list_part(self, part: ListPart) -> bytes:
        """Return the bytes of a part of the list of files, in one request; the caller checks them.

        Raises:
            BrokenAtlasError: it is not there, or has another size.
            EnvironmentFault: as `read_manifest`.
        """
        with translate_errors(self / part.path):
            return self._reader.read(part.path, 0, part.n_bytes, n_bytes=part.n_bytes)

    def open(self, file: TableFile, blocks: FileBlocks | None = None) -> "RangedFile":
        """Return a file of the manifest, to be read by ranges; nothing is read yet.

        `blocks` are those that the file is cut into, if an index has told of them; None: its tail tells of them.
        """
        with self._lock:
            if file.path not in self._files:
                self._files[file.path] = CheckedFile(
                    self._reader, file, address=self / file.path, cache=self._block_cache, blocks=blocks
                )
            return RangedFile(self._files[file.path])

    def stream(self, file: TableFile) -> Iterator[bytes]:
        """Yield all bytes of a file as the server sends them, unchecked. Raises as `RangedFile.read`."""
        with translate_errors(self / file.path):
            for start in range(0, file.n_bytes, STREAMED_BYTES):
                n = min(STREAMED_BYTES, file.n_bytes - start)
                yield self._reader.read(file.path, start, n, n_bytes=file.n_bytes)

    def close(self) -> None:
        """Close the connections that are kept open."""
        if "_reader" in self.__dict__:
            self._reader.close()

    @cached_property
    def _reader(self) -> "HttpFiles | FsspecFiles":
        with translate_errors(self.url):
            if self.url.lower().startswith(("http://", "https://")):
                import aiohttp  # noqa: F401  # said here if it is missing
                import fsspec.asyn  # noqa: F401

                from attlas.queries.lookup.http_files import HttpFiles

                return HttpFiles(self.url, timeout_s=self.timeout_s)
            return FsspecFiles(self.url)

    @cached_property
    def _files(self) -> dict[str, CheckedFile]:
        return {}

    @cached_property
    def _block_cache(self) -> BlockCache:
        return BlockCache()

    @cached_property
    def _lock(self) -> threading.Lock:
        return threading.Lock()


class FsspecFiles:
    """The files below any other kind of URL that fsspec knows, such as `s3://` or `hf://`."""

    def __init__(self, url: str) -> None:
        """Find the file system of the URL. Raises ImportError and ValueError of fsspec."""
        from fsspec.core import url_to_fs

        self._url = url
        self._files: AbstractFileSystem
        self._files, base = url_to_fs(url)
        self._base = base.rstrip("/")

    def read(self, path: str, start: int, n: int, *, n_bytes: int) -> bytes:
        """Return `n` bytes from `start` on of a file that has `n_bytes`. Raises as `HttpFiles.read`."""
        address = f"{self._url}/{path}"
        with translate_errors(address):
            data = bytes(self._files.cat_file(f"{self._base}/{path}", start=start, end=start + n))
        if len(data) != n:
            expected = f"{n:,} bytes from byte {start:,} of {n_bytes:,}"
            raise not_as_noted(address, expected=expected, observed=f"{len(data):,} bytes")
        return data

    def read_whole(self, path: str, *, max_bytes: int) -> bytes:
        """Return a file, or its first `max_bytes` bytes, in one request. Raises as `HttpFiles.read_whole`."""
        with translate_errors(f"{self._url}/{path}"):
            return bytes(self._files.cat_file(f"{self._base}/{path}", end=max_bytes))

    def close(self) -> None:
        """Do nothing: fsspec keeps its file systems."""


class RangedFile(io.RawIOBase):
    """A file behind a URL, as pyarrow and DuckDB read one.

    DuckDB lets its threads share a file, and each says by `seek` where it reads before it does: the place is a
    thread's own.
    """

    def __init__(self, file: CheckedFile) -> None:
        self._file = file
        self._of_thread = threading.local()

    def read(self, n: int = -1) -> bytes:
        """Return the next `n` bytes, fewer only at the end of the file.

        Raises:
            BrokenAtlasError: the file is not there, or not as the manifest says.
            EnvironmentFault: it could not be reached, or its server answers no range requests.
        """
        at = self.tell()
        n_left = max(0, self._file.n_bytes - at)
        n = n_left if n is None or n < 0 else min(n, n_left)
        if n == 0:
            return b""

        data = self._file.read(at, at + n)
        self._of_thread.at = at + n
        return data

    def read_tail(self) -> bytes:
        """Return the end of the file, the Parquet footer inside it. Raises as `read`."""
        return self._file.read_tail()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move this thread to a byte, from the start, from where it is or from the end."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._file.n_bytes}[whence]
        self._of_thread.at = origin + offset
        return self.tell()

    def tell(self) -> int:
        """Return the byte the next read of this thread begins at."""
        at: int = getattr(self._of_thread, "at", 0)
        return at

    def readable(self) -> bool:
        """Return True: the file can be read."""
        return True

    def seekable(self) -> bool:
        """Return True: the file can be read from any byte."""
        return True


def is_url(text: str) -> bool:
    """Return True if `text` is a URL (`https://`, or fsspec's chained `simplecache::https://`) rather than a path."""
    return "://" in text
