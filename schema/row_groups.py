"""The row groups of a Parquet file, filled exactly, however the rows arrive in batches."""

from collections.abc import Iterable, Iterator

import pyarrow as pa


def fill_row_groups(batches: Iterable[pa.RecordBatch], n_rows: int) -> Iterator[pa.Table]:
    """Yield the rows of batches as tables of `n_rows`, the last one shorter; no more than one is held at a time.

    Each is in one piece: where the pages of a Parquet file end depends on the pieces in which rows are handed over.
    """
    waiting: list[pa.RecordBatch] = []
    n_waiting = 0

    for batch in batches:
        while n_waiting + batch.num_rows >= n_rows:
            n_taken = n_rows - n_waiting
            yield _join([*waiting, batch.slice(0, n_taken)])
            waiting, n_waiting, batch = [], 0, batch.slice(n_taken)
        if batch.num_rows:
            waiting.append(batch)
            n_waiting += batch.num_rows

    if waiting:
        yield _join(waiting)


def _join(batches: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches).combine_chunks()
