"""The index of names: every id of every protein, sorted, in files of which a lookup reads a few hundred kilobytes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attlas.pipeline.indexes.sorted_index import SortedIndex, write_index
from attlas.schema import NAMES, AtlasPaths, TableFile
from attlas.schema.index_tables import KEY_LETTERS, name_key
from attlas.schema.parquet_file import parquet_options

FILE_ROWS = 1 << 20
"""Names of a file, about: 64 row groups, a footer of 40 kB."""
NAMED_COLUMNS = ("accession", "entry_name", "gene")
"""Columns of names; the index also has the name itself, not only its key, because letter case counts."""
CHECKSUM_COLUMNS = ("md5", "crc64")
"""Columns whose values have one spelling, which the key holds."""
SHARED_COLUMNS = ("accession", "taxon_id", "sequence_id", "status")
"""Columns about the protein in each row of a name, so that a lookup need not read `proteins` first."""
_READ_COLUMNS = tuple(dict.fromkeys([*NAMED_COLUMNS, *CHECKSUM_COLUMNS, *SHARED_COLUMNS]))
_SCHEMA = NAMES.schema(0)


def write_name_index(
    paths: AtlasPaths, protein_files: Sequence[Path], *, metadata: dict[bytes, bytes], file_rows: int = FILE_ROWS
) -> list[TableFile]:
    """Write the index of the names in the files of `proteins`, and return the manifest's entries, as `write_index`.

    `file_rows` are the names of a file, about. Equal names are not cut apart.
    """
    # Only keys are looked for: statistics of the other columns would double the footer.
    options = parquet_options(_SCHEMA)
    options |= {"write_statistics": ["key"], "write_page_index": False, "use_dictionary": ["kind", "status"]}
    index = SortedIndex(
        table=NAMES,
        protein_columns=_READ_COLUMNS,
        list_rows=_list_sorted,
        sort_rows=lambda names: names.sort_by([(column, "ascending") for column in NAMES.sort]),
        cut_by=("key",),
        file_rows=file_rows,
        options=options,
    )
    return write_index(paths, protein_files, index, metadata=metadata)


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


def _list_sorted(proteins: pa.Table, first_row: int) -> pa.Table:
    names = list_names(proteins, first_row)
    return names.take(pc.sort_indices(names["key"]))


def _fold(names: pa.Array) -> pa.Array:
    """Return the keys of names: nearly all are ASCII, whose letters Arrow makes small, as `name_key` does."""
    if len(names) == 0:
        return names
    if pc.all(pc.string_is_ascii(names)).as_py():
        return pc.utf8_slice_codeunits(pc.ascii_lower(names), 0, KEY_LETTERS)
    return pa.array([name_key(name) for name in names.to_pylist()], pa.string())
