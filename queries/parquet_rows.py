"""Rows of one sequence or one protein out of Parquet, reading only the row groups that can hold them.

Written on pyarrow's Parquet reader alone: importing `duckdb` costs 75 ms and `pyarrow.compute` 30 ms, which together
are more than all else that `attlas show` does. The stored order makes it simple: every column searched is sorted, so
a bisection finds the rows.
"""

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema import BrokenAtlasError, TableFile

N_OPEN_FILES = 32
"""Parquet files a `SequenceRows` keeps open; a human-size atlas has fewer shards than that per table or few more."""


@dataclass(frozen=True)
class _OpenFile:
    parquet: pq.ParquetFile
    groups: tuple[tuple[int, int], ...]
    """Smallest and largest `sequence_id` of each row group."""


class SequenceRows:
    """The files of one shard table, looked into by `sequence_id`."""

    def __init__(self, root: Path, schema: pa.Schema, files: Sequence[TableFile]) -> None:
        self._root = root
        self._schema = schema
        self._files = [file for file in files if file.first_sequence_id is not None]
        self._files.sort(key=lambda file: file.first_sequence_id or 0)
        self._open: OrderedDict[str, _OpenFile] = OrderedDict()
        self._lock = threading.Lock()  # a ParquetFile is not promised to be safe from two threads

    def of(self, sequence_id: int, columns: Sequence[str]) -> pa.Table:
        """Return the rows of one sequence, in stored order; no rows if no file holds it.

        Raises:
            BrokenAtlasError: a file of the manifest is missing or no Parquet.
        """
        wanted = list(dict.fromkeys(["sequence_id", *columns]))
        with self._lock:
            parts = [self._read(file, sequence_id, wanted) for file in self._files if _may_hold(file, sequence_id)]
        parts = [part for part in parts if part is not None]
        rows = pa.concat_tables(parts) if parts else self._schema.empty_table()
        return rows.select(list(columns))

    def _read(self, file: TableFile, sequence_id: int, columns: list[str]) -> pa.Table | None:
        opened = self._opened(file)
        groups = [i for i, (first, last) in enumerate(opened.groups) if first <= sequence_id <= last]
        if not groups:
            return None
        with _reading(self._root, file):
            rows = opened.parquet.read_row_groups(groups, columns=columns, use_threads=False).combine_chunks()
        ids = _int32_values(rows.column("sequence_id"))
        first = bisect_left(ids, sequence_id)
        return rows.slice(first, bisect_right(ids, sequence_id) - first)

    def _opened(self, file: TableFile) -> _OpenFile:
        if file.path not in self._open:
            parquet = open_parquet(self._root, file)
            self._open[file.path] = _OpenFile(parquet, _group_ranges(parquet, "sequence_id"))
            if len(self._open) > N_OPEN_FILES:
                self._open.popitem(last=False)[1].parquet.close()
        self._open.move_to_end(file.path)
        return self._open[file.path]

    def close(self) -> None:
        """Close the files kept open."""
        while self._open:
            self._open.popitem()[1].parquet.close()


class ProteinRows:
    """The file of `proteins`, looked into by accession or searched by another column."""

    def __init__(self, root: Path, file: TableFile) -> None:
        self._root, self._file = root, file
        self._parquet = open_parquet(root, file)
        self._groups = _group_ranges(self._parquet, "accession")
        sizes = [self._parquet.metadata.row_group(i).num_rows for i in range(self._parquet.num_row_groups)]
        self._starts: list[int] = [0, *accumulate(sizes[:-1])]
        self._lock = threading.Lock()
        # The columns of a lookup are read again and again; 64 row groups of them are a million proteins.
        self._values = lru_cache(maxsize=256)(self._read_values)

    def row_of(self, accession: str) -> int | None:
        """Return the row of an accession, from 0; None if there is none."""
        for group, (first, last) in enumerate(self._groups):
            if first <= accession <= last:
                values = self._values(group, "accession")
                at = bisect_left(values, accession)
                if at < len(values) and values[at] == accession:
                    return self._starts[group] + at
        return None

    def where(self, column: str, value: str) -> list[int]:
        """Return the rows whose `column` equals `value`; reads that whole column, so milliseconds per 10,000."""
        return [row for row, other in enumerate(self.column(column)) if other == value]

    def column(self, name: str) -> list[str | None]:
        """Return every value of a column, in order of accession."""
        return [value for group in range(len(self._starts)) for value in self._values(group, name)]

    def value(self, row: int, column: str) -> Any:
        """Return one value; cheap when asked again for a row of the same row group."""
        group = bisect_right(self._starts, row) - 1
        return self._values(group, column)[row - self._starts[group]]

    def take(self, rows: Sequence[int], columns: Sequence[str] | None = None) -> pa.Table:
        """Return whole rows (or some columns of them), in the order asked for."""
        parts = []
        for row in rows:
            group = bisect_right(self._starts, row) - 1
            with self._lock, _reading(self._root, self._file):
                read = self._parquet.read_row_group(group, columns=columns, use_threads=False)
            parts.append(read.slice(row - self._starts[group], 1))
        return pa.concat_tables(parts).combine_chunks() if parts else self._empty(columns)

    def close(self) -> None:
        """Close the file."""
        self._parquet.close()

    def _empty(self, columns: Sequence[str] | None) -> pa.Table:
        rows = self._parquet.schema_arrow.empty_table()
        return rows if columns is None else rows.select(list(columns))

    def _read_values(self, group: int, column: str) -> list[Any]:
        with self._lock, _reading(self._root, self._file):
            rows = self._parquet.read_row_group(group, columns=[column], use_threads=False)
        return list(rows.column(0).to_pylist())


def open_parquet(root: Path, file: TableFile) -> pq.ParquetFile:
    """Open one file of the manifest.

    Raises:
        BrokenAtlasError: it is missing, no Parquet, or outside the atlas.
    """
    path = root / file.path
    if not path.resolve().is_relative_to(root.resolve()):
        raise BrokenAtlasError(f"The manifest names a file outside the atlas: {file.path}.")
    with _reading(root, file):
        return pq.ParquetFile(path, memory_map=True)


@contextmanager
def _reading(root: Path, file: TableFile) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise BrokenAtlasError(
            f"{root / file.path} cannot be read.",
            found=str(error).splitlines()[0],
            hint=f"see `attlas verify {root}` for every file that differs",
        ) from error


def _may_hold(file: TableFile, sequence_id: int) -> bool:
    return (file.first_sequence_id or 0) <= sequence_id <= (file.last_sequence_id or 0)


def _group_ranges(parquet: pq.ParquetFile, column: str) -> tuple[tuple[Any, Any], ...]:
    metadata = parquet.metadata
    index = parquet.schema_arrow.get_field_index(column)
    groups = [metadata.row_group(i).column(index).statistics for i in range(metadata.num_row_groups)]
    if any(group is None or not group.has_min_max for group in groups):
        raise BrokenAtlasError(f"A Parquet file has no statistics of `{column}`, by which rows are found.")
    return tuple((group.min, group.max) for group in groups)


def _int32_values(column: pa.ChunkedArray) -> memoryview:
    chunk = column.chunk(0)
    return memoryview(chunk.buffers()[1]).cast("B").cast("i")[chunk.offset : chunk.offset + len(chunk)]
