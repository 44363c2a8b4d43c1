"""Files that people hand in, opened in one way: a path or standard input, plain or compressed, within bounds."""

import hashlib
import io
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, cast

from attlas.intake.compression import DamagedFile, plain_name, unpacked
from attlas.intake.text import UTF8_MARK, text_of
from attlas.schema import InputError

STANDARD_INPUT = "-"
"""The name of standard input, in place of a path."""
MAX_BYTES = 4 * 1024**3
"""Bytes above which no file is held in memory, unpacked or not: the proteins of all reference proteomes are below.
A pipe that never ends stops here."""

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class HandedFile:
    """A file that was handed in, read to its end."""

    name: str
    """Its name without the folder, or `-` for standard input."""
    sha256: str
    """SHA-256 of its bytes as they were handed in, compressed or not."""
    data: bytes
    """Its bytes, unpacked."""

    @property
    def plain_name(self) -> str:
        """Its name without the ending of a compressed file."""
        return plain_name(self.name)

    @cached_property
    def text(self) -> str:
        """Its text. Raises InputError if it is binary."""
        return text_of(self.data, name=self.name)


def read_file(
    source: str | Path,
    *,
    expected: str,
    max_bytes: int = MAX_BYTES,
    may_be_empty: bool = False,
    place_in: Callable[[bytes], str] | None = None,
) -> HandedFile:
    """Read a file to its end.

    Args:
        source: its path, or `-` for standard input.
        expected: what it should be, such as `a FASTA file`, for messages.
        max_bytes: bytes above which it is refused.
        may_be_empty: an empty file is read, too; else it is refused.
        place_in: says of the bytes before a damage where it is; by default the number of the line.

    Raises:
        InputError: there is no such file, it is a folder, a device or empty, it cannot be read, it is damaged or an
            archive, or it is larger than the bound.
    """
    packed = _read_packed(source, expected, max_bytes)
    name = STANDARD_INPUT if str(source) == STANDARD_INPUT else Path(source).name
    data = _unpacked_to_end(packed, name, max_bytes, place_in or _line_number)
    if not may_be_empty and not data.removeprefix(UTF8_MARK).strip():
        raise InputError(
            f"{name} is empty.", expected=expected, found="no text in it", hint="check the download or the command"
        )
    return HandedFile(name, hashlib.sha256(packed).hexdigest(), data)


@contextmanager
def stream_file(source: str | Path, *, expected: str, add_bytes: Callable[[bytes], object]) -> Iterator[IO[bytes]]:
    """Open a file that is read once, piece by piece, of any size: its path, or `-` for standard input.

    Args:
        source: its path, or `-`.
        expected: what it should be, such as `a FASTA file`, for messages.
        add_bytes: is called with the bytes as they are handed in, compressed or not: a digest of them.

    Raises:
        InputError: as `read_file`, also while it is read; an empty file is read.
    """
    if str(source) == STANDARD_INPUT:
        yield _unpacked_once(_open_standard_input(expected), STANDARD_INPUT, add_bytes)
        return

    path = Path(source).expanduser()
    try:
        with _open_regular(path, expected) as handle:
            yield _unpacked_once(handle, path.name, add_bytes)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unreadable(path, expected, error) from error


@contextmanager
def open_file(path: Path, *, expected: str) -> Iterator[IO[bytes]]:
    """Open a file that is read piece by piece, maybe more than once; its bytes come unpacked.

    Raises:
        InputError: as `read_file`, also while it is read; or it is standard input or a pipe, which is read once.
    """
    if str(path) == STANDARD_INPUT or path.is_fifo():
        raise InputError(
            "This input is read more than once." if str(path) == STANDARD_INPUT else f"{path} is a pipe or a device.",
            expected=f"{expected}, as a file: it is read more than once, and named in what is made of it",
            found="standard input" if str(path) == STANDARD_INPUT else "a pipe",
            hint="write what it gives to a file first",
        )

    try:
        with _open_regular(path, expected) as handle:
            yield unpacked(handle, name=path.name)
    except OSError as error:
        raise _unreadable(path, expected, error) from error


