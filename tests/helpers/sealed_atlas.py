"""A sealed atlas as its manifest has it: the manifest, its faults, and rows changed so that the manifest agrees."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema import AtlasPaths, Manifest
from attlas.schema.parquet_file import describe_file, write_table
from attlas.schema.verify import find_problems
from helpers.table_files import find_table


def read_manifest(root: Path) -> Manifest:
    """Return the manifest of an atlas or a release."""
    return Manifest.read(AtlasPaths(root))


def list_problems(root: Path) -> list[str]:
    """Return the faults of the files of an atlas by its manifest, a sentence each."""
    return find_problems(AtlasPaths(root), read_manifest(root))


def change_rows(root: Path, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write every file of a table anew, with its rows changed, and a manifest that agrees."""
    paths, table = AtlasPaths(root), find_table(name)
    manifest = Manifest.read(paths)
    files = [file for file in manifest.files if file.table != name]
    for file in manifest.of_table(table):
        rows = pq.read_table(root / file.path)
        write_table(root / file.path, table=table, rows=change(rows), metadata=rows.schema.metadata)
        files.append(describe_file(paths, root / file.path, table))
    replace(manifest, files=tuple(sorted(files, key=lambda file: (file.table, file.path)))).write(paths)
