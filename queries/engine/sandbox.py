"""DuckDB over one atlas, locked: one SELECT at a time, no file but the atlas's own, nothing written."""

import atexit
import glob
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from attlas.queries.engine.comparisons import TREE
from attlas.queries.engine.definitions import Definitions
from attlas.queries.engine.errors import out_of_time, query_fault
from attlas.queries.engine.narrowing import Narrowing, find_narrowing, list_tables, read_statements
from attlas.queries.engine.running import OutOfTime, Running
from attlas.queries.engine.statements import check_statement
from attlas.queries.engine.views import (
    COMMENT_ON_DOCS,
    CREATE_DOCS,
    INSERT_DOCS,
    asks_for_accession,
    docs_values,
    provenance_statements,
    quote,
    unjoined_view_statement,
    view_statement,
)
from attlas.queries.lookup import storage
from attlas.queries.lookup.network_errors import fault_in
from attlas.queries.lookup.storage import Root
from attlas.queries.provenance import provenance_rows
from attlas.schema import TABLES, BrokenAtlasError, Fault, Manifest, QuestionError, Table, TableFile
from attlas.schema.links import locate_file

BATCH_ROWS = 16_384
MEMORY_LIMIT = "50%"
"""What the queries of an atlas take of the machine's memory before they spill to disk."""
LEAST_MEMORY_MB = 64
"""DuckDB needs some for itself."""
SPILL_SHARE = 0.5
"""How much of the disk that is free a query may spill to."""

SPILL_PREFIX = "attlas-duckdb-"
"""How the folders begin that queries spill to; any that remain belong to a killed process."""

_EXPLAIN = re.compile(r"^\s*EXPLAIN(\s+ANALYZE)?\b", re.IGNORECASE)
"""What stands before a query whose plan is asked for; DuckDB serializes the query alone."""
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[KMGT]i?B)", re.IGNORECASE)
_UNITS = {"%": 1e9, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}

FEW_FILES = 8
"""Files of a table up to which all are read: to look up an accession takes longer than to open them."""

Parameters = Sequence[object] | Mapping[str, object] | None
FindSequences = Callable[[Sequence[str]], set[int]]
"""Returns the `sequence_id` of each of some accessions that the atlas has."""


@dataclass(frozen=True)
class Database:
    """The locked database of one atlas, in memory: its views, and its functions as queries name them."""

    connection: duckdb.DuckDBPyConnection
    definitions: Definitions
    unjoined_views: Mapping[str, str] = field(default_factory=dict)
    """For queries that ask for no accession, the CREATE VIEW of each table that is joined to `proteins` otherwise; none
    where several accessions share a sequence, which have a row each."""

    narrow: Callable[[Narrowing], str | None] = field(default=lambda _: None)
    """Return the CREATE VIEW of the files of a table that can hold some proteins; None where all are to be read."""

    def views_for(self, query: str, tree: str, parameters: Parameters) -> dict[str, str]:
        """Return the CREATE VIEW of tables of which a query needs not all, by name: few files, or no `proteins`."""
        statements = read_statements(tree)
        narrowing = find_narrowing(statements, parameters)
        view = self.narrow(narrowing) if narrowing is not None else None
        if narrowing and view:
            return {narrowing.table: view}
        if asks_for_accession(query):
            return {}
        tables = list_tables(statements)
        return {name: statement for name, statement in self.unjoined_views.items() if name in tables}

    def close(self) -> None:
        """Close it, or leave it to the end of the process if a query works on that no interrupt reaches."""
        with suppress(duckdb.ResourceInUseException):
            self.connection.close()


def connect(
    root: Root, manifest: Manifest, *, memory_limit: str | None = None, find_sequences: FindSequences | None = None
) -> Database:
    """Return the database with the views of an atlas, locked.

    `find_sequences` says which sequences some accessions have, so that queries about few proteins read few files.
    `memory_limit` is what queries may take before they spill to disk, such as `4GB` or `50%` of the machine's memory.

    Raises:
        QuestionError: `memory_limit` is no amount of memory.
        BrokenAtlasError: files of the manifest are missing, cannot be read, or are links to something else.
    """
    connection, base = connect_unlocked(root, manifest, memory_limit=memory_limit)
    links = find_linked_files(root, manifest)
    for statement in lock_statements(base, links):
        connection.execute(statement)

    def narrow(narrowing: Narrowing) -> str | None:
        return _narrow_view(narrowing, base, manifest, links, find_sequences)

    return Database(connection, Definitions(connection), _unjoined_views(base, manifest, links), narrow)


