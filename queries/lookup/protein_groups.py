"""The row groups of `proteins`, read by the footer of the file or, of a large atlas, by the parts of it alone.

The whole footer grows with the number of proteins; a part is 2 kB of one row group (`schema/footer_parts.py`).
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries.lookup import storage
from attlas.queries.lookup.empty_table import make_empty_table
from attlas.queries.lookup.parquet_rows import open_parquet, reading
from attlas.queries.lookup.storage import Root
from attlas.schema import TableFile
from attlas.schema.footer_parts import FooterParts, parse_footer_part

SMALL_TAIL_BYTES = 1 << 17
"""Up to this size the footer is read whole: it takes fewer requests."""


class ProteinGroups(Protocol):
    """The row groups of the file of `proteins`; the caller lets one thread in at a time."""

    starts: Sequence[int]
    """First row of each row group."""

    def read(self, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a row group, or some columns of it."""

    def read_none(self) -> pa.Table:
        """Return a table of all columns without rows."""

    def close(self) -> None:
        """Close the file."""


class FooterGroups:
    """Row groups read by the footer of the file."""

    def __init__(self, root: Root, file: TableFile) -> None:
        """Open the file. Raises BrokenAtlasError."""
        self._parquet = open_parquet(root, file)
        metadata = self._parquet.metadata
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        self.starts: Sequence[int] = [0, *accumulate(sizes[:-1])][: len(sizes)]

    def read(self, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a row group, or some columns of it."""
        return self._parquet.read_row_group(group, columns=columns, use_threads=False)

    def read_none(self) -> pa.Table:
        """Return a table of all columns without rows."""
        return make_empty_table(self._parquet.schema_arrow)

    def close(self) -> None:
        """Close the file."""
        self._parquet.close()


class PartGroups:
    """Row groups read by the parts of the footer."""

    def __init__(self, root: Root, file: TableFile, parts: FooterParts) -> None:
        """Open the file; nothing of it is read. Raises BrokenAtlasError."""
        with reading(root, file):
            self._source = storage.open_source(root, file, parts.blocks)
        self._is_remote = storage.is_remote(root)
        self._parts = parts
        self.starts: Sequence[int] = range(0, file.n_rows, parts.group_rows)

    def read(self, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a row group, or some columns of it."""
        return self._open_group(group).read_row_group(0, columns=columns, use_threads=False)

    def read_none(self) -> pa.Table:
        """Return a table of all columns without rows."""
        return make_empty_table(self._open_group(0).schema_arrow)

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def _open_group(self, group: int) -> pq.ParquetFile:
        start, end = self._parts.range_of(group)
        self._source.seek(start)
        metadata = parse_footer_part(self._source.read(end - start))
        return pq.ParquetFile(self._source, metadata=metadata, pre_buffer=self._is_remote)


def open_groups(root: Root, file: TableFile, read_index_metadata: Callable[[], dict[bytes, bytes]]) -> ProteinGroups:
    """Return the row groups of `proteins`, by the parts of its footer where that is long and an index tells of them.

    Raises:
        BrokenAtlasError: the file is missing or no Parquet.
    """
    if file.tail_bytes > SMALL_TAIL_BYTES:
        parts = FooterParts.parse(read_index_metadata(), tail_sha256=file.tail_sha256)
        if parts is not None:
            return PartGroups(root, file, parts)
    return FooterGroups(root, file)
