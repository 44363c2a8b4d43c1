"""Rows of tables as files of an atlas: published beside it while it is made, or added to one that is sealed."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from attlas.pipeline.adding import add_files
from attlas.schema import STORED_TABLES, AtlasPaths, Manifest, Table, TableFile
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import publishing

TABLES_BY_NAME = {table.name: table for table in STORED_TABLES}


def find_table(name: str) -> Table:
    """Return the declaration of a table."""
    return TABLES_BY_NAME[name]


def publish_table(
    paths: AtlasPaths, path: Path, table: Table, rows: pa.Table, metadata: dict[bytes, bytes]
) -> TableFile:
    """Write rows as a file of a table and return its entry in the manifest."""
    with publishing(path) as beside:
        write_table(beside, table=table, rows=rows, metadata=metadata)
    return describe_file(paths, path, table)


def add_rows(
    root: Path, table: Table | str, rows: list[dict], name: str, notes: Mapping[bytes, bytes] | None = None
) -> None:
    """Add a file of a table to a sealed atlas; its metadata say `notes` beside the run."""
    table = find_table(table) if isinstance(table, str) else table
    paths = AtlasPaths(root)
    manifest = Manifest.read(paths)
    schema = table.schema(manifest.run.n_layers)
    metadata = {**provenance(manifest.run, manifest.atlas_id), **(notes or {})}
    ordered = sorted(rows, key=lambda row: [row[key] for key in table.sort])
    file = publish_table(paths, paths.added(table, name), table, pa.Table.from_pylist(ordered, schema), metadata)
    add_files(paths, [file], is_replaced=lambda old: False)
