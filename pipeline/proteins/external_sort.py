"""Rows sorted by a key beyond what memory holds: sorted runs, in memory or on disk, merged a range of keys at a time.

A run is a table sorted by its key and cut into batches of limited size. Of every batch the smallest key is known, so
that those of all runs cut the keys into ranges of a limited number of batches; the rows of a range are taken from
every run and sorted together. Rows with one key are always in one range, and keep the order of the runs.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BATCH_BYTES = 512 << 10
"""Size of a batch of a run: so much of every run is held while runs are merged."""
STEP_BATCHES = 64
"""Batches whose rows are sorted together while runs are merged."""
_ROW_BYTES = 64
"""Bytes that count for a row besides its texts."""

Key = str | bytes


@dataclass(frozen=True)
class SortedRun:
    """Rows sorted by a key, in batches."""

    first_keys: tuple[Key, ...]
    """The smallest key of each batch."""
    batches: tuple[pa.RecordBatch, ...] | None
    """None: they are on disk."""
    path: Path | None = None

    def read(self, begin: int, end: int, columns: Sequence[str] | None) -> list[pa.RecordBatch]:
        """Return some of the batches, with all columns or some of them."""
        if self.batches is not None:
            return [batch.select(columns) if columns else batch for batch in self.batches[begin:end]]

        options = pa.ipc.IpcReadOptions()
        with pa.OSFile(str(self.path)) as file:
            if columns:
                names = pa.ipc.open_file(file).schema.names
                options = pa.ipc.IpcReadOptions(included_fields=sorted(names.index(name) for name in columns))
            reader = pa.ipc.open_file(file, options=options)
            return [reader.get_batch(i) for i in range(begin, end)]


def sort_run(rows: pa.Table, *, key: str, path: Path | None = None, batch_bytes: int = BATCH_BYTES) -> SortedRun:
    """Sort rows by a key; rows with one key keep their order.

    Args:
        rows: at least one row.
        key: column of the key: text or bytes, without nulls.
        path: file to write the run to; None: it stays in memory.
        batch_bytes: size of a batch.
    """
    rows = rows.combine_chunks()
    rows = rows.take(pc.sort_indices(rows[key]))
    batches = tuple(_cut_batches(rows, batch_bytes))
    first_keys = tuple(batch.column(key)[0].as_py() for batch in batches)
    if path is None:
        return SortedRun(first_keys, batches)

    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return SortedRun(first_keys, None, path)


def merge_runs(
    runs: Sequence[SortedRun],
    *,
    key: str,
    columns: Sequence[str] | None = None,
    step_batches: int = STEP_BATCHES,
) -> Iterator[pa.Table]:
    """Yield the rows of all runs sorted by their key, in tables of limited size.

    Rows with one key are in one table, in the order of the runs.

    Args:
        runs: sorted by the key.
        key: column of the key.
        columns: those that are read, the key among them; None: all.
        step_batches: batches that a table has the rows of, more or less.
    """
    cursors = [_Cursor(run, key, columns) for run in runs]
    first_keys = sorted(first_key for run in runs for first_key in run.first_keys)
    bounds: list[Key | None] = list(dict.fromkeys(first_keys[step_batches::step_batches]))
    for bound in [*bounds, None] if runs else []:
        batches = [batch for cursor in cursors for batch in cursor.take_below(bound)]
        if sum(batch.num_rows for batch in batches):
            rows = pa.Table.from_batches(batches).combine_chunks()
            yield rows.take(pc.sort_indices(rows[key]))


class _Cursor:
    """A place in a run, up to which its rows have been taken."""

    def __init__(self, run: SortedRun, key: str, columns: Sequence[str] | None) -> None:
        self._run = run
        self._key = key
        self._columns = columns
        self._n_read = 0
        self._pending: pa.RecordBatch | None = None
        """Rows of the batch read last that have not been taken."""

    def take_below(self, bound: Key | None) -> Iterator[pa.RecordBatch]:
        """Yield the following rows whose key is below the bound; None: all."""
        first_keys = self._run.first_keys
        end = len(first_keys) if bound is None else bisect_left(first_keys, bound)
        batches = [self._pending] if self._pending is not None else []
        batches += self._run.read(self._n_read, end, self._columns) if end > self._n_read else []
        self._n_read, self._pending = max(self._n_read, end), None

        for batch in batches:
            n = batch.num_rows
            # Only the last batch may reach beyond the bound: the one after it begins there.
            if bound is not None and batch is batches[-1]:
                keys = batch.column(self._key)
                n = pc.sum(pc.less(keys, pa.scalar(bound, keys.type))).as_py()
                self._pending = batch.slice(n) if n < batch.num_rows else None
            yield batch.slice(0, n)


def _cut_batches(rows: pa.Table, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches of about a size, at least a row each."""
    sizes = np.full(rows.num_rows, _ROW_BYTES, np.int64)
    for column in rows.columns:
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            sizes += pc.binary_length(column).fill_null(0).to_numpy()

    numbers = np.cumsum(sizes) // batch_bytes
    ends = [*(np.flatnonzero(np.diff(numbers)) + 1).tolist(), rows.num_rows]
    begin = 0
    for end in ends:
        (batch,) = rows.slice(begin, end - begin).to_batches()
        yield batch
        begin = end
