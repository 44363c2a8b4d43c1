"""The rows of `proteins`, looked into by number or searched by column, a row group at a time."""

import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

from attlas.queries.lookup.parquet_rows import numbers_between, reading, take_rows
from attlas.queries.lookup.protein_groups import open_groups
from attlas.queries.lookup.storage import Root
from attlas.schema import TableFile

N_KEPT_ARRAYS = 1_024
"""Columns of row groups of `proteins` kept in memory, 40 kB each: four columns of a million proteins."""
N_KEPT_TEXTS = 256
"""Row groups of `proteins` whose names are kept in memory, 0.4 MB each: those of a million proteins."""
N_SLICED = 16
"""Rows up to which texts are taken one by one."""


class ProteinRows:
    """The file of `proteins`, looked into by row or searched by column."""

    def __init__(
        self, root: Root, file: TableFile, read_index_metadata: Callable[[], dict[bytes, bytes]] = dict
    ) -> None:
        """Open the file; `read_index_metadata` returns the metadata of an index of names, asked for if it is large.

        Raises:
            BrokenAtlasError: the file is missing or no Parquet.
        """
        self._root, self._file = root, file
        self._groups = open_groups(root, file, read_index_metadata)
        self._lock = threading.Lock()
        # The columns of a lookup are read again and again.
        self._array = lru_cache(maxsize=N_KEPT_ARRAYS)(self._read_array)
        self._texts = lru_cache(maxsize=N_KEPT_TEXTS)(self._read_texts)

    def column(self, name: str) -> Iterator[Any]:
        """Yield every value of a column, in order of accession."""
        for group in range(len(self._groups.starts)):
            yield from self._array(group, name).to_pylist()

    def value(self, row: int, column: str) -> Any:
        """Return one value; cheap when asked again for a row of the same row group."""
        group = self._group_of(row)
        return self._array(group, column)[row - self._groups.starts[group]].as_py()

    def take(self, rows: Sequence[int], columns: Sequence[str] | None = None) -> pa.Table:
        """Return whole rows (or some columns of them), in the order asked for; a row group is read once."""
        parts, ordered = [], sorted(set(rows))
        for group, start, group_rows in self._by_group(ordered):
            parts.append(take_rows(self._read(group, columns), [row - start for row in group_rows]))

        table = pa.concat_tables(parts).combine_chunks() if parts else self._make_empty(columns)
        if ordered == list(rows):
            return table
        return take_rows(table, [bisect_left(ordered, row) for row in rows]).combine_chunks()

    def texts(self, rows: Iterable[int], columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield each of some rows, in order, with its texts in some columns, empty where they are null."""
        for group, start, group_rows in self._by_group(sorted(rows)):
            table = self._texts(group, tuple(columns))
            if len(group_rows) > N_SLICED:
                values = [column.to_pylist() for column in table.columns]
                yield from ((row, [text[row - start] or "" for text in values]) for row in group_rows)
            else:
                arrays = [column.chunk(0) for column in table.columns]
                yield from ((row, [array[row - start].as_py() or "" for array in arrays]) for row in group_rows)

    def text_table(self, rows: Iterable[int], columns: Sequence[str]) -> pa.Table:
        """Return the texts of many rows in some columns, null where there are none, sorted by the column `row`."""
        ordered = sorted(rows)
        names = ["row", *columns]
        parts = []
        for group, start, group_rows in self._by_group(ordered):
            texts = self._texts(group, tuple(columns))
            if len(group_rows) < texts.num_rows:
                texts = take_rows(texts, [row - start for row in group_rows])
            parts.append(texts)
        numbers = pa.Array.from_buffers(pa.int64(), len(ordered), [None, pa.py_buffer(array("q", ordered))])
        texts = pa.concat_tables(parts).combine_chunks()
        return pa.Table.from_arrays([numbers, *texts.columns], names=names)

    def within_groups(self, rows: Sequence[int], most: int) -> Sequence[int]:
        """Return the first of some rows, as many as lie in `most` row groups."""
        if self.n_groups <= most:
            return rows
        groups: set[int] = set()
        taken = []
        for row in rows:
            groups.add(self._group_of(row))
            if len(groups) > most:
                break
            taken.append(row)
        return taken

    @property
    def n_rows(self) -> int:
        """Proteins of the atlas."""
        return self._file.n_rows

    @property
    def n_groups(self) -> int:
        """Row groups that they lie in."""
        return len(self._groups.starts)

    def close(self) -> None:
        """Close the file."""
        self._groups.close()

    def _group_of(self, row: int) -> int:
        return bisect_right(self._groups.starts, row) - 1

    def _by_group(self, ordered: Sequence[int]) -> Iterator[tuple[int, int, Sequence[int]]]:
        """Yield each row group that some rows lie in, given in order: its number, its first row, and these rows."""
        starts = self._groups.starts
        at = 0
        while at < len(ordered):
            group = self._group_of(ordered[at])
            end = starts[group + 1] if group + 1 < len(starts) else self.n_rows
            group_rows = numbers_between(ordered, starts[group], end - 1)
            yield group, starts[group], group_rows
            at += max(len(group_rows), 1)

    def _make_empty(self, columns: Sequence[str] | None) -> pa.Table:
        with self._lock, reading(self._root, self._file):
            rows = self._groups.read_none()
        return rows if columns is None else rows.select(list(columns))

    def _read(self, group: int, columns: Sequence[str] | None) -> pa.Table:
        with self._lock, reading(self._root, self._file):
            rows = self._groups.read(group, columns)
            return rows if columns is None else rows.select(list(columns))

    def _read_texts(self, group: int, columns: tuple[str, ...]) -> pa.Table:
        return self._read(group, columns).combine_chunks()

    def _read_array(self, group: int, column: str) -> pa.Array:
        return self._read(group, [column]).column(0).combine_chunks()
