"""A whole atlas, or some of its proteins, as one DuckDB file: tables as `attlas sql` shows them, for any DuckDB client.

`proteins`, `sequences`, `sites`, `residues` and `heads` have the names, columns and comments of the views, so that a
query for one runs on the other; the functions of `attlas sql` are there, too; `docs` tells every column and
`provenance` where the numbers are from. The file is of storage version 1.0.0, which DuckDB opens from 1.1 on. Rows
stand in the order of `sequence_id`, then by accession; written again, they are the same, though the bytes are not.

Memory does not grow with the atlas: rows are sorted and inserted some shards at a time. Small tables have their key as
PRIMARY KEY; for `residues` and `heads` its index would be larger than the rows, and be held in memory while it is made.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import duckdb

from attlas.queries.engine.functions import function_statements
from attlas.queries.engine.running import Running, telling_interrupts
from attlas.queries.engine.sandbox import connect_unlocked
from attlas.queries.engine.views import comment_statements, docs_statements, provenance_statements, quote, sql_type
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import check_letters
from attlas.queries.lookup.settings import settings_of_tables
from attlas.queries.provenance import provenance_rows
from attlas.queries.store import Store
from attlas.schema import (
    PAIRS,
    PROTEINS,
    SEQUENCES,
    SITES,
    TABLES,
    BrokenAtlasError,
    EnvironmentFault,
    Table,
    TableFile,
)

STORAGE_VERSION = "v1.0.0"
"""The oldest that holds fixed-size lists; DuckDB 2.0 writes one of its own that 1.x cannot read."""
CHUNK_ROWS = 1_000_000
"""Rows sorted at a time, about; a shard is never divided."""
MEMORY_LIMIT = "512MB"
"""With more, DuckDB only keeps more of the blocks it has written. A chunk of 33 layers takes half of this."""
INDEXED = (PROTEINS, SEQUENCES, SITES)
"""The tables whose key is a PRIMARY KEY."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the database of some proteins, or of all."""
    check_letters(atlas, request.accessions)

    with tempfile.TemporaryDirectory(prefix="attlas-export-") as folder:
        path = Path(folder) / "atlas.duckdb"
        connection, _ = connect_unlocked(atlas.root, atlas.manifest, memory_limit=atlas.memory_limit or MEMORY_LIMIT)

        try:
            _fill(connection, atlas, request.accessions, path)
        except duckdb.Error as error:
            raise _write_error(path, error) from error
        finally:
            connection.close()

        with path.open("rb") as database:
            shutil.copyfileobj(database, sink, 1 << 20)


@telling_interrupts()
def _fill(connection: duckdb.DuckDBPyConnection, atlas: Store, accessions: Sequence[str] | None, path: Path) -> None:
    running = Running(connection, None)  # so that Ctrl-C stops it
    if accessions is not None:
        connection.execute("CREATE TEMP TABLE selection (accession VARCHAR)")
        connection.execute("INSERT INTO selection SELECT unnest($accessions)", {"accessions": list(accessions)})
    for statement in _statements(atlas, path, n_accessions=None if accessions is None else len(set(accessions))):
        running.call(partial(_execute, connection, statement))


def _execute(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    connection.execute(statement).fetchall()


def _statements(atlas: Store, path: Path, *, n_accessions: int | None) -> Iterator[str]:
    manifest, n_layers = atlas.manifest, atlas.n_layers
    yield f"ATTACH {quote(str(path))} AS out (STORAGE_VERSION '{STORAGE_VERSION}')"
    yield "USE out"

    # A transaction for all of them: each of its own is written to the disk at once.
    yield "BEGIN"
    for table in TABLES:
        yield _create(table, n_layers)
        yield from comment_statements(table, kind="TABLE")
    yield "COMMIT"

    for table in TABLES:
        for condition in _chunks(manifest.of_table(table)):
            selection = "true" if n_accessions is None else _selection(table)
            order = ", ".join(f'"{name}"' for name in dict.fromkeys([table.sort[0], *table.key[:1], *table.sort]))
            rows = f"SELECT * FROM memory.main.{table.name} WHERE {condition} AND {selection} ORDER BY {order}"
            yield f"INSERT INTO {table.name} {rows}"

    yield "BEGIN"
    yield from docs_statements(n_layers)
    yield from function_statements()  # they read tables, `docs` too
    yield "COMMIT"
    n_proteins = f"{'all' if n_accessions is None else n_accessions} of {manifest.counts.n_requested}"
    settings = settings_of_tables(atlas.root, manifest)
    values = [(f"{table}.{name}", value) for table, pairs in settings.items() for name, value in pairs.items()]
    settings_rows = [(name, "none" if value is None else str(value)) for name, value in values]
    facts = [*provenance_rows(manifest), *settings_rows, ("exported_proteins", n_proteins)]
    yield from provenance_statements(facts)

    yield "USE memory"
    yield "DETACH out"


def _create(table: Table, n_layers: int) -> str:
    columns = [
        f'"{column.name}" {sql_type(column, n_layers)}{"" if column.is_nullable else " NOT NULL"}'
        for column in table.columns
    ]
    key = [f"PRIMARY KEY ({', '.join(table.key)})"] if table in INDEXED else []
    return f"CREATE TABLE {table.name} ({', '.join([*columns, *key])})"


def _selection(table: Table) -> str:
    if table is SEQUENCES:
        return (
            "sequence_id IN (SELECT sequence_id FROM memory.main.proteins SEMI JOIN temp.selection USING (accession))"
        )
    if not table.is_of_sequences:
        return "true"  # it is of the atlas as a whole
    of_selection = "accession IN (SELECT accession FROM temp.selection)"
    if "pair_id" in [column.name for column in table.columns]:  # a pair is of both of its proteins
        of_partner = "partner IN (SELECT accession FROM temp.selection)"
        return f"pair_id IN (SELECT pair_id FROM memory.main.{PAIRS.name} WHERE {of_selection} OR {of_partner})"
    return of_selection


def _chunks(files: Sequence[TableFile]) -> Iterator[str]:
    """Yield conditions that together take every row of a table once, some shards' rows at a time."""
    if all(file.first_sequence_id is None for file in files):  # `proteins`, or a table without rows
        yield "true"
        return

    first_id, n_rows = 0, 0
    for file in sorted((f for f in files if f.n_rows), key=lambda file: file.first_sequence_id or 0):
        n_rows += file.n_rows
        if n_rows >= CHUNK_ROWS and file.last_sequence_id is not None:
            yield f"sequence_id BETWEEN {first_id} AND {file.last_sequence_id}"
            first_id, n_rows = file.last_sequence_id + 1, 0

    # A line of a file of pairs may name no protein of the atlas.
    yield f"(sequence_id >= {first_id} OR sequence_id IS NULL)"


def _write_error(path: Path, error: duckdb.Error) -> BrokenAtlasError | EnvironmentFault:
    reason = str(error).splitlines()[0]
    if "No space left" in reason or "Out of Memory" in reason or str(path) in reason:
        hint = "point TMPDIR to a disk with more space: the file is made there, then copied"
        return EnvironmentFault("The DuckDB file could not be made.", found=reason, hint=hint)
    return BrokenAtlasError("The tables of this atlas cannot be read.", found=reason, hint="see `attlas verify`")
