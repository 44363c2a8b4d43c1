"""Compressed files: told by their first bytes, unpacked as a stream, damage and bombs refused.

gzip (bgzip too), bzip2, xz and Zstandard are unpacked wherever a file is read. Archives of several files are not, since
nothing says which of them is meant.
"""

import bz2
import io
import lzma
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

import pyarrow as pa

from attlas.schema import InputError

MAX_RATIO = 250
"""Unpacked bytes for each compressed byte above which a file is refused: sequences and their XML reach 5 to 30."""
MIN_BYTES_OF_BOMB = 64 * 1024**2
"""Unpacked bytes below which no ratio is looked at: so much fits anywhere."""
MAX_UNPACKED_BYTES = 1024**4
"""Bytes above which nothing is unpacked, for any ratio; TrEMBL as XML is below."""
SUFFIXES = (".gz", ".bgz", ".bz2", ".xz", ".zst")
"""Endings of the names of compressed files."""
READ = "plain, gzip, bzip2, xz or Zstandard"
"""What is read, for messages."""

_N_BGZIP_START = 18
"""First bytes of a gzip member that bgzip has written."""
_N_START = 6
"""First bytes that identify a compression."""
_PIECE_BYTES = 4096
"""Compressed bytes unpacked at a time: how precisely the line where a damaged file breaks off can be named."""
_MAX_STEP_BYTES = 1 << 20
"""Unpacked bytes that are held at a time: 45 bytes of bzip2 may stand for a megabyte."""


class DamagedFile(InputError):
    """A compressed file that cannot be unpacked to its end."""


@dataclass(frozen=True)
class Compression:
    """A way to compress a file."""

    name: str
    start: bytes
    """The first bytes of such a file."""
    unpack: Callable[[IO[bytes]], Iterator[bytes]]
    """Yields the unpacked bytes of an open file; raises one of the errors of `_DAMAGE`."""


class _Decompressor(Protocol):
    """The interface that the decompressors of zlib, bz2 and lzma share."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _GzipDecompressor:
    """zlib's decompressor with the properties of those of bz2 and lzma."""

    needs_input = True  # a piece of gzip unpacks to at most a thousand times its bytes, so nothing is held back

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._zlib.decompress(data)


def _unpacked_members(
    packed: IO[bytes], make_decompressor: Callable[[], _Decompressor], start: bytes
) -> Iterator[bytes]:
    """Yield the unpacked bytes of a file of one or more members, as bgzip writes and as joined files have.

    Python's own readers of bzip2 and xz pass over whatever stands behind the last member; here it is an error. bgzip
    ends a file with an empty member: without it, members are missing.
    """
    decompressor = make_decompressor()
    raw = packed.read(_PIECE_BYTES)
    is_bgzip, n_bytes = _is_bgzip(raw), 0
    while raw:
        for piece in _decompress(decompressor, raw):
            n_bytes += len(piece)
            yield piece

        if not decompressor.eof:
            raw = packed.read(_PIECE_BYTES)
            continue

        raw = _skip_padding(packed, decompressor.unused_data)
        if not raw:
            if is_bgzip and n_bytes:
                break
            return
        if not raw.startswith(start[: len(raw)]):
            raise ValueError("there are bytes after its end that are not compressed")

        if len(raw) < _N_BGZIP_START:
            raw += packed.read(_PIECE_BYTES)
        decompressor = make_decompressor()
        is_bgzip, n_bytes = _is_bgzip(raw), 0

    raise EOFError


def _decompress(decompressor: _Decompressor, raw: bytes) -> Iterator[bytes]:
    """Yield the unpacked bytes, up to the end of the member."""
    yield decompressor.decompress(raw, _MAX_STEP_BYTES)
    while not (decompressor.eof or decompressor.needs_input):
        yield decompressor.decompress(b"", _MAX_STEP_BYTES)


def _skip_padding(packed: IO[bytes], raw: bytes) -> bytes:
    """Return the bytes of the next member, behind the zeros that may follow a member; empty at the end of the file."""
    raw = raw.lstrip(b"\0")
    while not raw and (piece := packed.read(_PIECE_BYTES)):
        raw = piece.lstrip(b"\0")
    return raw


def _is_bgzip(start: bytes) -> bool:
    """Return whether a member of gzip begins as those of bgzip do: with its length in a field called BC."""
    return start[:4] == b"\x1f\x8b\x08\x04" and start[12:16] == b"BC\x02\0"


def _unpacked_zstandard(packed: IO[bytes]) -> Iterator[bytes]:
    # Python's standard library has no Zstandard before 3.14; pyarrow brings it for Parquet.
    stream = pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")
    while data := stream.read(_MAX_STEP_BYTES):
        yield data


