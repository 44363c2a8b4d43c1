"""The SQL functions of attlas: what the questions compute with, and open to any query. One macro to a file.

A file of `queries/functions/` has the name of its macro: comments `-- returns: ...` and, where there are some,
`-- notes: ...` and `-- source: ...`, in this order, lines of a text after the first indented, then its CREATE MACRO
without a semicolon at the end. They may call one another, and read the views: as `main.sites`, or else a CTE of whoever
calls would take their place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from attlas.queries.engine.views import quote

FOLDER = Path(__file__).parents[1] / "functions"

_HEADER = re.compile(
    r"-- returns: (?P<returns>.+\n(?:--   .+\n)*)(?:-- notes: (?P<notes>.+\n(?:--   .+\n)*))?"
    r"(?:-- source: (?P<source>.+\n(?:--   .+\n)*))?"
)
_MACRO = re.compile(r"CREATE MACRO (?P<call>(?P<name>\w+)\([\w, ]*\)) AS\b")
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
        """Whether it returns rows, and is used after FROM."""
        return f"{self.call} AS TABLE" in self.sql

    @property
    def body(self) -> str:
        """The expression or the SELECT that replaces a call of it."""
        return self.sql.removeprefix(f"CREATE MACRO {self.call} AS")


@cache
def functions() -> tuple[Function, ...]:
    """Return every function, by name."""
    return tuple(read_function(path) for path in sorted(FOLDER.glob("*.sql")))


def read_function(path: Path) -> Function:
    """Return the function of a file.

    Raises:
        ValueError: the file is not as the docstring of this module says; names the line.
    """
    text = path.read_text(encoding="utf-8")
    header = _HEADER.match(text)
    if header is None:
        raise _unreadable(path, 1, "-- returns: TEXT", text)

    begin = header.end()
    macro = _MACRO.match(text, begin)
    if macro is None or macro["name"] != path.stem:
        expected = f"-- notes: TEXT, then -- source: TEXT, then CREATE MACRO {path.stem}(PARAMETERS) AS"
        raise _unreadable(path, text.count("\n", 0, begin) + 1, expected, text)

    # One statement: the database is given each function alone. In a comment a semicolon is text.
    sql = text[begin:]
    for number, line in enumerate(text.split("\n"), start=1):
        if ";" in line and not line.lstrip().startswith("--"):
            raise _unreadable(path, number, "SQL without a semicolon", text)

    texts = ((part or "").replace("\n--", " ") for part in header.group("returns", "notes", "source"))
    returns, notes, source = (" ".join(part.split()) for part in texts)
    return Function(name=path.stem, call=macro["call"], returns=returns, notes=notes, source=source, sql=sql.strip())


def find_calls(sql: str) -> tuple[Function, ...]:
    """Return the functions that a text of SQL calls, by name."""
    names = {name.lower() for name in _call_pattern().findall(strip_comments(sql))}
    return tuple(function for function in functions() if function.name in names)


def strip_comments(sql: str) -> str:
    """Return the SQL text of a question or function without its comments, which are lines of their own."""
    return _COMMENT.sub("", sql)


def reached_from(sql: str) -> tuple[Function, ...]:
    """Return the functions that a text of SQL calls, and those that these call, each after what it calls."""
    reached: set[str] = set()
    waiting = [function.name for function in find_calls(sql)]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _calls()[name]
    return tuple(function for function in in_order() if function.name in reached)


@cache
def in_order() -> tuple[Function, ...]:
    """Return every function, each after those that it calls."""
    by_name = {function.name: function for function in functions()}
    return tuple(by_name[name] for name in TopologicalSorter(_calls()).static_order())


def function_statements() -> Iterator[str]:
    """Yield the statements that create the functions with their comments; they need the views and the table `docs`."""
    for function in in_order():
        yield function.sql
        yield comment_on_function(function)


def comment_on_function(function: Function) -> str:
    """Return the statement that comments a function with what it returns."""
    kind = "MACRO TABLE" if function.is_table else "MACRO"
    return f"COMMENT ON {kind} {function.name} IS {quote(function.returns)}"


@cache
def _calls() -> dict[str, list[str]]:
    """Return the names of the functions that each function calls, by its own name."""
    return {function.name: [called.name for called in find_calls(function.body)] for function in functions()}


@cache
def _call_pattern() -> re.Pattern[str]:
    """Return the pattern of a call of any of the functions: its name and an opening bracket."""
    return re.compile(rf"\b({'|'.join(function.name for function in functions())})\s*\(", re.IGNORECASE)


def _unreadable(path: Path, number: int, expected: str, text: str) -> ValueError:
    """Return the error for a line of the file of a function, with what was expected there."""
    line = text.split("\n")[number - 1]
    return ValueError(f"Line {number} of {path} cannot be read: expected {expected}; found {line!r}.")