def connect_unlocked(
    root: Root, manifest: Manifest, *, memory_limit: str | None = None
) -> tuple[duckdb.DuckDBPyConnection, str]:
    """Return the database of `connect` before it is locked, for statements of attlas alone, and its base address."""
    links = find_linked_files(root, manifest)
    if missing := storage.missing_files(root, manifest):
        raise BrokenAtlasError(
            f"Files of {root} are missing.", offenders=missing, hint=storage.explain_unreadable(root)
        )

    # Everything that needs files is done before the caller locks the connection.
    limits = _limit_statements(_checked_memory(memory_limit or MEMORY_LIMIT))
    connection = duckdb.connect(":memory:")
    try:
        _switch_off_progress(connection)
        base = _base(connection, root, manifest)
        for statement in (*limits, *_view_statements(base, manifest, links), CREATE_DOCS, COMMENT_ON_DOCS):
            connection.execute(statement)
        connection.execute(INSERT_DOCS, docs_values(manifest.run.n_layers))
    except duckdb.Error as error:
        connection.close()
        message = f"The tables of {root} cannot be read."
        fault = fault_in(str(error)) or BrokenAtlasError(
            message, found=str(error), hint=storage.explain_unreadable(root)
        )
        raise fault from error

    return connection, base


def find_linked_files(root: Root, manifest: Manifest) -> dict[str, str]:
    """Return the targets of the files of a directory that are links, by their paths in the manifest.

    Raises:
        BrokenAtlasError: one is a link to something else than the manifest says.
    """
    if not isinstance(root, Path):
        return {}
    links = [file for file in manifest.files if (root / file.path).is_symlink()]
    return {file.path: str(locate_file(root, file).resolve()) for file in links}


def select(
    database: Database,
    query: str,
    parameters: Parameters = None,
    *,
    tables: Mapping[str, pa.Table] | None = None,
    timeout_s: float | None = None,
    limit_s: float | None = None,
) -> pa.RecordBatchReader:
    """Run one SELECT and return its rows as a stream of record batches.

    `tables` are tables of the caller's, by the names that the query calls them; no other query sees them.
    `timeout_s` counts while DuckDB works, not while the rows are used; None is no limit. Ctrl-C stops the query.
    `limit_s` is the time limit that an error names, where connecting has used up some of it; None: `timeout_s`.

    Raises:
        QuestionError: it is not one SELECT that only reads, DuckDB cannot answer it, or the time is over; also while
            the rows are read, for what only shows then.
        EnvironmentFault: it needs more memory, or more disk to spill to, than it may take.
    """
    connection, definitions = database.connection, database.definitions
    cursor = connection.cursor()  # one per query: a cursor holds one result, and threads may not share it
    running = Running(cursor, timeout_s)

    def start() -> pa.RecordBatchReader:
        for name, rows in (tables or {}).items():
            cursor.register(name, rows)

        own_names = {name.lower() for name in tables or {}}
        statement = check_statement(cursor, query)
        (tree,) = cursor.execute(TREE, {"query": _EXPLAIN.sub("", query)}).fetchall()[0]
        for name, view in database.views_for(query, tree, parameters).items():
            if name not in own_names:
                cursor.execute(view)

        definitions.make_named_in(query)
        try:
            return begin(statement)
        except duckdb.CatalogException:
            # A function named in another way than its plain text; or none there is, and DuckDB names one like it.
            if not definitions.make_all():
                raise
            cursor.rollback()
        return begin(statement)

    def begin(statement: str) -> pa.RecordBatchReader:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        return cursor.sql(statement, params=parameters).to_arrow_reader(BATCH_ROWS)

    _refuse_what_is_no_text(query)
    with _failing(connection, query, parameters, limit_s or timeout_s):
        reader = running.call(start)

    batches = _batches(reader, running, lambda: _failing(connection, query, parameters, limit_s or timeout_s))
    return pa.RecordBatchReader.from_batches(reader.schema, batches)


def _batches(
    reader: pa.RecordBatchReader, running: Running, failing: Callable[[], AbstractContextManager[None]]
) -> Iterator[pa.RecordBatch]:
    while True:
        with failing():
            batch = running.call(lambda: next(reader, None))
        if batch is None:
            return
        yield batch


@contextmanager
def _failing(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Parameters, timeout_s: float | None
) -> Iterator[None]:
    """Turn errors of DuckDB into errors of attlas."""
    try:
        yield
    except OutOfTime as late:
        raise out_of_time(query, timeout_s or 0, is_stopped=late.is_stopped) from None
    except Fault:
        raise
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # pyarrow turns the error of a stream into an OSError
        raise query_fault(connection, query, error, parameters) from error


def _refuse_what_is_no_text(query: str) -> None:
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise QuestionError("This query is no UTF-8 text.", found=f"{query[error.start : error.end]!a}") from error


def _checked_memory(text: str) -> str:
    size = _MEMORY.fullmatch(text.strip())
    if size is None or float(size[1]) * _UNITS[size[2].upper()[0]] < _UNITS["M"] * LEAST_MEMORY_MB:
        expected = f"such as 4GB, 500MB or 50% (of this machine's), at least {LEAST_MEMORY_MB}MB"
        raise QuestionError(f"{text!r} is no amount of memory.", expected=expected)
    return text.strip()


