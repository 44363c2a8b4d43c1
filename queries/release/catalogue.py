"""`atlas.duckdb`: views over the Parquet of a release, and the SQL functions, a few hundred kilobytes without rows.

The views name files relative to the working directory, or below `getvariable('atlas')`, a folder or a URL: a release
may lie anywhere. In storage version 1.0.0; `getvariable` needs DuckDB 1.1. The same release gives the same bytes.
"""

import glob
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from attlas.queries.engine.functions import function_statements
from attlas.queries.engine.running import telling_interrupts
from attlas.queries.engine.views import (
    comment_statements,
    docs_statements,
    provenance_statements,
    quote,
    view_statement,
)
from attlas.queries.provenance import provenance_rows
from attlas.schema import TABLES, Manifest
from attlas.schema.leftovers import leftover_name

CATALOGUE_NAME = "atlas.duckdb"
CATALOGUE_PREFIX = "attlas-catalogue-"
"""How the folder begins that the file is made in; `publish` removes one that a killed process left."""
COMPRESSION = "dictionary"
"""DuckDB might choose FSST, which draws samples of a text at random: the bytes would not always be the same."""
VARIABLE = "atlas"
_BASE = f"coalesce(getvariable('{VARIABLE}') || '/', '') || '"
_MARK = "'{atlas}/"
"""What stands for the base in a file's name until the statement is written."""


@telling_interrupts()
def build_catalogue(release: Path, manifest: Manifest) -> bytes:
    """Return the DuckDB file of a release, whose tables lie below `release` already."""
    # In a folder of its own: DuckDB cannot write where a `?` is in the path.
    with tempfile.TemporaryDirectory(prefix=leftover_name(CATALOGUE_PREFIX, "")) as folder:
        path = Path(folder) / CATALOGUE_NAME

        with duckdb.connect(":memory:") as connection:
            # DuckDB looks into the files while it makes a view, and takes every name for a pattern.
            base = glob.escape(str(release.resolve()))
            connection.execute(f"SET VARIABLE {VARIABLE} = {quote(base)}")
            connection.execute(f"ATTACH {quote(str(path))} AS release (STORAGE_VERSION 'v1.0.0')")
            # DuckDB chooses a compression by a sample drawn at random, and the bytes would differ from time to time.
            connection.execute("SET force_compression = 'uncompressed'")
            connection.execute("USE release")
            connection.execute(f"SET force_compression = '{COMPRESSION}'")
            connection.execute("BEGIN")  # one for all: each of its own is written to the disk at once
            for statement in _statements(manifest):
                connection.execute(statement)
            connection.execute("COMMIT")

        return path.read_bytes()


def _statements(manifest: Manifest) -> Iterator[str]:
    for table in TABLES:
        names = ["{atlas}/" + file.path for file in manifest.of_table(table) if file.n_rows]
        yield view_statement(table, names, manifest.run.n_layers).replace(_MARK, _BASE)
        yield from comment_statements(table)
    yield from docs_statements(manifest.run.n_layers)
    yield from function_statements()  # they read tables, `docs` too
    yield from provenance_statements(provenance_rows(manifest))
