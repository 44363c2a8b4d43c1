"""Rows of one sequence out of Parquet, reading only the row groups that can hold them.

Written on pyarrow's Parquet reader alone: importing `duckdb` costs 75 ms and `pyarrow.compute` 30 ms, which together
are more than all else that `attlas show` does; only what reads many rows at once calls into the latter. The stored
order makes it simple: every column of a lookup is sorted, so a bisection finds the rows.
"""

import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries.lookup import storage
from attlas.queries.lookup.empty_table import make_empty_table
from attlas.queries.lookup.storage import Root
from attlas.schema import BrokenAtlasError, TableFile
from attlas.schema.file_list import FileList

N_OPEN_FILES = 32
"""Parquet files a `SequenceRows` keeps open; a human-size atlas has fewer shards than that per table or few more."""
N_SLICED = 16
"""Rows up to which slices are put together; more are taken at once, which imports `pyarrow.compute`."""


@dataclass(frozen=True)
class OpenFile:
    """A file that is open."""

    file: TableFile
    parquet: pq.ParquetFile
    groups: tuple[tuple[Any, Any], ...]
    """Smallest and largest value of each row group in the column by which it is sorted."""


class OpenFiles:
    """The files of a table that were asked for last, kept open; the caller lets one thread in at a time."""

    def __init__(self, root: Root, column: str) -> None:
        """Open files below `root` whose rows are sorted by `column`."""
        self._root, self._column = root, column
        self._open: OrderedDict[str, OpenFile] = OrderedDict()

    def of(self, file: TableFile) -> OpenFile:
        """Return a file, opened. Raises BrokenAtlasError if it is missing or no Parquet."""
        if file.path not in self._open:
            parquet = open_parquet(self._root, file)
            with reading(self._root, file):
                groups = _group_ranges(parquet, self._column)
            self._open[file.path] = OpenFile(file, parquet, groups)
            if len(self._open) > N_OPEN_FILES:
                self._open.popitem(last=False)[1].parquet.close()
        self._open.move_to_end(file.path)
        return self._open[file.path]

    def any_open(self) -> TableFile | None:
        """Return a file that is open; None if there is none."""
        return next((open_file.file for open_file in self._open.values()), None)

    def close(self) -> None:
        """Close the files kept open."""
        while self._open:
            self._open.popitem()[1].parquet.close()


class SequenceRows:
    """The files of one shard table, looked into by `sequence_id`."""

    def __init__(self, root: Root, schema: pa.Schema, files: FileList) -> None:
        self._root = root
        self._schema = schema
        self._files = files
        self._open = OpenFiles(root, "sequence_id")
        self._lock = threading.Lock()  # a ParquetFile is not promised to be safe from two threads

    def of(self, sequence_id: int, columns: Sequence[str]) -> pa.Table:
        """Return the rows of one sequence, in stored order; no rows if no file holds it.

        Raises:
            BrokenAtlasError: a file of the manifest is missing or no Parquet.
        """
        names = list(dict.fromkeys(["sequence_id", *columns]))
        with self._lock:
            files = _in_order(self._files.holding(sequence_id, sequence_id))
            parts = [self._read(file, sequence_id, names) for file in files]
        parts = [part for part in parts if part is not None]
        rows = pa.concat_tables(parts) if parts else make_empty_table(self._schema)
        return rows.select(list(columns))

    def of_many(self, sequence_ids: Iterable[int], columns: Sequence[str]) -> tuple[pa.Table, dict[int, range]]:
        """Return the rows of many sequences, and the range of rows of each; a row group is read once.

        Raises:
            BrokenAtlasError: as `of`.
        """
        ordered_ids = sorted(set(sequence_ids))
        names = list(dict.fromkeys(["sequence_id", *columns]))
        with self._lock:
            files = _in_order(self._files.holding_any(ordered_ids))
            parts = [part for file in files for part in self._read_many(file, ordered_ids, names)]
        rows = pa.concat_tables(parts).combine_chunks() if parts else make_empty_table(self._schema)
        ids = _int32_values(rows.column("sequence_id")) if parts else []
        return rows.select(list(columns)), {n: range(bisect_left(ids, n), bisect_right(ids, n)) for n in ordered_ids}

    def _read(self, file: TableFile, sequence_id: int, columns: list[str]) -> pa.Table | None:
        open_file = self._open.of(file)
        groups = [i for i, (lowest, highest) in enumerate(open_file.groups) if lowest <= sequence_id <= highest]
        if not groups:
            return None

        with reading(self._root, file):
            rows = open_file.parquet.read_row_groups(groups, columns=columns, use_threads=False)
            rows = rows.select(columns).combine_chunks()

        ids = _int32_values(rows.column("sequence_id"))
        lowest = bisect_left(ids, sequence_id)
        return rows.slice(lowest, bisect_right(ids, sequence_id) - lowest)

    def _read_many(self, file: TableFile, ordered_ids: Sequence[int], columns: list[str]) -> Iterator[pa.Table]:
        """Yield the rows of the wanted sequences, `ordered_ids` in order, that each row group of a file holds."""
        if not numbers_between(ordered_ids, file.first_sequence_id or 0, file.last_sequence_id or 0):
            return

        open_file = self._open.of(file)
        for group, (lowest, highest) in enumerate(open_file.groups):
            group_ids = numbers_between(ordered_ids, lowest, highest)
            if not group_ids:
                continue
            with reading(self._root, file):
                rows = open_file.parquet.read_row_group(group, columns=columns, use_threads=False)
                rows = rows.select(columns).combine_chunks()
            ids = _int32_values(rows.column("sequence_id"))
            yield take_rows(rows, [row for n in group_ids for row in range(bisect_left(ids, n), bisect_right(ids, n))])

    def close(self) -> None:
        """Close the files kept open."""
        self._open.close()


