"""An index of the proteins, written sorted in files of about a million rows, however many proteins there are.

It is sorted on disk. A sample of the rows tells where to cut them into ranges; every batch of proteins is taken apart
into these ranges; then each range is sorted by itself and becomes a file. So memory holds a batch of proteins or a
range of rows, never all: some 400 MB, whatever the number of proteins.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.pipeline.scratch import open_scratch, writing_to
from attlas.schema import AtlasPaths, Table, TableFile
from attlas.schema.blocks import add_block_digests
from attlas.schema.leftovers import remove_leftovers
from attlas.schema.parquet_file import describe_file
from attlas.schema.publish import publishing

BATCH_PROTEINS = 1 << 16
"""Proteins that are taken apart at once."""
SAMPLED_GROUPS = 16
"""Row groups of `proteins` that say where the ranges are cut."""


@dataclass(frozen=True)
class SortedIndex:
    """How an index is made of the proteins."""

    table: Table
    protein_columns: tuple[str, ...]
    """What is read of `proteins`."""
    list_rows: Callable[[pa.Table, int], pa.Table]
    """Returns the rows of a batch of proteins, sorted by `cut_by`; told the number of the first protein."""
    sort_rows: Callable[[pa.Table], pa.Table]
    """Sorts rows that are whole batches, or parts of batches, one after the other."""
    cut_by: tuple[str, ...]
    """Columns by which ranges are cut: rows that are equal in them are in one range."""
    file_rows: int
    """Rows of a file, about."""
    options: Mapping[str, Any]
    """Options of the Parquet files."""


Cut = tuple[Any, ...]
"""Values of the columns `cut_by` at which a range begins."""


def write_index(
    paths: AtlasPaths, protein_files: Sequence[Path], index: SortedIndex, *, metadata: dict[bytes, bytes]
) -> list[TableFile]:
    """Write an index of the published files of `proteins`, and return the manifest's entries for it.

    Files of an earlier index that are not written anew are removed.

    Args:
        paths: the atlas.
        protein_files: the files of `proteins`, in order of accession.
        index: what is written.
        metadata: the provenance, for the files.

    Raises:
        EnvironmentFault: a file cannot be written.
    """
    prefix = f".tmp-{index.table.name}-"
    remove_leftovers(paths.root, prefix)
    cuts = _choose_cuts(protein_files, index)
    with open_scratch(paths.root, prefix=prefix, purpose="ranges") as scratch, writing_to(scratch.folder()):
        ranges = _cut_into_ranges(protein_files, index, cuts, scratch.folder())
        targets = [paths.part(index.table, i, len(ranges)) for i in range(1, len(ranges) + 1)]
        for source, target in zip(ranges, targets, strict=True):
            _write_sorted(source, target, index, metadata)

    for path in set(targets[0].parent.glob("*.parquet")) - set(targets):
        path.unlink()
    return [describe_file(paths, path, index.table) for path in targets]


def _read_batches(protein_files: Sequence[Path], index: SortedIndex) -> Iterator[pa.Table]:
    """Yield the rows of the index batch by batch."""
    first_row = 0
    for path in protein_files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_PROTEINS, columns=list(index.protein_columns), use_threads=False):
                yield index.list_rows(pa.Table.from_batches([batch]), first_row)
                first_row += batch.num_rows


def _choose_cuts(protein_files: Sequence[Path], index: SortedIndex) -> list[Cut]:
    """Return where ranges of about `file_rows` rows begin, but for the first range; from a sample."""
    groups = []
    n_proteins = 0
    for path in protein_files:
        file_metadata = pq.read_metadata(path)
        for group in range(file_metadata.num_row_groups):
            groups.append((path, group, n_proteins))
            n_proteins += file_metadata.row_group(group).num_rows

    # Row groups from all over the files: accessions are sorted, and other names go along with them.
    step = max(len(groups) // SAMPLED_GROUPS, 1)
    samples, n_sampled = [], 0
    for path, group, first_row in groups[step // 2 :: step]:
        with pq.ParquetFile(path) as file:
            proteins = file.read_row_group(group, columns=list(index.protein_columns))
        samples.append(index.list_rows(proteins, first_row))
        n_sampled += proteins.num_rows

    rows = pa.concat_tables(samples) if samples else index.table.schema(0).empty_table()
    n_ranges = -(-rows.num_rows * n_proteins // (max(n_sampled, 1) * index.file_rows))
    if n_ranges < 2:
        return []

    rows = index.sort_rows(rows)
    columns = [rows[name] for name in index.cut_by]
    places = [rows.num_rows * i // n_ranges for i in range(1, n_ranges)]
    return list(dict.fromkeys(tuple(column[place].as_py() for column in columns) for place in places))


def _cut_into_ranges(
    protein_files: Sequence[Path], index: SortedIndex, cuts: Sequence[Cut], folder: Path
) -> list[Path]:
    """Write the rows of each range to a file of its own, unsorted between batches; return the files, in order.

    A range that holds no row has no file, but there is always one.
    """
    schema = index.table.schema(0)
    paths = [folder / f"{i:05d}.arrow" for i in range(len(cuts) + 1)]
    n_rows = [0] * len(paths)
    with ExitStack() as stack:
        sinks = [stack.enter_context(path.open("wb")) for path in paths]
        writers = [stack.enter_context(pa.ipc.new_stream(sink, schema)) for sink in sinks]
        for rows in _read_batches(protein_files, index):
            rows = rows.combine_chunks()
            columns = [rows[name] for name in index.cut_by]

            def values_at(i: int, columns: list[pa.ChunkedArray] = columns) -> Cut:
                return tuple(column[i].as_py() for column in columns)

            ends = [bisect_left(range(rows.num_rows), cut, key=values_at) for cut in cuts]
            for i, (begin, end) in enumerate(zip([0, *ends], [*ends, rows.num_rows], strict=True)):
                if end > begin:
                    writers[i].write_table(rows.slice(begin, end - begin))
                    n_rows[i] += end - begin
    return [path for path, n in zip(paths, n_rows, strict=True) if n] or paths[:1]


def _write_sorted(source: Path, target: Path, index: SortedIndex, metadata: dict[bytes, bytes]) -> None:
    """Sort the rows of a range and publish them."""
    with pa.ipc.open_stream(source) as reader:
        rows = index.sort_rows(reader.read_all().combine_chunks())
    schema_metadata = index.table.schema(0).metadata or {}
    rows = rows.replace_schema_metadata({**schema_metadata, **metadata})
    with publishing(target) as beside:
        pq.write_table(rows, beside, row_group_size=index.table.row_group_rows, **index.options)
        add_block_digests(beside)
