"""The tables of a release: the shards of an atlas joined to few large files, row by row the same.

An atlas has a file per shard and table; who reads over HTTPS pays a request or two for each. Files are joined at the
borders of shards, so that no sequence lies across two, in row groups as the tables declare them; a row group is all
that is ever in memory. Same atlas, same bytes.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema import PROTEINS, TABLES, AtlasPaths, BrokenAtlasError, Manifest, Table, TableFile
from attlas.schema.blocks import add_block_digests
from attlas.schema.parquet_file import describe_file, parquet_options
from attlas.schema.publish import publishing

FILE_BYTES = 128_000_000
"""Bytes of the shards joined to one file, at most. A lookup reads a file's footer first, 0.3 MB of this size."""

PAGE_BYTES = 16_384
"""Bytes of a page of a column, the least that a reader of one sequence fetches of it: a row group is half a megabyte
of 25 proteins, of which a page in a browser needs one."""


def write_tables(source: Path, release: Path, manifest: Manifest) -> tuple[TableFile, ...]:
    """Write every table below `release` and return the entries of its manifest.

    Raises:
        BrokenAtlasError: what was written is not what the atlas holds.
        EnvironmentFault: the disk is full or cannot be written.
    """
    return tuple(file for table in TABLES for file in _write_table(source, AtlasPaths(release), table, manifest))


def _write_table(source: Path, paths: AtlasPaths, table: Table, manifest: Manifest) -> Iterator[TableFile]:
    parts = group_files(manifest.of_table(table))
    for index, files in enumerate(parts, start=1):
        path = paths.proteins if table is PROTEINS else paths.part(table, index, len(parts))
        inputs = [source / file.path for file in files]
        _join(inputs, path, table)
        _check_same(path, inputs, table)
        yield describe_file(paths, path, table)


def group_files(files: Sequence[TableFile]) -> list[list[TableFile]]:
    """Return the files of a table in groups of neighbours, each group to become one file.

    Files of the same sequences, as two sources of features are, stay apart: rows are looked up by bisection, which
    needs every file in order of `sequence_id`.
    """
    groups: list[list[TableFile]] = []
    for file in sorted(files, key=lambda file: -1 if file.first_sequence_id is None else file.first_sequence_id):
        is_next = groups and (file.first_sequence_id or 0) > (groups[-1][-1].last_sequence_id or -1)
        if is_next and sum(neighbour.n_bytes for neighbour in groups[-1]) + file.n_bytes <= FILE_BYTES:
            groups[-1].append(file)
        else:
            groups.append([file])
    return groups


def _join(inputs: Sequence[Path], path: Path, table: Table) -> None:
    schema = pq.read_schema(inputs[0])  # with its docs and provenance, the same in every file
    # Proteins are read by rows that lie anywhere, and the index of small pages would repeat their sequences.
    options = parquet_options(schema) | ({} if table is PROTEINS else {"data_page_size": PAGE_BYTES})
    with publishing(path) as beside:
        with pq.ParquetWriter(beside, schema, **options) as writer:
            for rows in _row_groups(inputs, table.row_group_rows):
                # In one piece: where pages end depends on how the rows are handed over.
                writer.write_table(rows.combine_chunks(), row_group_size=table.row_group_rows)
        add_block_digests(beside)


def _row_groups(paths: Sequence[Path], n_rows: int) -> Iterator[pa.Table]:
    """Yield the rows of several files, `n_rows` at a time, however they are cut in the files."""
    waiting: list[pa.RecordBatch] = []
    for path in paths:
        with pq.ParquetFile(path) as parquet:
            for batch in parquet.iter_batches(n_rows, use_threads=False):
                waiting.append(batch)
                while (n := sum(part.num_rows for part in waiting)) >= n_rows:
                    rows = pa.Table.from_batches(waiting)
                    yield rows.slice(0, n_rows)
                    waiting = rows.slice(n_rows).to_batches() if n > n_rows else []

    if waiting:
        yield pa.Table.from_batches(waiting)


def _check_same(written: Path, inputs: Sequence[Path], table: Table) -> None:
    """Compare the rows that were written with those of the atlas, both read again; a digest cannot do that."""
    pairs = zip_longest(_row_groups([written], table.row_group_rows), _row_groups(inputs, table.row_group_rows))
    if not all(
        rows_written is not None and rows_read is not None and _equal(rows_written, rows_read)
        for rows_written, rows_read in pairs
    ):
        raise BrokenAtlasError(
            f"The rows of `{table.name}` changed while they were copied.",
            offenders=[str(path) for path in inputs],
            hint="see `attlas verify` on the atlas; if it is whole, the disk or the memory is not",
        )


def _equal(rows_written: pa.Table, rows_read: pa.Table) -> bool:
    # NaN differs from itself; as text it does not, but that takes long.
    return bool(rows_written.equals(rows_read)) or repr(rows_written.to_pylist()) == repr(rows_read.to_pylist())
