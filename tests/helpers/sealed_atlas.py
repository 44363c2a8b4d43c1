"""What stands in a sealed atlas: manifest, files, rows, answers, faults; and rows changed with the manifest."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries import Atlas
from attlas.queries.lookup.settings import settings_of
from attlas.schema import AtlasPaths, Computation, Manifest
from attlas.schema.parquet_file import describe_file, write_table
from attlas.schema.verify import find_problems
from helpers.table_files import find_table


def read_manifest(root: Path) -> Manifest:
    """Return the manifest of an atlas or a release."""
    return Manifest.read(AtlasPaths(root))


def list_problems(root: Path) -> list[str]:
    """Return the problems that `attlas verify` names, the manifest read anew."""
    return find_problems(AtlasPaths(root), read_manifest(root))


def list_files(root: Path, table: str) -> list[Path]:
    """Return the files of a table that the manifest names, in order of `sequence_id`."""
    return [root / file.path for file in read_manifest(root).files.of_tables([table])]


def read_rows(root: Path, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table as its files have them."""
    tables = [pq.read_table(path) for path in list_files(root, table)]
    return pa.concat_tables(tables).to_pylist() if tables else []


def read_keys(root: Path, table: str) -> list[tuple[Any, ...]]:
    """Return the key of each row of a table, in the order of its files."""
    key = find_table(table).key
    return [tuple(row[name] for name in key) for row in read_rows(root, table)]


def read_computation(root: Path, table: str) -> Computation:
    """Return the settings and sources that the first file of a table carries."""
    return Computation.parse(find_table(table), pq.read_schema(list_files(root, table)[0]).metadata)


def read_settings(root: Path, table: str) -> dict[str, Any]:
    """Return the settings on which all files of an added table agree, as readers see them."""
    with Atlas.open(root) as atlas:
        return settings_of(atlas.root, atlas.manifest, find_table(table))


def digest_table(root: Path, table: str) -> str:
    """Return the digest of the files of a table."""
    return read_manifest(root).digest_of(find_table(table))


def query_rows(root: Path, query: str) -> list[dict[str, Any]]:
    """Return the answer of the atlas to a SELECT."""
    with Atlas.open(root) as atlas:
        return atlas.sql(query).to_pylist()


def ask_rows(root: Path, question: str, **parameters: object) -> list[dict[str, Any]]:
    """Return the answer of the atlas to a question of the house."""
    with Atlas.open(root) as atlas:
        return atlas.ask(question, **parameters).to_pylist()


def remove_plan(root: Path) -> None:
    """Remove the plan, as a release has none."""
    AtlasPaths(root).plan.unlink()


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