_GZIP, _BZIP2, _XZ, _ZSTANDARD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"(\xb5/\xfd"
COMPRESSIONS = (
    Compression("gzip", _GZIP, lambda packed: _unpacked_members(packed, _GzipDecompressor, _GZIP)),
    Compression("bzip2", _BZIP2, lambda packed: _unpacked_members(packed, bz2.BZ2Decompressor, _BZIP2)),
    Compression("xz", _XZ, lambda packed: _unpacked_members(packed, lzma.LZMADecompressor, _XZ)),
    Compression("Zstandard", _ZSTANDARD, _unpacked_zstandard),
)
_ARCHIVES = {
    b"PK\x03\x04": "zip, as Excel's files are",
    b"\x1f\x9d": "compress",
    b"7z\xbc\xaf": "7-Zip",
    b"Rar!": "RAR",
}
"""First bytes of files that are not unpacked here."""
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)
"""Errors of unpacking damaged data; pyarrow's errors are among the last two."""


def detect_compression(start: bytes, *, name: str) -> Compression | None:
    """Return the kind of compression, told by the first bytes of a file; None for a plain file.

    Raises:
        InputError: it is an archive, or compressed in a way that is not read.
    """
    for mark, archive in _ARCHIVES.items():
        if start.startswith(mark):
            raise InputError(
                f"{name} is packed with {archive}.",
                expected=f"a file that is {READ}",
                found=f"one that begins with {mark!r}",
                hint="unpack it",
            )
    return next((compression for compression in COMPRESSIONS if start.startswith(compression.start)), None)


def unpacked(handle: IO[bytes], *, name: str, max_bytes: int = MAX_UNPACKED_BYTES) -> IO[bytes]:
    """Return the unpacked bytes of an open, seekable file, as a stream; a plain file as it is.

    Raises:
        InputError: it is an archive; while the stream is read: it is damaged, or expands beyond the bounds.
    """
    start = handle.read(_N_START)
    handle.seek(0)
    compression = detect_compression(start, name=name)
    if compression is None:
        return handle
    stream = _UnpackedStream(handle, compression, name, min(max_bytes, MAX_UNPACKED_BYTES))
    return io.BufferedReader(stream, buffer_size=1 << 16)


def plain_name(name: str) -> str:
    """Return the name of a file without the ending of a compressed one."""
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)]


class _UnpackedStream(io.RawIOBase):
    """The unpacked bytes of a compressed file, counted as they come."""

    def __init__(self, packed: IO[bytes], compression: Compression, name: str, max_bytes: int) -> None:
        self._packed = packed
        self._compression = compression
        self._name = name
        self._max_bytes = max_bytes
        self._pieces = self._read_ahead(self._unpack(compression.unpack(packed)))
        self._piece = memoryview(b"")
        """Unpacked, and not yet read."""
        self._n_bytes = 0

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffers of `io` are memoryviews
        """Fill a buffer with the next bytes and return their number, 0 at the end. Raises InputError."""
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._piece = memoryview(piece)

        n = min(len(buffer), len(self._piece))
        buffer[:n] = self._piece[:n]
        self._piece = self._piece[n:]
        return n

    def _read_ahead(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces, the first ones when so much was read that no bomb can begin with them.

        A reader of lines takes minutes for a bomb of blank lines, which is unpacked in a second: so the bomb is refused
        before its first line is read.
        """
        start: deque[bytes] = deque()
        try:
            while self._packed.tell() * MAX_RATIO < MIN_BYTES_OF_BOMB and (piece := next(pieces, None)) is not None:
                start.append(piece)
        except DamagedFile as error:
            yield from _take(start)  # what stands before the damage
            raise error from error.__cause__

        yield from _take(start)
        yield from pieces

    def _unpack(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces, counted. Raises InputError for damage and for a bomb."""
        while (piece := self._next_piece(pieces)) is not None:
            self._n_bytes += len(piece)
            self._refuse_bomb()
            yield piece

    def _next_piece(self, pieces: Iterator[bytes]) -> bytes | None:
        try:
            return next(pieces, None)
        except _DAMAGE as error:
            raise DamagedFile(
                f"The {self._compression.name} file {self._name} is damaged.",
                expected="data that can be unpacked to its end",
                found=_damage_in_words(error),
                hint="download or copy it again",
            ) from error

    def _refuse_bomb(self) -> None:
        n_packed = self._packed.tell()
        if self._n_bytes > self._max_bytes:
            raise InputError(
                f"{self._name} unpacks to more than is read.",
                expected=f"at most {self._max_bytes:,} bytes",
                found=f"more, from {n_packed:,} bytes of {self._compression.name} so far",
                hint="split it, or hand it over in parts",
            )

        if self._n_bytes > max(MIN_BYTES_OF_BOMB, MAX_RATIO * n_packed):
            raise InputError(
                f"{self._name} is compressed more than any text of proteins.",
                expected=f"at most {MAX_RATIO} bytes unpacked for each byte of {self._compression.name}",
                found=f"{self._n_bytes:,} bytes from {n_packed:,}, and it goes on",
                hint="unpack it yourself if you trust it",
            )


def _take(pieces: deque[bytes]) -> Iterator[bytes]:
    """Yield pieces, and hold none longer than it is needed."""
    while pieces:
        yield pieces.popleft()


def _damage_in_words(error: Exception) -> str:
    is_truncated = isinstance(error, EOFError) or "truncated" in str(error).lower()
    return "it ends before its data do: it is truncated" if is_truncated else str(error) or type(error).__name__
