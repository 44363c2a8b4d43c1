"""One SELECT on the database of an atlas: its rows as a stream, and what goes wrong as an error of attlas."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import duckdb
import pyarrow as pa

from attlas.queries.engine.comparisons import TREE
from attlas.queries.engine.database import Database, Parameters
from attlas.queries.engine.errors import out_of_time, query_fault, tables_not_opened
from attlas.queries.engine.running import OutOfTime, Running
from attlas.queries.engine.statements import check_statement
from attlas.schema import Fault, QuestionError

BATCH_ROWS = 16_384
"""Rows of a record batch."""
_EXPLAIN = re.compile(r"^\s*EXPLAIN(\s+ANALYZE)?\b", re.IGNORECASE)
"""What stands before a query whose plan is asked for; DuckDB serializes the query alone."""


def select(
    database: Database,
    query: str,
    parameters: Parameters = None,
    *,
    tables: Mapping[str, pa.Table] | None = None,
    timeout_s: float | None = None,
) -> pa.RecordBatchReader:
    """Run one SELECT and return its rows as a stream of record batches.

    `tables` are tables of the caller's, by the names that the query calls them; no other query sees them.
    `timeout_s` counts while tables are opened, over a network perhaps, and while DuckDB works, not while the rows are
    used; None is no limit. Ctrl-C stops the query.

    Raises:
        QuestionError: it is not one SELECT that only reads, DuckDB cannot answer it, or the time is over; also while
            the rows are read, for what only shows then.
        EnvironmentFault: it needs more memory, or more disk to spill to, than it may take.
    """
    definitions = database.definitions
    cursor = database.connection.cursor()  # one per query: a cursor holds one result, and threads may not share it

    def open_tables() -> str:
        for name, rows in (tables or {}).items():
            cursor.register(name, rows)

        own_names = {name.lower() for name in tables or {}}
        statement = check_statement(cursor, query)
        (tree,) = cursor.execute(TREE, {"query": _EXPLAIN.sub("", query)}).fetchall()[0]
        views = database.views_for(query, tree, parameters)
        own_views = {name: view for name, view in views.items() if name not in own_names}
        definitions.make_named_in(query, own_views=own_views, own_tables=own_names)
        for view in own_views.values():
            cursor.execute(view)
        return statement

    def begin(statement: str) -> pa.RecordBatchReader:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        return cursor.sql(statement, params=parameters).to_arrow_reader(BATCH_ROWS)

    def start(statement: str) -> pa.RecordBatchReader:
        try:
            return begin(statement)
        except duckdb.CatalogException:
            # A function named in another way than its plain text; or none there is, and DuckDB names one like it.
            if not definitions.make_all():
                raise
            cursor.rollback()
        return begin(statement)

    _refuse_what_is_no_text(query)
    opening = Running(None, timeout_s)  # no interrupt reaches who reads footers over a network
    with _failing(database, query, parameters, timeout_s):
        try:
            statement = opening.call(open_tables)
        except OutOfTime:
            raise tables_not_opened(query, timeout_s or 0) from None

        running = Running(cursor, opening.left_s)
        reader = running.call(lambda: start(statement))

    batches = _batches(reader, running, lambda: _failing(database, query, parameters, timeout_s))
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
def _failing(database: Database, query: str, parameters: Parameters, timeout_s: float | None) -> Iterator[None]:
    """Turn errors of DuckDB into errors of attlas."""
    try:
        yield
    except OutOfTime as late:
        raise out_of_time(query, timeout_s or 0, is_stopped=late.is_stopped) from None
    except Fault:
        raise
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # pyarrow turns the error of a stream into an OSError
        raise query_fault(database, query, error, parameters) from error


def _refuse_what_is_no_text(query: str) -> None:
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise QuestionError("This query is no UTF-8 text.", found=f"{query[error.start : error.end]!a}") from error