def open_parquet(root: Root, file: TableFile) -> pq.ParquetFile:
    """Open one file of the manifest.

    Raises:
        BrokenAtlasError: it is missing, no Parquet, or outside the atlas.
    """
    with reading(root, file):
        return storage.open_parquet(root, file)


@contextmanager
def reading(root: Root, file: TableFile) -> Iterator[None]:
    """Say of what fails while a file is read that the file cannot be read. Raises BrokenAtlasError."""
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeDecodeError, KeyError) as error:  # a column is not there by its name
        raise BrokenAtlasError(
            f"{root / file.path} cannot be read.",
            found=str(error).splitlines()[0],
            hint=storage.explain_unreadable(root),
        ) from error


def _in_order(files: Iterable[TableFile]) -> list[TableFile]:
    """Return the files that have a `sequence_id`, in order of it."""
    of_sequences = [file for file in files if file.first_sequence_id is not None]
    return sorted(of_sequences, key=lambda file: file.first_sequence_id or 0)


def _group_ranges(parquet: pq.ParquetFile, column: str) -> tuple[tuple[Any, Any], ...]:
    metadata = parquet.metadata
    index = parquet.schema_arrow.get_field_index(column)
    groups = [metadata.row_group(i).column(index).statistics for i in range(metadata.num_row_groups) if index >= 0]
    if index < 0 or any(group is None or not group.has_min_max for group in groups):
        raise BrokenAtlasError(f"A Parquet file has no statistics of `{column}`, by which rows are found.")
    return tuple((group.min, group.max) for group in groups)


def _int32_values(column: pa.ChunkedArray) -> memoryview:
    chunk = column.chunk(0)
    return memoryview(chunk.buffers()[1]).cast("B").cast("i")[chunk.offset : chunk.offset + len(chunk)]


def numbers_between(ordered: Sequence[int], lowest: int, highest: int) -> Sequence[int]:
    """Return the numbers of an ordered list that lie between `lowest` and `highest`, both included."""
    return ordered[bisect_left(ordered, lowest) : bisect_right(ordered, highest)]


def take_rows(rows: pa.Table, at: Sequence[int]) -> pa.Table:
    """Return some rows of a table, by their numbers."""
    if len(at) <= N_SLICED:
        return pa.concat_tables([rows.slice(i, 1) for i in at]) if at else rows.slice(0, 0)
    # From a buffer: `pa.array` imports pandas where it is installed.
    return rows.take(pa.Array.from_buffers(pa.int64(), len(at), [None, pa.py_buffer(array("q", at))]))
