"""The tables of a release: the rows of an atlas in few large files.

Large files of an atlas are released as they are: the file of the release is the file of the atlas by another name (a
hard link), or a copy where the file system allows no link. Whoever reads over HTTPS pays a request or two for each
file, so small ones are joined, at the borders of shards, so that no sequence lies across two, in row groups as the
tables declare them; a row group is all that is ever in memory. Same atlas, same bytes.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema import PROTEINS, STORED_TABLES, AtlasPaths, BrokenAtlasError, Manifest, Table, TableFile
from attlas.schema.parquet_file import describe_file, write_batches
from attlas.schema.publish import file_sha256, publishing
from attlas.schema.row_groups import fill_row_groups

FILE_BYTES = 128_000_000
"""Bytes of the files joined to one, at most. A lookup reads a file's footer first, 0.3 MB of this size."""


@dataclass(frozen=True)
class ReleasedFile:
    """A file of a release, and how it came there."""

    file: TableFile
    is_joined: bool = False
    is_copied: bool = False
    """Whether it is a copy, because no hard link could be made."""


def write_tables(source: Path, release: Path, manifest: Manifest) -> list[ReleasedFile]:
    """Write every table below `release` and return its files in the order of the manifest.

    The digests of the files of the atlas have been checked.

    Raises:
        BrokenAtlasError: what was written is not what the atlas holds.
        EnvironmentFault: the disk is full or cannot be written.
    """
    return [file for table in STORED_TABLES for file in _write_table(source, AtlasPaths(release), table, manifest)]


def count_joined_bytes(manifest: Manifest) -> int:
    """Return the bytes of the files that a release joins; all others need no room where they can be linked."""
    groups = [group for table in STORED_TABLES for group in group_files(manifest.of_table(table))]
    return sum(file.n_bytes for group in groups if len(group) > 1 for file in group)


def _write_table(source: Path, paths: AtlasPaths, table: Table, manifest: Manifest) -> Iterator[ReleasedFile]:
    groups = group_files(manifest.of_table(table))
    for index, files in enumerate(groups, start=1):
        path = paths.proteins if table is PROTEINS else paths.part(table, index, len(groups))
        if len(files) == 1:
            is_copied = _place_file(source / files[0].path, path, files[0])
            yield ReleasedFile(replace(files[0], path=paths.relative(path)), is_copied=is_copied)
            continue

        inputs = [source / file.path for file in files]
        _join(inputs, path, table)
        _check_same(path, inputs, table)
        yield ReleasedFile(describe_file(paths, path, table), is_joined=True)


def group_files(files: Sequence[TableFile]) -> list[list[TableFile]]:
    """Return the files of a table in groups of neighbours, each group to become one file.

    Files of the same sequences, as two sources of features are, stay apart: rows are looked up by bisection, which
    needs every file in order of `sequence_id`. So do files of the index of names, whose footers are to be small.
    """
    groups: list[list[TableFile]] = []
    for file in sorted(files, key=lambda file: -1 if file.first_sequence_id is None else file.first_sequence_id):
        is_next = (
            groups
            and file.first_key is None
            and (file.first_sequence_id or 0) > (groups[-1][-1].last_sequence_id or -1)
        )
        if is_next and sum(neighbour.n_bytes for neighbour in groups[-1]) + file.n_bytes <= FILE_BYTES:
            groups[-1].append(file)
        else:
            groups.append([file])
    return groups


def _place_file(source: Path, path: Path, file: TableFile) -> bool:
    """Link a file of the atlas into the release, or copy it where that cannot be; return whether it was copied.

    Files of an atlas are never written to again: a command that changes a table writes a new file in its place.

    Raises:
        BrokenAtlasError: the copy has other bytes than the file of the atlas had.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_symlink():  # the target of a link may belong to a program that does write to its files
        try:
            os.link(source, path)
        except OSError:  # another file system, one without hard links, or another user's file
            pass
        else:
            return False

    with publishing(path) as beside:
        shutil.copyfile(source, beside)
        if file_sha256(beside) != file.sha256:
            raise _change_error(file.table, [source])
    return True


def _join(inputs: Sequence[Path], path: Path, table: Table) -> None:
    schema = pq.read_schema(inputs[0])  # with its docs and provenance, the same in every file
    batches = _read_batches(inputs, table.row_group_rows)
    with publishing(path) as beside:
        write_batches(beside, table=table, schema=schema, batches=batches, metadata={})


def _read_batches(paths: Sequence[Path], n_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of several files, in batches of `n_rows` or fewer."""
    for path in paths:
        with pq.ParquetFile(path) as parquet:
            yield from parquet.iter_batches(n_rows, use_threads=False)


def _read_groups(paths: Sequence[Path], n_rows: int) -> Iterator[pa.Table]:
    """Yield the rows of several files, `n_rows` at a time, however they are cut in the files."""
    return fill_row_groups(_read_batches(paths, n_rows), n_rows)


def _check_same(written: Path, inputs: Sequence[Path], table: Table) -> None:
    """Compare the rows that were written with those of the atlas, both read again; a digest cannot do that."""
    pairs = zip_longest(_read_groups([written], table.row_group_rows), _read_groups(inputs, table.row_group_rows))
    if not all(
        rows_written is not None and rows_read is not None and _equal(rows_written, rows_read)
        for rows_written, rows_read in pairs
    ):
        raise _change_error(table.name, inputs)


def _change_error(table: str, paths: Sequence[Path]) -> BrokenAtlasError:
    return BrokenAtlasError(
        f"The rows of `{table}` changed while they were copied.",
        offenders=[str(path) for path in paths],
        hint="see `attlas verify` on the atlas; if it is whole, the disk or the memory is not",
    )


def _equal(rows_written: pa.Table, rows_read: pa.Table) -> bool:
    # NaN differs from itself; as text it does not, but that takes long.
    return bool(rows_written.equals(rows_read)) or repr(rows_written.to_pylist()) == repr(rows_read.to_pylist())
