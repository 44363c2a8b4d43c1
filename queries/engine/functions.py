"""The SQL functions of attlas: what the questions compute with, and open to any query. One macro to a file.

A file of `queries/functions/` has the name of its macro: comments `-- returns: ...` and, where there are some,
`-- notes: ...` and `-- source: ...`, lines of a text after the first indented, then its CREATE MACRO. They may call one
another, and read the views: as `main.sites`, or else a CTE of whoever calls would take their place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from attlas.queries.engine.views import quote

FOLDER = Path(__file__).parents[1] / "functions"

_FILE = re.compile(
    r"-- returns: (?P<returns>.+\n(?:--   .+\n)*)(?:-- notes: (?P<notes>.+\n(?:--   .+\n)*))?"
    r"(?:-- source: (?P<source>.+\n(?:--   .+\n)*))?"
    r"(?P<sql>CREATE MACRO (?P<call>(?P<name>\w+)\([\w, ]*\)) AS\b[^;]+)"
)

_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Function:
    """A function that DuckDB computes by an expression of its own."""

    name: str
    call: str
    """Its name with its parameters, such as `log_choose(n, k)`."""
    returns: str
    notes: str
    """Of parameters and columns; may be empty."""
    source: str
    """Where the method is from; may be empty."""
    sql: str
    """The CREATE MACRO."""

    @property
    def is_table(self) -> bool:
        """It returns rows, and stands after FROM."""
        return f"{self.call} AS TABLE" in self.sql

    @property
    def body(self) -> str:
        """The expression or the SELECT that a call of it stands for."""
        return self.sql.removeprefix(f"CREATE MACRO {self.call} AS")


@cache
def functions() -> tuple[Function, ...]:
    """Return every function, by name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.sql")))


def called_in(sql: str) -> tuple[Function, ...]:
    """Return the functions that a text of SQL calls, by name."""
    code = without_comments(sql)
    return tuple(function for function in functions() if re.search(rf"\b{function.name}\s*\(", code, re.IGNORECASE))


def without_comments(sql: str) -> str:
    """Return the SQL text of a question or function without its comments, which are lines of their own."""
    return _COMMENT.sub("", sql)


def reached_from(sql: str) -> tuple[Function, ...]:
    """Return the functions that a text of SQL calls, and those that these call, each after what it calls."""
    reached: set[Function] = set()
    waiting = [*called_in(sql)]
    while waiting:
        function = waiting.pop()
        if function not in reached:
            reached.add(function)
            waiting += called_in(function.body)
    return tuple(function for function in _in_order() if function in reached)


def function_statements() -> Iterator[str]:
    """Yield the statements that create the functions with their comments; they need the views and the table `docs`."""
    for function in _in_order():
        yield function.sql
        kind = "MACRO TABLE" if function.is_table else "MACRO"
        yield f"COMMENT ON {kind} {function.name} IS {quote(function.returns)}"


@cache
def _in_order() -> tuple[Function, ...]:
    """Return every function, each after those that it calls."""
    by_name = {function.name: function for function in functions()}
    calls = {function.name: [called.name for called in called_in(function.body)] for function in functions()}
    return tuple(by_name[name] for name in TopologicalSorter(calls).static_order())


def _read(path: Path) -> Function:
    match = _FILE.fullmatch(path.read_text(encoding="utf-8"))
    if match is None or match["name"] != path.stem:
        raise ValueError(f"{path} is not as the docstring of this module says")

    texts = ((text or "").replace("\n--", " ") for text in match.group("returns", "notes", "source"))
    returns, notes, source = (" ".join(text.split()) for text in texts)
    return Function(
        name=path.stem, call=match["call"], returns=returns, notes=notes, source=source, sql=match["sql"].strip()
    )