def _base(connection: duckdb.DuckDBPyConnection, root: Root, manifest: Manifest) -> str:
    """Return the address below which DuckDB finds the files, with a slash at its end."""
    if isinstance(root, Path):
        return f"{root.resolve()}/"
    from attlas.queries.engine import remote_views  # imports fsspec

    return remote_views.register(connection, root, manifest)


def _view_statements(base: str, manifest: Manifest, links: Mapping[str, str]) -> Iterator[str]:
    n_layers = manifest.run.n_layers

    for table in TABLES:
        yield view_statement(table, _list_paths(table, base, manifest, links), n_layers)

    yield from provenance_statements(provenance_rows(manifest))


def _unjoined_views(base: str, manifest: Manifest, links: Mapping[str, str]) -> dict[str, str]:
    """Return the CREATE VIEW of each table without a join that multiplies rows; none where accessions share one."""
    counts = manifest.counts
    if counts.n_ok + counts.n_failed != counts.n_sequences:
        return {}
    views = {
        table.name: unjoined_view_statement(table, _list_paths(table, base, manifest, links), manifest.run.n_layers)
        for table in TABLES
    }
    return {name: statement for name, statement in views.items() if statement is not None}


def _narrow_view(
    narrowing: Narrowing,
    base: str,
    manifest: Manifest,
    links: Mapping[str, str],
    find_sequences: FindSequences | None,
) -> str | None:
    """Return the CREATE VIEW of the files of a table that can hold some proteins; None where that would save little."""
    table = next((table for table in TABLES if table.name == narrowing.table), None)
    n_files = len(manifest.of_table(table)) if table else 0
    if table is None or n_files <= FEW_FILES or len(narrowing.values) > n_files:
        return None

    if narrowing.column == "accession":
        if find_sequences is None:
            return None
        sequence_ids = find_sequences([str(value) for value in narrowing.values])
    else:
        sequence_ids = {int(value) for value in narrowing.values}

    paths = _list_paths(table, base, manifest, links, sequence_ids)
    return view_statement(table, paths, manifest.run.n_layers).replace("CREATE VIEW", "CREATE TEMPORARY VIEW", 1)


def _list_paths(
    table: Table, base: str, manifest: Manifest, links: Mapping[str, str], sequence_ids: set[int] | None = None
) -> list[str]:
    """Return the files of a table that have rows, of these sequences where they are given, as DuckDB is told them."""
    files = [file for file in manifest.of_table(table) if file.n_rows]
    if sequence_ids is not None:
        files = [file for file in files if any(_may_hold(file, n) for n in sequence_ids)]
    # DuckDB takes every name for a pattern: `*`, `?` and `[` in the name of a directory stand for themselves.
    return [glob.escape(links.get(file.path, base + file.path)) for file in files]


def _may_hold(file: TableFile, sequence_id: int) -> bool:
    if file.first_sequence_id is None or file.last_sequence_id is None:
        return True
    return file.first_sequence_id <= sequence_id <= file.last_sequence_id


def _switch_off_progress(connection: duckdb.DuckDBPyConnection) -> None:
    """Let DuckDB draw no progress bar. In a notebook without ipywidgets there is none, and it refuses the setting."""
    with suppress(duckdb.InvalidInputException):
        connection.execute("SET enable_progress_bar = false")


def _limit_statements(memory_limit: str) -> list[str]:
    folder = Path(tempfile.gettempdir())
    # DuckDB makes it if a query outgrows memory, and removes it at the end; two connections may not share one.
    spill = folder / f"{SPILL_PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
    atexit.register(shutil.rmtree, spill, ignore_errors=True)  # for a stream that nobody read to its end
    return [
        f"SET memory_limit = {quote(memory_limit)}",
        f"SET temp_directory = {quote(str(spill))}",
        f"SET max_temp_directory_size = '{int(shutil.disk_usage(folder).free * SPILL_SHARE)}B'",
        # Else `FROM x` finds Python variables of whoever calls us; GLOBAL, because queries run on cursors.
        "SET GLOBAL python_enable_replacements = false",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
    ]


def lock_statements(base: str, links: Mapping[str, str]) -> list[str]:
    """Return the statements after which a connection reads nothing but the files below `base`, and those linked to."""
    # The order matters: directories are allowed first, then all else is closed, then the settings themselves.
    allowed = dict.fromkeys([base, glob.escape(base)])  # a view names its files by pattern, see `_view_statements`
    allowed_links = dict.fromkeys(name for path in links.values() for name in (path, glob.escape(path)))
    return [
        f"SET allowed_directories = [{', '.join(map(quote, allowed))}]",
        f"SET allowed_paths = [{', '.join(map(quote, allowed_links))}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ]
