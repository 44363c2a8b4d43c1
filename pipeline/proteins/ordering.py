"""Proteins → their distinct sequences, by length, then MD5: the place of a sequence is its `sequence_id`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attlas.pipeline.proteins.external_sort import SortedRun, merge_runs, sort_run
from attlas.pipeline.proteins.workspace import temporary_fault

RUN_BYTES = 64 << 20
"""Text of the sequences that are sorted at once."""

PLANNED_SEQUENCES = pa.schema(
    [
        pa.field("sequence_id", pa.int32(), nullable=False),
        pa.field("sequence", pa.string(), nullable=False),
        pa.field("accessions", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False),
    ]
)
"""A distinct sequence to compute, with the accessions of its proteins in their order."""

_KEYED = pa.schema([("key", pa.binary(20)), ("row", pa.int64()), ("accession", pa.string()), ("sequence", pa.string())])
"""A protein to compute: length and MD5 of its sequence as a key, its row among all proteins in order of accession."""


class SequenceOrder:
    """Orders the sequences of proteins, which are added in order of accession."""

    def __init__(self, folder: Path | None, *, run_bytes: int = RUN_BYTES) -> None:
        self._folder = folder
        self._run_bytes = run_bytes
        self._runs: list[SortedRun] = []
        self._waiting: list[pa.Table] = []
        self._n_waiting_bytes = 0
        self._n_rows = 0

    def add(self, proteins: pa.Table) -> None:
        """Add proteins with the columns of `merging.PLANNED`; those with a reason are not computed."""
        is_computed = pc.is_null(proteins["reason"])
        rows = pa.array(np.arange(self._n_rows, self._n_rows + proteins.num_rows))
        self._n_rows += proteins.num_rows
        computed = proteins.select(["length", "md5", "accession", "sequence"]).filter(is_computed)
        columns = [_make_keys(computed), rows.filter(is_computed.combine_chunks())]
        self._waiting.append(pa.table([*columns, computed["accession"], computed["sequence"]], schema=_KEYED))
        self._n_waiting_bytes += computed["sequence"].nbytes
        if self._n_waiting_bytes >= self._run_bytes and self._folder is not None:
            self._sort_waiting()

    def number(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Number the sequences, after all proteins were added.

        Returns:
            The `sequence_id` of every protein in the order in which they were added, -1 for those not computed; and the
            length of every distinct sequence, in residues.
        """
        self._sort_waiting()
        sequence_ids = np.full(self._n_rows, -1, np.int32)
        lengths = []
        n_sequences = 0
        for rows in merge_runs(self._runs, key="key", columns=["key", "row"]):
            keys, is_first = _find_first(rows)
            sequence_ids[rows["row"].to_numpy()] = n_sequences + np.cumsum(is_first) - 1
            lengths.append(keys[is_first, :4].copy().view(">u4")[:, 0].astype(np.int32))
            n_sequences += int(is_first.sum())
        return sequence_ids, np.concatenate(lengths) if lengths else np.empty(0, np.int32)

    def sequences(self) -> Iterator[pa.Table]:
        """Yield the distinct sequences with the columns of PLANNED_SEQUENCES, after they were numbered."""
        n_sequences = 0
        for rows in merge_runs(self._runs, key="key"):
            _, is_first = _find_first(rows)
            # A sequence begins where the key changes; the accessions up to the next one are its own.
            places = np.flatnonzero(is_first)
            ends = pa.array(np.append(places, rows.num_rows).astype(np.int32))
            accessions = rows["accession"].combine_chunks()
            columns = [
                pa.array(np.arange(n_sequences, n_sequences + len(places), dtype=np.int32)),
                rows["sequence"].take(places),
                pa.ListArray.from_arrays(ends, accessions, type=PLANNED_SEQUENCES.field("accessions").type),
            ]
            yield pa.table(columns, schema=PLANNED_SEQUENCES)
            n_sequences += len(places)

    def _sort_waiting(self) -> None:
        """Sort the proteins that wait into a run."""
        rows = pa.concat_tables(self._waiting) if self._waiting else _KEYED.empty_table()
        self._waiting, self._n_waiting_bytes = [], 0
        if rows.num_rows:
            path = self._folder / f"sequences-{len(self._runs):06d}.arrow" if self._folder is not None else None
            try:
                self._runs.append(sort_run(rows, key="key", path=path))
            except OSError as error:
                raise temporary_fault(path, error) from error


def _make_keys(proteins: pa.Table) -> pa.Array:
    """Return length (big-endian) and MD5 of each sequence as one key: its order is that of the sequences."""
    n = proteins.num_rows
    keys = np.empty((n, 20), np.uint8)
    keys[:, :4] = proteins["length"].to_numpy().astype(">u4").view(np.uint8).reshape(n, 4)
    keys[:, 4:] = view_bytes(proteins["md5"])
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(20), n, [None, pa.py_buffer(keys.tobytes())])


def view_bytes(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """Return the bytes of a column of fixed size without nulls, shape (n, size)."""
    array = column.combine_chunks()
    size = array.type.byte_width
    data = np.frombuffer(array.buffers()[1], np.uint8)
    return data[array.offset * size : (array.offset + len(array)) * size].reshape(-1, size)


def _find_first(rows: pa.Table) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the keys, shape (n, 20), and whether each row is the first with its key."""
    keys = view_bytes(rows["key"])
    is_first = np.ones(len(keys), bool)
    is_first[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    return keys, is_first
