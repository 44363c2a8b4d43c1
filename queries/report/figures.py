"""A figure of the report: a question with its parameters, what its rows say in words, and how they are drawn."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from attlas.queries.report.pictures import Picture

Rows = Sequence[Mapping[str, Any]]
UNTESTED = "hollow: fewer than five proteins, or nearly all of one, say too little for an interval"
"""What a point without an interval is drawn as, for the text below a figure."""


@dataclass(frozen=True)
class Figure:
    """A figure before it is asked and drawn."""

    name: str
    """Short name in ASCII: anchor in the page and name of its files."""
    title: str
    question: str
    """Name of the question whose rows it shows."""
    given: Mapping[str, object]
    """Parameters of the question; the others have their defaults."""
    reading: str
    """How to read it."""
    says: Callable[[Rows], str]
    """What it says here, in words; every number in it is a value of the rows."""
    draw: Callable[[Rows], Picture] | None = None
    """None: the rows themselves are the figure."""


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    name: str
    title: str
    intro: str
    figures: tuple[Figure, ...]
    absent: tuple[str, ...] = field(default=())
    """Why figures that a reader may look for are not among them, in sentences."""


def is_significant(row: Mapping[str, Any]) -> bool:
    """Return whether the interval of a row lies above the shuffled.

    It does if and only if the test against the shuffled, corrected for all rows, rejects at 5 % and p is larger.
    """
    return row["proteins_low"] is not None and bool(row["proteins_low"] > row["shuffled"])


def number(value: float | int | None) -> str:
    """Return a value of a row as a caption says it: the digits of the row, thousands apart."""
    if value is None:
        return "none"
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.10g}"


def interval(row: Mapping[str, Any], low: str, high: str) -> str:
    """Return the interval of a row in brackets, as a caption says it; nothing where there is none."""
    return "" if row[low] is None else f" ({number(row[low])} to {number(row[high])})"


def at_least(theta: float | None, whose: str) -> str:
    """Return the attention from which on a pair counts as an edge, in words; `whose` it is where it is not known."""
    return f"{whose}'s threshold or more" if theta is None else f"{number(theta)} or more"


def slug(text: str) -> str:
    """Return a text as part of a name of a file or an anchor: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "label"


def slugs(texts: Sequence[str]) -> list[str]:
    """Return a slug for each text, no two alike."""
    names: list[str] = []
    for text in texts:
        name = slug(text)
        numbered = (f"{name}-{n}" for n in count(2))
        names.append(name if name not in names else next(other for other in numbered if other not in names))
    return names


def first(rows: Rows, column: str) -> Any:
    """Return a column of the first row, for what is the same in every row."""
    return rows[0][column]
