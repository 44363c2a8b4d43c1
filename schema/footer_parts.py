"""The footer of a large `proteins` in parts, so that a row group is read without what the footer says of all others.

A footer has a kilobyte or more for each row group: 50 MB for sixty million proteins. A part is a footer, too, of one
row group alone. The parts stand behind the row groups, where no reader of Parquet looks for anything:

    row groups | part of each, filled up to one size | where they are | digests of blocks | ... | the footer of all

The indexes of names, which tell the row of a protein, have in their metadata where the parts are, and what is needed to
check the bytes of `proteins` without its tail.
"""

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema.blocks import FOOTER_END, FileBlocks, find_footer, read_tail
from attlas.schema.json_file import IllTypedError, from_json
from attlas.schema.thrift import encode_number, field_places, list_places

FEW_GROUPS = 32
"""Up to so many row groups the footer is read as a whole: it has no parts."""
METADATA_KEY = b"attlas.proteins"
"""Key in the metadata of the indexes of names, of the JSON of `FooterParts`."""
_MAX_PART_BYTES = 1 << 24
"""More than any part has; a reader holds one in memory."""
_LENGTH = struct.Struct("<I")
"""Length of a part, before it is filled up."""
_PLACE = struct.Struct("<QIII8s")
"""Byte of the first part, size of a part, number of parts, rows of a row group, magic: the end of the data."""
_MAGIC = b"ATTLAS-P"
_SCHEMA_ID, _GROUPS_ID = 2, 4
"""Numbers of the fields of a footer (`FileMetaData` of parquet.thrift)."""
_N_ROWS_HEADER, _GROUPS_HEADER = bytes([0x16]), bytes([0x19, 0x1C])
"""Headers of the fields 3 and 4, which follow on the schema: a number; a list of one struct."""
_STOP = bytes([0])


@dataclass(frozen=True)
class FooterParts:
    """Where the parts of the footer of `proteins` are, and the digests of its blocks."""

    tail_sha256: str
    """Of the tail of the file that this is about: another file is read by its footer."""
    first_byte: int
    """Byte of the file at which the first part begins."""
    part_bytes: int
    """Size of each part, with its length."""
    n_parts: int
    group_rows: int
    """Rows of each row group; the last may have fewer."""
    data_bytes: int
    """As `FileBlocks.data_bytes`."""
    block_bytes: int
    page_digests: str
    """As `FileBlocks.page_digests`, hexadecimal."""

    @property
    def blocks(self) -> FileBlocks:
        """Return the blocks that the file is cut into."""
        return FileBlocks(self.data_bytes, self.block_bytes, bytes.fromhex(self.page_digests))

    def range_of(self, group: int) -> tuple[int, int]:
        """Return the first byte of the part of a row group, and the byte after the part."""
        start = self.first_byte + group * self.part_bytes
        return start, start + self.part_bytes

    def to_metadata(self) -> dict[bytes, bytes]:
        """Return the metadata of an index that says this."""
        return {METADATA_KEY: json.dumps(asdict(self)).encode()}

    @classmethod
    def parse(cls, metadata: dict[bytes, bytes] | None, *, tail_sha256: str) -> Self | None:
        """Return the parts in the metadata of an index, of the file with this tail; None where there are none."""
        try:
            parts = from_json(cls, json.loads((metadata or {})[METADATA_KEY]))
            is_within = parts.first_byte + parts.n_parts * parts.part_bytes <= parts.data_bytes
            n_digest_bytes = len(parts.blocks.page_digests)
        except (KeyError, ValueError, IllTypedError):
            return None

        is_sound = is_within and 0 < parts.part_bytes <= _MAX_PART_BYTES and min(parts.n_parts, parts.group_rows) > 0
        has_digests = parts.block_bytes > 0 and n_digest_bytes == parts.blocks.pages_bytes
        return parts if is_sound and has_digests and parts.tail_sha256 == tail_sha256 else None


def add_footer_parts(path: Path) -> None:
    """Write the parts of the footer before the footer of a new Parquet file, unless it has few row groups.

    All its row groups but the last have the same number of rows. Digests of blocks are added afterwards.
    """
    metadata = pq.read_metadata(path)
    if metadata.num_row_groups <= FEW_GROUPS:
        return

    with path.open("r+b") as file:
        first_byte = find_footer(file)
        file.seek(first_byte)
        footer_and_end = file.read()
        n_rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        parts = list(_cut_footer(footer_and_end[: -FOOTER_END.size], n_rows))

        part_bytes = _LENGTH.size + max(map(len, parts))
        file.seek(first_byte)
        for part in parts:
            file.write((_LENGTH.pack(len(part)) + part).ljust(part_bytes, b"\0"))
        file.write(_PLACE.pack(first_byte, part_bytes, len(parts), n_rows[0], _MAGIC) + footer_and_end)


def _cut_footer(footer: bytes, n_rows: list[int]) -> Iterator[bytes]:
    """Yield a footer for each row group: version and schema, the number of its rows, and the row group."""
    places = {number: place for number, _, place in field_places(footer)}
    head = footer[: places[_SCHEMA_ID][1]]
    groups = list_places(footer, places[_GROUPS_ID][0])
    for (start, end), n in zip(groups, n_rows, strict=True):
        yield head + _N_ROWS_HEADER + encode_number(n) + _GROUPS_HEADER + footer[start:end] + _STOP


def read_footer_parts(path: Path) -> FooterParts | None:
    """Return where the parts of the footer of a published file are; None if it has none.

    Raises:
        BrokenAtlasError: the file is no file of an atlas.
    """
    tail = read_tail(path)
    blocks = FileBlocks.parse_tail(tail)
    if blocks.data_bytes < _PLACE.size:
        return None

    with path.open("rb") as file:
        file.seek(blocks.data_bytes - _PLACE.size)
        first_byte, part_bytes, n_parts, group_rows, magic = _PLACE.unpack(file.read(_PLACE.size))
    if magic != _MAGIC:
        return None

    return FooterParts(
        tail_sha256=hashlib.sha256(tail).hexdigest(),
        first_byte=first_byte,
        part_bytes=part_bytes,
        n_parts=n_parts,
        group_rows=group_rows,
        data_bytes=blocks.data_bytes,
        block_bytes=blocks.block_bytes,
        page_digests=blocks.page_digests.hex(),
    )


def parse_footer_part(data: bytes) -> pq.FileMetaData:
    """Return the metadata of a file of one row group, from the bytes of its part.

    Raises:
        pyarrow.ArrowException, OSError: they are no part.
    """
    (n_bytes,) = _LENGTH.unpack_from(data)
    part = data[_LENGTH.size : _LENGTH.size + n_bytes]
    return pq.read_metadata(pa.BufferReader(part + FOOTER_END.pack(len(part), b"PAR1")))
