"""A figure of the report: a question with its parameters, how to put its rows into words, and how to draw them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from attlas.queries.report.pictures import Picture

Rows = Sequence[Mapping[str, Any]]
UNTESTED = "hollow: fewer than five proteins, or nearly all of one, say too little for an interval"
"""Explanation of a point without an interval, for the text below a figure."""


@dataclass(frozen=True)
class Figure:
    """A figure before its question is asked and its rows are drawn."""

    name: str
    """Short name in ASCII: the anchor in the page and the name of the files."""
    title: str
    question: str
    """Name of the question whose rows it shows."""
    parameters: Mapping[str, object]
    """Parameters of the question; the others have their defaults."""
    reading: str
    """How to read the figure: what points, lines and colours are."""
    describe: Callable[[Rows], str]
    """Puts the rows into words; every number in them is a value of a row."""
    draw: Callable[[Rows], Picture] | None = None
    """Draws the rows; None: the rows themselves are the figure."""


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    name: str
    title: str
    intro: str
    figures: tuple[Figure, ...]
    absent: tuple[str, ...] = ()
    """Sentences on figures that a reader may miss here."""


def is_significant(row: Mapping[str, Any]) -> bool:
    """Return whether the interval of a row lies above the shuffled value.

    This is so if and only if the test against that value, corrected for all rows, rejects at 5 % and p is larger.
    """
    return row["proteins_low"] is not None and bool(row["proteins_low"] > row["shuffled"])


def spell(value: float | int | None) -> str:
    """Return a value of a row as captions write it: with the digits of the row and commas between thousands."""
    if value is None:
        return "none"
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.10g}"


def spell_interval(row: Mapping[str, Any], low: str, high: str) -> str:
    """Return the interval of a row in brackets, as captions write it; empty if there is none."""
    return "" if row[low] is None else f" ({spell(row[low])} to {spell(row[high])})"


def spell_threshold(theta: float | None, whose: str) -> str:
    """Return the threshold of edges in words; if it is unknown, `whose` threshold it is."""
    return f"{whose}'s threshold or more" if theta is None else f"{spell(theta)} or more"


def make_slug(text: str) -> str:
    """Return a text as part of a name of a file or an anchor: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "label"


def make_slugs(texts: Sequence[str]) -> list[str]:
    """Return a slug for each text, no two alike."""
    names: list[str] = []
    for text in texts:
        name = make_slug(text)
        numbered = (f"{name}-{n}" for n in count(2))
        names.append(name if name not in names else next(choice for choice in numbered if choice not in names))
    return names


def shared_value(rows: Rows, column: str) -> Any:
    """Return the value of a column that is the same in every row."""
    return rows[0][column]
