"""SQL functions of ours: what the questions compute with, and whoever asks an atlas may. One macro to a file.

A file of `queries/functions/` has the name of its macro: comments `-- returns: ...` and, where there is one,
`-- source: ...`, lines of a text after the first indented, then its CREATE MACRO. They are made in the order of their
names, so one may call those before it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
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


@cache
def functions() -> tuple[Function, ...]:
    """Return every function, by name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.sql")))


def function_statements() -> Iterator[str]:
    """Yield what makes the functions, and the comment of each."""
    for function in functions():
        yield function.sql
        yield f"COMMENT ON MACRO {function.name} IS {quote(function.returns)}"


def _read(path: Path) -> Function:
    found = _FILE.fullmatch(path.read_text(encoding="utf-8"))
    if found is None or found["name"] != path.stem:
        raise ValueError(f"{path} is not as the docstring of this module says")
    texts = ((text or "").replace("\n--", " ") for text in found.group("returns", "source"))
    returns, source = (" ".join(text.split()) for text in texts)
    return Function(name=path.stem, call=found["call"], returns=returns, source=source, sql=found["sql"].strip())
