"""An atlas behind a URL: its files read by ranges, each range exactly as asked, through fsspec.

Nothing is kept on disk and no file is read whole but the manifest. The manifest names sizes, so that no file is asked
for its own; pyarrow and DuckDB join the ranges they need before they ask, and any read-ahead would only add to them.
"""

import io
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from attlas.schema import BrokenAtlasError, EnvironmentFault, Fault, TableFile

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

SAFE_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
"""A path that a manifest from elsewhere may name: no `..`, no root, no other address, nothing percent-encoded."""

_FAULT = re.compile(r"\b(EnvironmentFault|BrokenAtlasError): (.*?)(?:\n\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class RemoteRoot:
    """The URL below which the files of an atlas lie."""

    url: str
    """Without a slash at its end."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the root a user means, who may have given the address of the manifest itself."""
        return cls(url.removesuffix("manifest.json").rstrip("/"))

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, path: str) -> str:
        return f"{self.url}/{path}"

    def read(self, path: str) -> bytes:
        """Return a whole file, in one request.

        Raises:
            BrokenAtlasError: it is not there.
            EnvironmentFault: it could not be reached.
        """
        with _reaching(self / path):
            return bytes(self._files.cat_file(f"{self._base}/{path}"))

    def open(self, file: TableFile) -> "RangedFile":
        """Return a file of the manifest, to be read by ranges; nothing is read yet.

        Raises:
            BrokenAtlasError: the manifest names a file outside the atlas.
            EnvironmentFault: a package is missing, or the URL is of a kind that fsspec does not know.
        """
        if not SAFE_PATH.fullmatch(file.path):
            raise BrokenAtlasError(f"The manifest names a file outside the atlas: {file.path}.", found=str(self))
        where = f"{self._base}/{file.path}"
        return RangedFile(
            lambda: self._files.open(where, "rb", cache_type="none", size=file.n_bytes),
            address=self / file.path,
            n_bytes=file.n_bytes,
        )

    @property
    def _files(self) -> "AbstractFileSystem":
        return self._found[0]

    @property
    def _base(self) -> str:
        return self._found[1]

    @cached_property
    def _found(self) -> "tuple[AbstractFileSystem, str]":
        """The file system of the URL, and the URL as that names it."""
        with _reaching(self.url):
            from fsspec.core import url_to_fs

            # A compressed answer has other ranges than the file.
            is_http = self.url.lower().startswith(("http://", "https://"))
            options = {"headers": {"Accept-Encoding": "identity"}} if is_http else {}
            files, base = url_to_fs(self.url, **options)
            return files, base.rstrip("/")


class RangedFile(io.RawIOBase):
    """A file behind a URL: every read is one request for exactly the bytes asked for.

    DuckDB lets its threads share a file, and each says by `seek` where it reads before it does: the place, and the file
    of fsspec below, which has one too, are a thread's own.
    """

    def __init__(self, opened: Callable[[], Any], *, address: str, n_bytes: int) -> None:
        self._opened, self._address, self._n_bytes = opened, address, n_bytes
        self._of_thread = threading.local()
        with _reaching(address):
            self._of_thread.file = opened()

    def read(self, n: int = -1) -> bytes:
        """Return the next `n` bytes, fewer only at the end of the file.

        Raises:
            BrokenAtlasError: the file is not there, or shorter than the manifest says.
            EnvironmentFault: it could not be reached, or its server answers no range requests.
        """
        at = self.tell()
        left = max(0, self._n_bytes - at)
        n = left if n is None or n < 0 else min(n, left)
        if n == 0:
            return b""
        with _reaching(self._address):
            if not hasattr(self._of_thread, "file"):
                self._of_thread.file = self._opened()
            self._of_thread.file.seek(at)
            data = bytes(self._of_thread.file.read(n))
        if len(data) != n:
            expected = f"{n:,} bytes from byte {at:,} of {self._n_bytes:,}"
            raise BrokenAtlasError(
                f"{self._address} is not as the manifest says.",
                expected=expected,
                found=f"{len(data):,} bytes",
                hint="publish the release again, whole; if it was renewed just now, open it again",
            )
        self._of_thread.at = at + n
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move this thread to a byte, from the start, from here or from the end."""
        from_here = self.tell() if whence == io.SEEK_CUR else 0
        self._of_thread.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: from_here, io.SEEK_END: self._n_bytes}[whence]
        return self.tell()

    def tell(self) -> int:
        """Return the byte the next read of this thread begins at."""
        at: int = getattr(self._of_thread, "at", 0)
        return at

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read from anywhere."""
        return True


def is_url(text: str) -> bool:
    """Say whether `text` is a URL (`https://`, or fsspec's chained `simplecache::https://`) rather than a path."""
    return "://" in text


def fault_in(message: str) -> Fault | None:
    """Return the error of this file inside a message of DuckDB, which passes on exceptions of Python as text."""
    found = _FAULT.search(message)
    if found is None:
        return None
    return (EnvironmentFault if found[1] == "EnvironmentFault" else BrokenAtlasError)(found[2])


@contextmanager
def _reaching(address: str) -> Iterator[None]:
    """Turn whatever a network or its libraries raise into an error that names the address."""
    try:
        yield
    except Fault:
        raise
    except ImportError as error:
        hint = "pip install 'attlas[remote]' for http(s); other kinds of URL need the package named above as well"
        raise EnvironmentFault(f"A package that reads {address} is missing.", found=str(error), hint=hint) from error
    except Exception as error:  # every kind of URL has a library with exceptions of its own
        if isinstance(error, FileNotFoundError) or getattr(error, "status", None) == 404:
            hint = "check the URL: of the folder with manifest.json, and with every file that it names"
            raise BrokenAtlasError(f"There is no {address}.", hint=hint) from error
        if "range requests" in str(error):
            hint = "download the release and open it by path, or put it on a server that answers range requests"
            raise EnvironmentFault(f"The server of {address} answers no range requests.", hint=hint) from error
        found = f"{type(error).__name__}: {error}".rstrip(": ")
        hint = "check the URL and the network, then ask again"
        raise EnvironmentFault(f"{address} could not be read.", found=found, hint=hint) from error
