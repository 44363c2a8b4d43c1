"""DuckDB over one atlas, locked: one SELECT at a time, no file but the atlas's own, nothing written."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from attlas.queries.views import DOCS, comment_statements, docs_statements, quote, view_statement
from attlas.schema import TABLES, BrokenAtlasError, Fault, Manifest, QuestionError

BATCH_ROWS = 16_384

Parameters = Sequence[object] | Mapping[str, object] | None


def connect(root: Path, manifest: Manifest) -> duckdb.DuckDBPyConnection:
    """Return an in-memory database with the views of an atlas, then locked.

    Raises:
        BrokenAtlasError: files of the manifest are missing or cannot be read.
    """
    root = root.resolve()
    missing = [file.path for file in manifest.files if not (root / file.path).is_file()]
    if missing:
        raise BrokenAtlasError(f"Files of {root} are missing.", offenders=missing, hint=f"see `attlas verify {root}`")
    connection = duckdb.connect(":memory:")
    try:
        for statement in (*_view_statements(root, manifest), *_lock_statements(root)):
            connection.execute(statement)
    except duckdb.Error as error:
        connection.close()
        hint = f"see `attlas verify {root}`"
        raise BrokenAtlasError(f"The tables of {root} cannot be read.", found=str(error), hint=hint) from error
    return connection


def select(connection: duckdb.DuckDBPyConnection, query: str, parameters: Parameters = None) -> pa.RecordBatchReader:
    """Run one SELECT and return its rows as a stream of record batches.

    Raises:
        QuestionError: it is no SELECT, more than one statement, or DuckDB cannot answer it; also while the rows
            are read, for an error that only shows then.
    """
    cursor = connection.cursor()  # one per query: a cursor holds one result, and threads may not share it
    try:
        statements = cursor.extract_statements(query)
        _refuse_all_but_one_select(query, [statement.type for statement in statements])
        reader = cursor.sql(query, params=parameters).to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        raise _unanswered(connection, query, error) from error
    return pa.RecordBatchReader.from_batches(reader.schema, _batches(reader, connection, query))


def _batches(
    reader: pa.RecordBatchReader, connection: duckdb.DuckDBPyConnection, query: str
) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # pyarrow turns the error of a stream into an OSError
        raise _unanswered(connection, query, error) from error


def _view_statements(root: Path, manifest: Manifest) -> Iterator[str]:
    n_layers = manifest.run.n_layers
    for table in TABLES:
        paths = [str(root / file.path) for file in manifest.of_table(table) if file.n_rows]
        yield view_statement(table, paths, n_layers)
        yield from comment_statements(table)
    yield from docs_statements(n_layers)


def _lock_statements(root: Path) -> list[str]:
    # The order matters: directories are allowed first, then all else is closed, then the settings themselves.
    spill = Path(tempfile.gettempdir()) / f"attlas-duckdb-{os.getpid()}"
    return [
        f"SET temp_directory = {quote(str(spill))}",  # made only if a query outgrows memory; the default is ./.tmp
        "SET enable_progress_bar = false",
        "SET python_enable_replacements = false",  # else `FROM x` finds Python variables of whoever calls us
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        f"SET allowed_directories = [{quote(str(root))}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ]


def _refuse_all_but_one_select(query: str, kinds: Sequence[duckdb.StatementType]) -> None:
    if list(kinds) == [duckdb.StatementType.SELECT]:
        return
    raise QuestionError(
        f"An atlas is asked with one SELECT:\n{_indented(query)}",
        expected="one SELECT statement (DESCRIBE, SUMMARIZE and SHOW TABLES count as such)",
        found=" and ".join(kind.name for kind in kinds) or "no statement",
    )


def _unanswered(connection: duckdb.DuckDBPyConnection, query: str, error: Exception) -> Fault:
    if isinstance(error, duckdb.IOException) or any(word in str(error) for word in ("TProtocol", "Parquet", "ZSTD")):
        hint = "see `attlas verify` for every file that differs"
        return BrokenAtlasError("A table of this atlas cannot be read.", found=str(error).splitlines()[0], hint=hint)
    return QuestionError(
        f"This query cannot be answered:\n{_indented(query)}",
        found=_indented(str(error)).lstrip(),
        hint=f"the columns there are (see also `FROM {DOCS}`):\n" + "\n".join(_columns_near(connection, query)),
    )


def _columns_near(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    """Return a line of columns for each table the query names, for every table if it names none."""
    words = set(re.findall(r"\w+", query.lower()))
    listing = "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE NOT internal"
    tables = dict(connection.cursor().execute(f"{listing} GROUP BY ALL ORDER BY ALL").fetchall())
    named = {name: columns for name, columns in tables.items() if name in words} or tables
    return [f"    {name}: {', '.join(columns)}" for name, columns in named.items()]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines())
