"""The rows of an atlas's table, as its files have them: without DuckDB."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from attlas.schema import AtlasPaths, Manifest, Table


def read_table(root: Path, table: Table) -> dict[str, list[Any]]:
    """Return the rows of a table in its order, by column, as its files have them."""
    paths = AtlasPaths(root)
    files = [paths.root / file.path for file in Manifest.read(paths).of_table(table)]
    rows = pq.read_table(files, schema=pq.read_schema(files[0])) if files else None
    assert rows is not None, f"{root} has no {table.name}"
    columns: dict[str, list[Any]] = rows.sort_by([(name, "ascending") for name in table.sort]).to_pydict()
    return columns
