"""The SQL shell without its terminal: statements up to their `;`, dot-commands, completions, texts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from attlas.queries.engine.functions import functions
from attlas.queries.engine.views import DOCS, PROVENANCE, docs_rows
from attlas.queries.provenance import provenance_rows
from attlas.queries.text import Layout, counted, printable
from attlas.schema import TABLES, Manifest, QuestionError

COMMANDS = {
    ".tables": "the tables, with their number of rows",
    ".schema [TABLE]": "the columns of a table, or of all: type, unit and what each says",
    ".functions": "the functions that the questions share, for any query",
    ".mode table|csv|tsv|json": "how answers are printed",
    ".timer on|off": "say how long each query took",
    ".timeout SECONDS": "stop a query after so long; 0 is no limit",
    ".help": "this list",
    ".quit": "leave; Ctrl-D does, too",
}
"""What a line that begins with a dot can say."""
WORDS = {
    "quit": ".quit",
    "exit": ".quit",
    ".exit": ".quit",
    "\\q": ".quit",
    "help": ".help",
    "?": ".help",
    "\\?": ".help",
}
"""What other shells call these, as a line of its own."""
KEYWORDS = """
    SELECT FROM WHERE GROUP BY ORDER HAVING QUALIFY LIMIT DISTINCT AS AND OR NOT IN IS NULL BETWEEN LIKE ILIKE CASE WHEN
    THEN ELSE END JOIN LEFT FULL INNER CROSS SEMI ANTI USING ON WITH UNION ALL EXCEPT INTERSECT OVER PARTITION WINDOW
    FILTER DESC ASC NULLS LAST SAMPLE PIVOT UNPIVOT DESCRIBE SUMMARIZE SHOW TABLES EXPLAIN ANALYZE VALUES UNNEST CAST
    COUNT SUM AVG MIN MAX MEDIAN STDDEV QUANTILE_CONT CORR ARG_MAX ARG_MIN ROUND ABS LN SQRT GREATEST LEAST COALESCE
    ROW_NUMBER RANK NTILE LAG LEAD LIST STRING_AGG LIST_AGGREGATE LEN SUBSTR UPPER LOWER REGEXP_MATCHES HISTOGRAM
"""
"""What Tab completes besides names of tables and columns."""
INDENT = "  "

_PIECE = re.compile(
    r"""(?P<end>;)
    | (?P<text>(?<!\w)[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<gap>--[^\n]*(?:\n|\Z) | /\*.*?\*/ | \s+)
    | (?P<open>['"] | /\*)
    | (?P<other>\w+ | .)""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Input:
    """The text typed so far, split into statements."""

    statements: tuple[str, ...]
    """Those that end with `;`, without it; empty ones are left out."""
    unfinished: str
    """What follows the last `;`; empty if that is only space and comments."""

    @classmethod
    def of(cls, text: str) -> Self:
        """Split a text at every `;` outside strings, quoted names and comments."""
        statements: list[str] = []
        start, is_empty = 0, True

        for piece in _PIECE.finditer(text):
            if piece["open"]:
                return cls(tuple(statements), text[start:])
            if piece["end"]:
                statements += [] if is_empty else [text[start : piece.start()].strip()]
                start, is_empty = piece.end(), True
            elif not piece["gap"]:
                is_empty = False

        return cls(tuple(statements), "" if is_empty else text[start:])


def banner_lines(name: str, manifest: Manifest) -> Iterator[str]:
    """Yield the greeting of the shell: the atlas, its contents, and where to begin."""
    run, counts = manifest.run, manifest.counts
    outcomes = f"{counts.n_ok:,} ok, {counts.n_skipped:,} skipped, {counts.n_failed:,} failed"
    yield printable(f"{name}: {counted(counts.n_requested, 'protein')} ({outcomes}), {counted(counts.n_sites, 'site')}")
    yield printable(f"{run.model}, {run.n_layers} layers x {run.n_heads} heads, rule {run.rule}")
    yield f"FROM {DOCS}; tells every column, FROM {PROVENANCE}; where the numbers are from. A query ends with ;"
    yield "Tab completes, Ctrl-C stops a query, .help lists the commands, .quit leaves."


def help_lines() -> Iterator[str]:
    """Yield the commands."""
    width = max(map(len, COMMANDS))
    yield from (f"{command:<{width}}  {says}" for command, says in COMMANDS.items())


def tables_lines(manifest: Manifest, width: int | None = None) -> Iterator[str]:
    """Yield the tables with the number of stored rows and what a row is, folded into `width` characters if given."""
    rows = [(t.name, f"{manifest.of_table(t).n_rows:,}", t.doc) for t in TABLES]
    rows.append((DOCS, f"{len(docs_rows(1)):,}", "A column of these tables: type, unit and what it says."))
    rows.append((PROVENANCE, f"{len(provenance_rows(manifest)):,}", "A fact about where the numbers are from."))
    yield from Layout.of(("table", "rows stored", "a row is"), rows).lines(rows, width)


def schema_lines(manifest: Manifest, table: str | None, width: int | None = None) -> Iterator[str]:
    """Yield the columns of one table, or of all, folded into `width` characters if given.

    Raises:
        QuestionError: there is no such table; lists those there are.
    """
    names = [t.name for t in TABLES]
    if table is not None and table not in names:
        raise QuestionError(f"There is no table {table} to describe.", expected=", ".join(names))

    for name in names if table is None else [table]:
        rows = [row[1:] for row in docs_rows(manifest.run.n_layers) if row[0] == name]
        yield f"{name}:"
        layout = Layout.of(("column", "type", "unit", "doc"), rows)
        yield from (f"{INDENT}{line}" for line in layout.lines(rows, None if width is None else width - len(INDENT)))


def functions_lines(width: int | None = None) -> Iterator[str]:
    """Yield the functions of attlas with what each returns, folded into `width` characters if given."""
    rows = [(function.call, function.returns) for function in functions()]
    yield from Layout.of(("function", "what it returns"), rows).lines(rows, width)


def completions(word: str, line: str) -> list[str]:
    """Return the completions of `word`, the last of `line`: commands after a dot, else names, then keywords."""
    if line.startswith(".") and " " not in line.lstrip():
        return [command.split()[0] for command in COMMANDS if command.startswith(line)]
    tables = [t.name for t in TABLES] + [DOCS, PROVENANCE]
    columns = [column.name for t in TABLES for column in t.columns]
    names = dict.fromkeys([*tables, *columns, *(function.name for function in functions())])
    keywords = (KEYWORDS if word.isupper() else KEYWORDS.lower()).split()
    return [name for name in [*names, *keywords] if word and name.startswith(word)]
