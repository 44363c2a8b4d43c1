"""Errors for queries that DuckDB cannot answer: the query with the place, the reason, and the columns there are."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import duckdb

from attlas.queries.engine.database import Database
from attlas.queries.engine.running import telling_interrupts
from attlas.queries.engine.views import DOCS
from attlas.queries.lookup.network_errors import fault_in
from attlas.queries.text import printable
from attlas.schema import BrokenAtlasError, EnvironmentFault, Fault, QuestionError

LINES_SHOWN = 8
"""Lines of a long query shown before and after the place of an error."""
LINE_SHOWN = 500
"""Characters of a long line shown."""
VALUE_ERRORS = ("Invalid Input Error", "Conversion Error", "Out of Range Error")
"""How the reasons of errors begin that are about a value: a list of the columns would not help."""
NO_OTHER_FILES = (
    "SQL reads the files of the atlas and no others; to join tables of yours, `attlas export DIR duckdb -o FILE`, "
    "open FILE in DuckDB and attach yours"
)
LISTING = """
SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE NOT internal
GROUP BY table_name ORDER BY table_name
"""

_PLACE = re.compile(r"\n+LINE (\d+): (.*)\n( *)(\^+)[ ]*\s*\Z")
_IS_DAMAGE = re.compile(r"TProtocol|Parquet|ZSTD|Invalid Input Error: No magic bytes|too small to be a Parquet")


@dataclass(frozen=True)
class ErrorPlace:
    """The place of an error in a query."""

    line: int
    """From 1."""
    text: str
    """The line as DuckDB shows it, the far ends of a long one left out."""
    indent: int
    """Columns of `text` before the carets."""
    carets: str

    @classmethod
    def of(cls, error: str, *, lines_before: int = 0) -> Self | None:
        """Return the place that the text of an error ends with; None if it names none."""
        match = _PLACE.search(error)
        if match is None:
            return None

        indent = max(len(match[3]) - len(f"LINE {match[1]}: "), 0)
        text, n_tabs = match[2], 0
        while (n := text[: indent + n_tabs + 1].count("\t")) > n_tabs:  # DuckDB gives a tab no width
            n_tabs = n
        return cls(int(match[1]) - lines_before, text.replace("\t", " "), indent + n_tabs, match[4])


@telling_interrupts()  # it asks DuckDB for the place and the columns
def query_fault(database: Database, query: str, error: Exception, parameters: object) -> Fault:
    """Return the error for a query that failed with `error`."""
    text = str(error)
    reason = _PLACE.sub("", text).strip()
    if fault := fault_in(text):
        return fault

    # Faults of the machine or of the files are no fault of the query.
    if "Out of Memory Error" in reason:
        return _too_large(query, reason)
    if "No space left on device" in reason:
        hint = "point TMPDIR to a disk with more space: a query that outgrows memory goes there"
        return EnvironmentFault("The disk is full.", found=_first_line(reason), hint=hint)
    if _is_broken(error, reason):
        hint = "see `attlas verify` for every file that differs"
        return BrokenAtlasError("A table of this atlas cannot be read.", found=_first_line(reason), hint=hint)

    place = ErrorPlace.of(text) or _explained_place(database.connection, query, error, parameters)
    return QuestionError(
        f"This query cannot be answered:\n{query_excerpt(query, place)}",
        found="\n".join(f"    {_cut(line)}".rstrip() for line in reason.splitlines() if line.strip()).lstrip(),
        hint=_hint(database, query, reason),
    )


def out_of_time(query: str, timeout_s: float, *, is_stopped: bool = True) -> QuestionError:
    """Return the error for a query that was stopped by its time limit, or that cannot be stopped."""
    if not is_stopped:
        return QuestionError(
            f"This query went past {timeout_s:g} s, its time limit, and cannot be stopped:\n{query_excerpt(query)}",
            hint="it works until this process ends; ask for shorter texts and lists: one value holds it up",
        )

    return QuestionError(
        f"This query was stopped after {timeout_s:g} s, its time limit:\n{query_excerpt(query)}",
        hint="check its joins, ask less of it (WHERE, LIMIT), or give it more time (--timeout, timeout_s=)",
    )


def tables_not_opened(query: str, timeout_s: float) -> QuestionError:
    """Return the error for a query whose tables could not be opened within its time limit."""
    return QuestionError(
        f"The tables of this query could not be opened within {timeout_s:g} s, its time limit:\n{query_excerpt(query)}",
        hint="see whether the server of the atlas answers, or give it more time (--timeout, timeout_s=)",
    )


def query_excerpt(query: str, place: ErrorPlace | None = None) -> str:
    """Return the query, indented, with carets below the place where it went wrong; far lines are left out."""
    lines = [_cut(line.replace("\t", " ")) for line in query.rstrip().split("\n")]
    at = 0
    if place is not None and place.line <= len(lines):
        at = place.line - 1
        lines[at] = f"{printable(place.text)}\n    {' ' * place.indent}{place.carets}"

    first_line, last_line = max(at - LINES_SHOWN, 0), at + LINES_SHOWN + 1
    window = [
        *(["..."] if first_line else []),
        *lines[first_line:last_line],
        *(["..."] if last_line < len(lines) else []),
    ]
    return "\n".join(f"    {line}" for line in window).strip("\n")


def _cut(line: str) -> str:
    return printable(line if len(line) <= LINE_SHOWN else f"{line[:LINE_SHOWN]}... ({len(line):,} characters)")


def _too_large(query: str, reason: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"This query needs more memory, or more disk to spill to, than it may take:\n{query_excerpt(query)}",
        found=printable(_first_line(reason)),
        hint="give it more (--memory 8GB, memory_limit=; TMPDIR for the disk), or ask for less: fewer columns, WHERE, "
        "no ORDER BY over whole tables",
    )


def _is_broken(error: Exception, reason: str) -> bool:
    if isinstance(error, (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)):
        return False  # they repeat words of the query
    if "No files found that match" in reason or "Permission Error" in reason:
        return False  # a path of the query's own
    return isinstance(error, duckdb.IOException) or _IS_DAMAGE.search(_first_line(reason)) is not None


def _explained_place(
    connection: duckdb.DuckDBPyConnection, query: str, error: Exception, parameters: object
) -> ErrorPlace | None:
    """Return the place that EXPLAIN names for the same error, because streaming leaves it out of some errors."""
    if not isinstance(error, (duckdb.BinderException, duckdb.CatalogException, duckdb.IOException)):
        return None

    try:
        connection.cursor().execute(f"EXPLAIN\n{query}", parameters).fetchall()
    except duckdb.Error as plain_error:
        place = ErrorPlace.of(str(plain_error), lines_before=1) if type(plain_error) is type(error) else None
        return place if place is not None and place.line > 0 else None  # some point at the EXPLAIN itself
    return None


def _hint(database: Database, query: str, reason: str) -> str | None:
    if "Permission Error" in reason:
        return NO_OTHER_FILES
    return None if reason.startswith(VALUE_ERRORS) else _columns_hint(database, query)


def _columns_hint(database: Database, query: str) -> str:
    return f"the columns there are (see also `FROM {DOCS}`):\n" + "\n".join(_columns_near(database, query))


def _columns_near(database: Database, query: str) -> Iterator[str]:
    """Yield a line of columns for each table the query names, for every table if it names none."""
    with suppress(Fault):  # the columns of tables that cannot be read are not listed
        database.definitions.make_views()

    words = set(re.findall(r"\w+", query.lower()))
    tables = dict(database.connection.cursor().execute(LISTING).fetchall())
    columns_of = {name: columns for name, columns in tables.items() if name in words} or tables
    return (f"    {name}: {', '.join(columns)}" for name, columns in columns_of.items())


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else text
