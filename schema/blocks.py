"""Digests of the blocks of a Parquet file, kept in the file itself, so that a range of it is checked when it is read.

Readers of Parquet find everything by the footer, so that between the columns and the footer there is room for more:

    data | digest of each block of the data | digest of each page of digests | trailer | footer | its length, `PAR1`

A block has the same size all over a file. All from the digests of pages to the end of the file is its tail, and the
digest of the tail stands in the manifest: a reader checks the tail by the manifest, the pages that it needs by the
tail, every block by its page. Where the digests are few, the tail holds them too, so that one request brings all.
"""

import hashlib
import struct
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import BinaryIO, Self

from attlas.schema.errors import BrokenAtlasError

DIGEST_BYTES = 16
"""Bytes kept of the SHA-256 of a block."""
SMALLEST_BLOCK_BYTES = 1024
PAGE_BYTES = 1 << 14
"""Bytes of digests that are read and checked together: those of 1,024 blocks."""
FEW_DIGEST_BYTES = 4096
"""Up to this size the digests are part of the tail."""

BLOCKS_AT_ONCE = 512
"""Blocks of a new file that are in memory at once."""

_TRAILER = struct.Struct("<QI8s")
"""Bytes of the data, bytes of a block, magic."""
_MAGIC = b"ATTLAS-1"
FOOTER_END = struct.Struct("<I4s")
"""Length of the footer and `PAR1`: what every Parquet file ends with."""


@dataclass(frozen=True)
class FileBlocks:
    """The blocks of a file, and the place of their digests in it."""

    data_bytes: int
    """The data is bytes 0 to this; the digests follow."""
    block_bytes: int
    page_digests: bytes
    """Digest of each page of digests, end to end."""

    @property
    def n_blocks(self) -> int:
        """Return the number of blocks; the last may be shorter."""
        return -(-self.data_bytes // self.block_bytes)

    @property
    def digests_bytes(self) -> int:
        """Return the size of the digests of all blocks."""
        return self.n_blocks * DIGEST_BYTES

    @property
    def pages_bytes(self) -> int:
        """Return the size of the digests of all pages."""
        return -(-self.digests_bytes // PAGE_BYTES) * DIGEST_BYTES

    @classmethod
    def parse_tail(cls, tail: bytes) -> Self:
        """Read the blocks from the tail of a file.

        Raises:
            ValueError: the bytes are no tail of a Parquet file with digests.
        """
        trailer_start = _trailer_start(tail)
        if trailer_start < 0:
            raise ValueError("no digests of blocks")

        data_bytes, block_bytes, magic = _TRAILER.unpack_from(tail, trailer_start)
        if magic != _MAGIC or not block_bytes:
            raise ValueError("no digests of blocks")

        blocks = cls(data_bytes, block_bytes, b"")
        return cls(data_bytes, block_bytes, tail[max(0, trailer_start - blocks.pages_bytes) : trailer_start])


def digest_block(block: bytes | memoryview) -> bytes:
    """Return the digest of a block: the first 16 bytes of its SHA-256."""
    return hashlib.sha256(block).digest()[:DIGEST_BYTES]


def choose_block_bytes(data_bytes: int) -> int:
    """Return the size of the blocks of a file: the largest power of two up to the root of its size, at least 1 kB.

    A lookup reads a few ranges of a file, each up to two blocks longer than necessary, and all digests. Both must be
    small for their sum to be small. Files of 100 MB have blocks of 8 kB.
    """
    return max(SMALLEST_BLOCK_BYTES, 1 << (isqrt(data_bytes).bit_length() - 1) if data_bytes else 0)


def add_block_digests(path: Path) -> None:
    """Write the digests of the blocks, and the trailer, before the footer of a new Parquet file."""
    with path.open("r+b") as file:
        data_bytes = find_footer(file)
        file.seek(data_bytes)
        footer = file.read()
        block_bytes = choose_block_bytes(data_bytes)
        digests = _digest_blocks(file, data_bytes, block_bytes)
        pages = b"".join(digest_block(digests[at : at + PAGE_BYTES]) for at in range(0, len(digests), PAGE_BYTES))

        file.seek(data_bytes)
        file.write(digests + pages + _TRAILER.pack(data_bytes, block_bytes, _MAGIC) + footer)


def _digest_blocks(file: BinaryIO, data_bytes: int, block_bytes: int) -> bytes:
    """Return the digests of a file's blocks, end to end; the file is read in parts of many blocks."""
    part_bytes = block_bytes * BLOCKS_AT_ONCE
    digests = []
    file.seek(0)
    for start in range(0, data_bytes, part_bytes):
        part = memoryview(file.read(min(part_bytes, data_bytes - start)))
        digests += [digest_block(part[at : at + block_bytes]) for at in range(0, len(part), block_bytes)]
    return b"".join(digests)


def read_tail(path: Path) -> bytes:
    """Return the tail of a Parquet file.

    Raises:
        BrokenAtlasError: the file is no Parquet file, or has no digests of its blocks.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(find_footer(file) - _TRAILER.size, 0))
            blocks = FileBlocks.parse_tail(file.read())

            is_few = blocks.digests_bytes <= FEW_DIGEST_BYTES
            file.seek(blocks.data_bytes + (0 if is_few else blocks.digests_bytes))
            tail = file.read()
    except (ValueError, OSError) as error:
        raise BrokenAtlasError(f"{path} is no file of an atlas.", found=str(error)) from error
    return tail


def read_digests(tail: bytes, blocks: FileBlocks) -> bytes | None:
    """Return the digests that a tail holds; None if they are too many for it."""
    end = _trailer_start(tail) - blocks.pages_bytes
    return tail[end - blocks.digests_bytes : end] if end >= blocks.digests_bytes else None


def _trailer_start(tail: bytes) -> int:
    """Return the place of the trailer in the tail of a Parquet file, negative for none. Raises ValueError."""
    end = tail[-FOOTER_END.size :]
    return len(tail) - FOOTER_END.size - _footer_bytes(end) - _TRAILER.size


def find_footer(file: BinaryIO) -> int:
    """Return the first byte of the footer of a Parquet file. Raises ValueError."""
    n_bytes = file.seek(0, 2)
    file.seek(max(0, n_bytes - FOOTER_END.size))
    start = n_bytes - FOOTER_END.size - _footer_bytes(file.read())
    if start < 0:
        raise ValueError("the footer is longer than the file")
    return start


def _footer_bytes(end: bytes) -> int:
    """Return the length of the footer of a Parquet file that ends with these 8 bytes. Raises ValueError."""
    if len(end) != FOOTER_END.size or end[4:] != b"PAR1":
        raise ValueError("no Parquet: its last bytes are not PAR1")
    length: int = FOOTER_END.unpack(end)[0]
    return length
