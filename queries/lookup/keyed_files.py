"""The files of an index, sorted by a column of texts, and the row groups in which a key can stand.

The manifest has the first and the last key of each file, its footer those of each row group: a key is found by two
bisections and the reading of one row group, whatever the number of rows.
"""

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator

import pyarrow as pa

from attlas.queries.lookup.parquet_rows import OpenFiles, reading
from attlas.queries.lookup.storage import Root
from attlas.schema import TableFile
from attlas.schema.file_list import FileList

KEPT_BYTES = 1 << 27
"""Bytes of row groups of an index kept in memory: the words of an atlas of a million proteins."""
HIGHEST_LETTER = chr(0x10FFFF)
"""Sorts after every continuation of a key."""

Place = tuple[TableFile, int]
"""A row group of a file."""


class KeyedFiles:
    """The files of an index, opened when they are needed."""

    def __init__(self, root: Root, files: FileList, column: str) -> None:
        """Take the files of an index below `root` that is sorted by `column`."""
        self._files = files
        self._root = root
        self._open = OpenFiles(root, column)
        self._groups: OrderedDict[tuple[str, int, tuple[str, ...] | None], pa.Table] = OrderedDict()
        self._n_kept_bytes = 0
        self._lock = threading.Lock()

    def places(self, first_key: str, last_key: str, *, most: int | None = None) -> list[Place]:
        """Return the row groups that may hold keys from `first_key` to `last_key`, the first `most` of them."""
        places: list[Place] = []
        for file in self._files_between(first_key, last_key):
            if most is not None and len(places) >= most:
                break
            for group, (lowest, highest) in enumerate(self.ranges(file)):
                if lowest <= last_key and first_key <= highest:
                    places.append((file, group))
        return places[:most]

    def ranges(self, file: TableFile) -> tuple[tuple[str, str], ...]:
        """Return the smallest and the largest key of each row group of a file. Raises BrokenAtlasError."""
        with self._lock:
            return self._open.of(file).groups

    def read(self, file: TableFile, group: int, columns: tuple[str, ...] | None = None) -> pa.Table:
        """Return a row group of a file, or some columns of it; those read last are kept. Raises BrokenAtlasError."""
        with self._lock:
            place = file.path, group, columns
            if place not in self._groups:
                with reading(self._root, file):
                    parquet = self._open.of(file).parquet
                    rows = parquet.read_row_group(group, columns=columns and list(columns), use_threads=False)
                self._keep(place, rows.combine_chunks())
            self._groups.move_to_end(place)
            return self._groups[place]

    def n_rows(self, file: TableFile, group: int) -> int:
        """Return the number of rows of a row group. Raises BrokenAtlasError."""
        with self._lock:
            return int(self._open.of(file).parquet.metadata.row_group(group).num_rows)

    def metadata(self) -> dict[bytes, bytes]:
        """Return the metadata of the index, which is the same in all files: of one that is open, if there is one.

        Raises:
            BrokenAtlasError: a file is missing or no Parquet.
        """
        with self._lock:
            file = self._open.any_open() or next(self._files.between_keys("", HIGHEST_LETTER), None)
            return {} if file is None else self._open.of(file).parquet.schema_arrow.metadata or {}

    def count(self, key: str) -> int:
        """Return the number of rows of a key; of its files and row groups only the ends are read."""
        n = 0
        for file in self._files_between(key, key):
            if file.first_key == file.last_key:
                n += file.n_rows
                continue
            for group, (lowest, highest) in enumerate(self.ranges(file)):
                if lowest <= key <= highest:
                    n += self._count_in_group(file, group, key, is_whole=lowest == highest)
        return n

    def close(self) -> None:
        """Close the files kept open."""
        self._open.close()

    def _count_in_group(self, file: TableFile, group: int, key: str, *, is_whole: bool) -> int:
        if is_whole:
            return self.n_rows(file, group)
        return len(range_of_keys(self.read(file, group).column(0), key, key))

    def _keep(self, place: tuple[str, int, tuple[str, ...] | None], rows: pa.Table) -> None:
        """Keep a row group, and forget those that were not asked for longest; never the one that is kept."""
        self._groups[place] = rows
        self._n_kept_bytes += rows.nbytes
        while self._n_kept_bytes > KEPT_BYTES and len(self._groups) > 1:
            self._n_kept_bytes -= self._groups.popitem(last=False)[1].nbytes

    def _files_between(self, first_key: str, last_key: str) -> Iterator[TableFile]:
        """Yield the files that may hold keys from `first_key` to `last_key`, in order.

        Those with one key are told by their paths.
        """
        return (file for file in self._files.between_keys(first_key, last_key) if file.n_rows)


def range_of_keys(column: pa.ChunkedArray, first_key: str, last_key: str) -> range:
    """Return the rows of a sorted column, in one piece, whose keys lie from `first_key` to `last_key`."""
    keys = column.chunk(0)
    begin = bisect_left(range(len(keys)), first_key, key=lambda i: keys[i].as_py())
    end = bisect_left(range(len(keys)), True, lo=begin, key=lambda i: keys[i].as_py() > last_key)
    return range(begin, end)
