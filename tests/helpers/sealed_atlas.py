"""What stands in a sealed atlas, by its directory: manifest, files, rows, answers, and what is wrong with it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries import Atlas
from attlas.queries.lookup.settings import settings_of
from attlas.schema import TABLES, AtlasPaths, Computation, Manifest, Table
from attlas.schema.verify import find_problems


def read_manifest(root: Path) -> Manifest:
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
    key = _find_table(table).key
    return [tuple(row[name] for name in key) for row in read_rows(root, table)]


def read_computation(root: Path, table: str) -> Computation:
    """Return the settings and sources that the first file of a table carries."""
    return Computation.parse(_find_table(table), pq.read_schema(list_files(root, table)[0]).metadata)


def read_settings(root: Path, table: str) -> dict[str, Any]:
    """Return the settings on which all files of an added table agree, as readers see them."""
    with Atlas.open(root) as atlas:
        return settings_of(atlas.root, atlas.manifest, _find_table(table))


def digest_table(root: Path, table: str) -> str:
    """Return the digest of the files of a table."""
    return read_manifest(root).digest_of(_find_table(table))


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


def _find_table(name: str) -> Table:
    return next(table for table in TABLES if table.name == name)
