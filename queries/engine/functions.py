"""SQL functions of ours: what the questions compute with, and whoever asks an atlas may. One macro to a file.

A file of `queries/functions/` has the name of its macro: comments `-- returns: ...` and, where there is one,
`-- source: ...`, lines of a text after the first indented, then its CREATE MACRO. They may call one another, and read
the views.
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
    r"-- returns: (?P<returns>.+\n(?:--   .+\n)*)(?:-- source: (?P<source>.+\n(?:--   .+\n)*))?"
    r"(?P<sql>CREATE MACRO (?P<call>(?P<name>\w+)\([\w, ]*\)) AS\b[^;]+)"
)


@dataclass(frozen=True)
class Function:
    """A function that DuckDB computes by an expression of its own."""

    name: str
    call: str
    """Its name with its parameters, such as `log_choose(n, k)`."""
    returns: str
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
        """What a call of it stands for."""
        return self.sql.removeprefix(f"CREATE MACRO {self.call} AS")


@cache
def functions() -> tuple[Function, ...]:
    """Return every function, by name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.sql")))


def called_in(sql: str) -> tuple[Function, ...]:
    """Return the functions that a text of SQL calls, by name."""
    return tuple(function for function in functions() if re.search(rf"\b{function.name}\(", sql))


def reached_from(sql: str) -> tuple[Function, ...]:
    """Return the functions that a text of SQL calls, and those that these call, by name."""
    found: set[Function] = set()
    waiting = [*called_in(sql)]
    while waiting:
        function = waiting.pop()
        if function not in found:
            found.add(function)
            waiting += called_in(function.body)
    return tuple(sorted(found, key=lambda function: function.name))


def function_statements() -> Iterator[str]:
    """Yield what makes the functions, those that others call first, and the comment of each; the views are there."""
    by_name = {function.name: function for function in functions()}
    calls = {function.name: [called.name for called in called_in(function.body)] for function in functions()}
    for function in map(by_name.__getitem__, TopologicalSorter(calls).static_order()):
        yield function.sql
        kind = "MACRO TABLE" if function.is_table else "MACRO"
        yield f"COMMENT ON {kind} {function.name} IS {quote(function.returns)}"


def _read(path: Path) -> Function:
    found = _FILE.fullmatch(path.read_text(encoding="utf-8"))
    if found is None or found["name"] != path.stem:
        raise ValueError(f"{path} is not as the docstring of this module says")
    texts = ((text or "").replace("\n--", " ") for text in found.group("returns", "source"))
    returns, source = (" ".join(text.split()) for text in texts)
    return Function(name=path.stem, call=found["call"], returns=returns, source=source, sql=found["sql"].strip())