def _unpacked_once(handle: IO[bytes], name: str, add_bytes: Callable[[bytes], object]) -> IO[bytes]:
    return unpacked(cast(IO[bytes], _ReadOnce(handle, add_bytes)), name=name)


class _ReadOnce:
    """A file that cannot be rewound, but for its first bytes, which tell how it is compressed."""

    closed = False

    def __init__(self, handle: IO[bytes], add_bytes: Callable[[bytes], object]) -> None:
        self._handle = handle
        self._add_bytes = add_bytes
        self._start: bytes | None = b""
        """What was read before the file was rewound; None from then on."""
        self._pending = b""
        self._n_read = 0

    def read(self, n: int = _CHUNK_BYTES) -> bytes:
        """Return the next bytes, at most `n`; none at the end."""
        if self._pending:
            data, self._pending = self._pending[:n], self._pending[n:]
        else:
            data = self._handle.read(n)
            self._add_bytes(data)
        if self._start is not None:
            self._start += data
        self._n_read += len(data)
        return data

    def seek(self, position: int) -> None:
        """Go back to the beginning, once."""
        assert position == 0
        assert self._start is not None
        self._pending, self._start, self._n_read = self._start, None, 0

    def tell(self) -> int:
        """Return the number of bytes that were read."""
        return self._n_read

    def close(self) -> None:
        """Do nothing: whoever opened the file closes it."""


def _open_standard_input(expected: str) -> IO[bytes]:
    """Return standard input. Raises InputError if it is closed, as in jobs of cron."""
    if sys.stdin is None:
        raise InputError("Standard input is closed.", expected=expected, hint="hand in a file, or pipe one in")
    return sys.stdin.buffer


def _read_packed(source: str | Path, expected: str, max_bytes: int) -> bytes:
    if str(source) == STANDARD_INPUT:
        return _read_to_end(_open_standard_input(expected), "standard input", max_bytes)

    path = Path(source).expanduser()
    try:
        with _open_regular(path, expected) as handle:
            return _read_to_end(handle, path.name, max_bytes)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unreadable(path, expected, error) from error


def _open_regular(path: Path, expected: str) -> IO[bytes]:
    """Open a file or a pipe; a device may never end, and a folder is no file. Raises InputError."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise InputError(f"{path} is a folder.", expected=expected, found="a folder", hint="name one file")
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise InputError(
            f"{path} is a pipe or a device.", expected=expected, found="a device", hint="name a file, or `-`"
        )
    return path.open("rb")


def _read_to_end(handle: IO[bytes], name: str, max_bytes: int) -> bytes:
    chunks = []
    n_bytes = 0
    while chunk := handle.read(_CHUNK_BYTES):
        chunks.append(chunk)
        n_bytes += len(chunk)
        if n_bytes > max_bytes:
            raise InputError(
                f"{name} is larger than is read.",
                expected=f"at most {max_bytes:,} bytes",
                found="more; it may have no end",
                hint="check the command before the pipe, or split the file",
            )

    return b"".join(chunks)


def _unpacked_to_end(packed: bytes, name: str, max_bytes: int, place_in: Callable[[bytes], str]) -> bytes:
    """Return the unpacked bytes; the error of a damaged file says where in them it breaks off."""
    stream = unpacked(io.BytesIO(packed), name=name, max_bytes=max_bytes)
    if isinstance(stream, io.BytesIO):
        return packed

    chunks: list[bytes] = []
    try:
        while chunk := stream.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]  # what is unpacked is buffered
            chunks.append(chunk)
    except DamagedFile as error:
        place = f"{error.found}; it breaks off {place_in(b''.join(chunks))}"
        raise DamagedFile(error.what, expected=error.expected, found=place, hint=error.hint) from error

    return b"".join(chunks)


def _line_number(data: bytes) -> str:
    return f"near line {max(len(data.splitlines()), 1):,}"


def _unreadable(path: Path, expected: str, error: OSError | ValueError) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(
            f"There is no such file: {path}.",
            expected=expected,
            found=error.strerror,
            hint="check the path; `-` reads standard input",
        )

    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"{path} cannot be read.", expected=expected, found=reason, hint="check its permissions")
