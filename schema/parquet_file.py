"""The Parquet files of an atlas: how they are written, their provenance, and the manifest's entry for each."""

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema.blocks import add_block_digests, read_tail
from attlas.schema.footer_parts import add_footer_parts
from attlas.schema.index_tables import KEY_COLUMNS
from attlas.schema.paths import AtlasPaths
from attlas.schema.publish import file_sha256
from attlas.schema.row_groups import fill_row_groups
from attlas.schema.run import Run
from attlas.schema.table import Table
from attlas.schema.table_file import TableFile
from attlas.schema.tables import PROTEINS

PROVENANCE_KEY = b"attlas"
"""Key of the provenance JSON in the metadata of every Parquet file."""

PAGE_BYTES = 16_384
"""Bytes of a page of a column, the least that a reader of one sequence fetches of it: a row group is half a megabyte
of 25 proteins, of which a page in a browser needs one."""

_UNSORTED_TEXTS = ("entry_name", "gene", "organism", "description", "sequence", "md5", "crc64", "reason", "sites_note")
"""Columns of `proteins` whose smallest and largest value in a row group rule out no row group; they are half of its
footer."""
_PROTEINS_OPTIONS: dict[str, Any] = {
    "write_statistics": [c.name for c in PROTEINS.stored() if c.name not in _UNSORTED_TEXTS],
}
"""Proteins are read by rows that lie anywhere: their pages are as large as Parquet's usually are."""


def provenance(run: Run, plan_id: str) -> dict[bytes, bytes]:
    """Return the metadata of every Parquet file of an atlas: the run and the atlas id, without a time stamp."""
    return {PROVENANCE_KEY: _provenance_json(run, plan_id)}


@lru_cache(maxsize=4)
def _provenance_json(run: Run, plan_id: str) -> bytes:
    values = {"atlas_id": plan_id, "run_id": run.run_id, **run.to_json()}
    values["determinism"] = "no random numbers are used; the same run on the same machine gives the same bytes"
    return json.dumps(values, sort_keys=True).encode()


def write_table(path: Path, *, table: Table, rows: pa.Table, metadata: dict[bytes, bytes]) -> None:
    """Write the rows of a table as a Parquet file at `path`, which comes from `publishing`.

    The file has docs and provenance in its metadata, and the digests of its blocks.
    """
    write_batches(path, table=table, schema=rows.schema, batches=rows.to_batches(), metadata=metadata)


def write_batches(
    path: Path,
    *,
    table: Table,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    metadata: dict[bytes, bytes],
    has_page_checksums: bool = False,
) -> None:
    """Write rows as `write_table` does, a row group at a time; the bytes do not depend on how the batches are cut.

    With `has_page_checksums` every page has a CRC-32, for files that are in no manifest, which has their digests.
    """
    schema = schema.with_metadata({**(schema.metadata or {}), **metadata})
    options = parquet_options(schema) | (_PROTEINS_OPTIONS if table is PROTEINS else {"data_page_size": PAGE_BYTES})

    with pq.ParquetWriter(path, schema, write_page_checksum=has_page_checksums, **options) as writer:
        for rows in fill_row_groups(batches, table.row_group_rows):
            writer.write_table(rows.replace_schema_metadata(schema.metadata), row_group_size=table.row_group_rows)
    if table is PROTEINS:
        add_footer_parts(path)
    add_block_digests(path)


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """Return the options of the Parquet files of an atlas: compression, encodings, statistics, page index."""
    # A dictionary of floats is as large as the floats, and reading one row of it decodes the whole. Their smallest and
    # largest value in a row group rule out no row group, and take an eighth of the time of writing.
    names = [field.name for field in schema if not _holds_floats(field.type)]
    return {
        "compression": "zstd",
        "use_dictionary": names,
        "write_statistics": names,
        "write_page_index": True,
        # The first bytes of all numbers side by side, then the second: 2 to 8 % smaller, in spite of zstd. Numbers
        # rounded to float16 take no more than as half floats, which Spark, Trino and DuckLake refuse.
        "use_byte_stream_split": [_leaf_path(field) for field in schema if _holds_floats(field.type)],
    }


def describe_file(paths: AtlasPaths, path: Path, table: Table) -> TableFile:
    """Return the manifest's entry for a published Parquet file of `table`, read from the file itself."""
    metadata = pq.read_metadata(path)
    key_column = KEY_COLUMNS.get(table.name)
    has_sequences = table is not PROTEINS and key_column is None and table.is_of_sequences
    first_sequence_id, last_sequence_id = _range(metadata, "sequence_id") if has_sequences else (None, None)
    first_key, last_key = _range(metadata, key_column) if key_column else (None, None)
    tail = read_tail(path)

    return TableFile(
        table=table.name,
        path=paths.relative(path),
        n_rows=metadata.num_rows,
        n_bytes=path.stat().st_size,
        sha256=file_sha256(path),
        tail_bytes=len(tail),
        tail_sha256=hashlib.sha256(tail).hexdigest(),
        first_sequence_id=first_sequence_id,
        last_sequence_id=last_sequence_id,
        first_key=first_key,
        last_key=last_key,
    )


def _holds_floats(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or _is_list(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind))


def _leaf_path(field: pa.Field) -> str:
    """Return the name that Parquet gives the numbers of a column: those of a list stand two levels below it."""
    return f"{field.name}.list.element" if _is_list(field.type) else str(field.name)


def _range(metadata: pq.FileMetaData, column_name: str) -> tuple[Any, Any]:
    """Return the smallest and the largest value of a column of a file, from its statistics; None without rows."""
    names = [metadata.schema.column(i).path for i in range(len(metadata.schema))]
    column = names.index(column_name)
    groups = [metadata.row_group(i).column(column).statistics for i in range(metadata.num_row_groups)]
    ranges = [(group.min, group.max) for group in groups if group is not None and group.has_min_max]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else (None, None)
