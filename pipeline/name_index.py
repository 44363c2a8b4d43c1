"""The index of names: every id of every protein, sorted, in files of which a lookup reads a few hundred kilobytes.

It is sorted on disk. A sample of the names tells where to cut them into ranges of about a million; every batch of
proteins is taken apart into these ranges; then each range is sorted by itself and becomes a file. So memory holds a
batch of proteins or a range of names, never all: some 400 MB, whatever the number of proteins. Only names that very
many proteins share make a longer range, since equal names are not cut apart.
"""

import shutil
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.schema import NAMES, AtlasPaths, TableFile
from attlas.schema.blocks import add_block_digests
from attlas.schema.index_tables import KEY_LETTERS, name_key
from attlas.schema.leftovers import leftover_name, remove_leftovers
from attlas.schema.parquet_file import describe_file, parquet_options
from attlas.schema.publish import publishing, write_fault

FILE_ROWS = 1 << 20
"""Names of a file, about: 64 row groups, a footer of 40 kB."""
BATCH_PROTEINS = 1 << 16
"""Proteins that are taken apart at once."""
SAMPLED_GROUPS = 64
"""Row groups of `proteins` that say where the ranges are cut."""
NAMED_COLUMNS = ("accession", "entry_name", "gene")
"""Columns of names; the name as it is stands beside its key, since letter case counts in them."""
CHECKSUM_COLUMNS = ("md5", "crc64")
"""Columns whose values have one spelling, which the key holds."""
SHARED_COLUMNS = ("accession", "taxon_id", "sequence_id", "status")
"""What is known of the protein, beside each of its names: enough to go on without `proteins`."""
SCRATCH_PREFIX = ".tmp-names-"
_READ_COLUMNS = list(dict.fromkeys([*NAMED_COLUMNS, *CHECKSUM_COLUMNS, *SHARED_COLUMNS]))
_SCHEMA = NAMES.schema(0)


def write_name_index(
    paths: AtlasPaths, protein_files: Sequence[Path], *, metadata: dict[bytes, bytes], file_rows: int = FILE_ROWS
) -> list[TableFile]:
    """Write the index of the names in the published files of `proteins`, and return the manifest's entries for it.

    Files of an earlier index that are not written anew are removed.

    Args:
        paths: the atlas.
        protein_files: the files of `proteins`, in order of accession.
        metadata: the provenance, for the files.
        file_rows: names of a file, about.

    Raises:
        EnvironmentFault: a file cannot be written.
    """
    remove_leftovers(paths.root, SCRATCH_PREFIX)
    scratch = paths.root / leftover_name(SCRATCH_PREFIX, "ranges")
    cuts = _choose_cuts(protein_files, file_rows)
    try:
        scratch.mkdir(parents=True)
        ranges = _cut_into_ranges(protein_files, cuts, scratch)
        targets = [paths.part(NAMES, i, len(ranges)) for i in range(1, len(ranges) + 1)]
        for source, target in zip(ranges, targets, strict=True):
            _write_sorted(source, target, metadata)
    except OSError as error:
        raise write_fault(scratch, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)

    for path in set(targets[0].parent.glob("*.parquet")) - set(targets):
        path.unlink()
    return [describe_file(paths, path, NAMES) for path in targets]


def list_names(proteins: pa.Table, first_row: int) -> pa.Table:
    """Return the names of proteins with their keys, unsorted; `first_row` is the number of the first of them."""
    rows = pa.array(np.arange(first_row, first_row + proteins.num_rows))
    parts = []
    for kind in (*NAMED_COLUMNS, *CHECKSUM_COLUMNS):
        is_named = pc.fill_null(pc.greater(pc.binary_length(proteins[kind]), 0), False)
        named, names = proteins.filter(is_named), proteins[kind].filter(is_named).combine_chunks()
        columns = {name: named[name] for name in SHARED_COLUMNS}
        columns["key"] = _fold(names)
        columns["kind"] = pa.repeat(pa.scalar(kind), len(names))
        columns["name"] = pa.nulls(len(names), pa.string()) if kind in CHECKSUM_COLUMNS else names
        columns["row"] = rows.filter(is_named.combine_chunks())
        parts.append(pa.table([columns[name] for name in _SCHEMA.names], schema=_SCHEMA))
    return pa.concat_tables(parts)


