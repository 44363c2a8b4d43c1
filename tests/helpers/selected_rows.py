"""What a part of an atlas, or a file of some proteins, holds of a table."""

from pathlib import Path

from attlas.queries import Atlas
from attlas.queries.engine.atlas_part import AtlasPart, connect_part
from attlas.queries.exports.duckdb_file import write
from attlas.queries.exports.request import Request


def count_in_part(root: Path, table: str, begin: int | None, end: int | None) -> int:
    """Return the rows of a table that a worker sees that is asked about a range of `sequence_id`."""
    with Atlas.open(root) as atlas:
        part = connect_part(atlas.root, atlas.manifest, AtlasPart(begin, end))
        return part.connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]


def write_duckdb(root: Path, path: Path, *, accessions: tuple[str, ...]) -> None:
    """Export some proteins to a DuckDB file."""
    with Atlas.open(root) as atlas, path.open("wb") as sink:
        write(atlas, Request(accessions=accessions), sink)
