"""Releases of the small atlas: what is stated of them, the rows and the digests of their files."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries.release import Statement
from attlas.schema import SHARD_TABLES
from helpers.table_files import find_table

BUILT = (find_table("proteins"), *SHARD_TABLES)
"""The tables of the atlas here: nothing was added to it."""

NOTHING = Statement()
EVERYTHING = Statement(
    title='The "first" | atlas: <b>50 %</b>',
    creators=("Ada Lovelace", "Grüße GmbH"),
    licence="CC-BY-4.0",
    citation="Lovelace (2026), doi:10.1/x",
    url="https://example.org/atlases/first/",
)


def read_rows(root: Path, table: str) -> list[dict]:
    """Return every stored row of a table, by reading every file there is in order of name."""
    files = [pq.ParquetFile(path).read() for path in sorted((root / table).glob("*.parquet"))]
    return pa.concat_tables(files).to_pylist()


def digest_files(root: Path) -> dict[str, str]:
    """Return the SHA-256 of every file, by its path in the directory."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