def _fold(names: pa.Array) -> pa.Array:
    """Return the keys of names: nearly all are ASCII, whose letters Arrow makes small, as `name_key` does."""
    if len(names) == 0:
        return names
    if pc.all(pc.string_is_ascii(names)).as_py():
        return pc.utf8_slice_codeunits(pc.ascii_lower(names), 0, KEY_LETTERS)
    return pa.array([name_key(name) for name in names.to_pylist()], pa.string())


def _read_proteins(protein_files: Sequence[Path]) -> Iterator[tuple[pa.Table, int]]:
    """Yield the names of `proteins` batch by batch, with the row of the first protein of the batch."""
    first_row = 0
    for path in protein_files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_PROTEINS, columns=_READ_COLUMNS, use_threads=False):
                yield list_names(pa.Table.from_batches([batch]), first_row), first_row
                first_row += batch.num_rows


def _choose_cuts(protein_files: Sequence[Path], file_rows: int) -> list[str]:
    """Return the keys at which ranges of about `file_rows` names begin, but for the first range; from a sample."""
    n_proteins = sum(pq.read_metadata(path).num_rows for path in protein_files)
    n_kinds = len(NAMED_COLUMNS) + len(CHECKSUM_COLUMNS)
    n_ranges = -(-n_proteins * n_kinds // file_rows)
    if n_ranges < 2:
        return []

    # Row groups from all over the files: accessions are sorted, and other names go along with them.
    places = [(path, group) for path in protein_files for group in range(pq.read_metadata(path).num_row_groups)]
    step = max(len(places) // SAMPLED_GROUPS, 1)
    keys = pa.chunked_array(
        [
            chunk
            for path, group in places[step // 2 :: step]
            for chunk in list_names(pq.ParquetFile(path).read_row_group(group, columns=_READ_COLUMNS), 0)["key"].chunks
        ]
    )
    ordered = keys.take(pc.sort_indices(keys))
    cuts = [ordered[len(ordered) * i // n_ranges].as_py() for i in range(1, n_ranges)]
    return list(dict.fromkeys(cuts))


def _cut_into_ranges(protein_files: Sequence[Path], cuts: Sequence[str], scratch: Path) -> list[Path]:
    """Write the names of each range to a file of its own, unsorted between batches; return the files, in order.

    A range that holds no name has no file, but there is always one.
    """
    paths = [scratch / f"{i:05d}.arrow" for i in range(len(cuts) + 1)]
    n_rows = [0] * len(paths)
    with ExitStack() as stack:
        sinks = [stack.enter_context(path.open("wb")) for path in paths]
        writers = [stack.enter_context(pa.ipc.new_stream(sink, _SCHEMA)) for sink in sinks]
        for names, _ in _read_proteins(protein_files):
            ordered = names.take(pc.sort_indices(names["key"])).combine_chunks()
            keys = ordered["key"]
            ends = [bisect_left(range(len(keys)), cut, key=lambda i: keys[i].as_py()) for cut in cuts]
            for i, (begin, end) in enumerate(zip([0, *ends], [*ends, len(keys)], strict=True)):
                if end > begin:
                    writers[i].write_table(ordered.slice(begin, end - begin))
                    n_rows[i] += end - begin
    return [path for path, n in zip(paths, n_rows, strict=True) if n] or paths[:1]


def _write_sorted(source: Path, target: Path, metadata: dict[bytes, bytes]) -> None:
    """Sort the names of a range and publish them."""
    with pa.ipc.open_stream(source) as reader:
        names = reader.read_all().combine_chunks()
    names = names.sort_by([(column, "ascending") for column in NAMES.sort])
    names = names.replace_schema_metadata({**(_SCHEMA.metadata or {}), **metadata})

    # Only keys are looked for: statistics of the other columns would double the footer.
    options = parquet_options(_SCHEMA)
    options |= {"write_statistics": ["key"], "write_page_index": False, "use_dictionary": ["kind", "status"]}
    with publishing(target) as beside:
        pq.write_table(names, beside, row_group_size=NAMES.row_group_rows, **options)
        add_block_digests(beside)
