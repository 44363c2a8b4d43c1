"""A file of pairs, read: two ids a line, with a label and a score where it has them. Every line is accounted for.

The ids are as the file writes them; `planning` finds them in an atlas.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from attlas.intake.files import read_file
from attlas.intake.rows import NumberedRow, find_columns, read_tab_rows
from attlas.intake.text import numbered_lines, printable_text
from attlas.schema import InputError

EXPECTED = "a table of pairs: two accessions a line, separated by a tab, then maybe a label and a score"

_COLUMNS = {
    "accession": ("accession", "protein", "protein1", "protein_1", "protein_a", "accession1", "accession_1"),
    "partner": ("partner", "protein2", "protein_2", "protein_b", "accession2", "accession_2"),
    "label": ("label", "class"),
    "score": ("score", "combined_score", "confidence"),
}
"""Columns read, each by the names it may have in a header, in order of preference."""

_PLACES = {"accession": 0, "partner": 1, "label": 2, "score": 3}
"""Places of the columns where there is no header."""

_LONGEST_TEXT = 200
"""Characters of a line that is left out which are kept."""


@dataclass(frozen=True)
class ListedPair:
    """A pair as a line of a file names it."""

    accession: str
    """The id of the protein named before the other."""
    partner: str
    """The id of the other."""
    label: str | None
    score: float | None
    source: str
    """Name of the file."""
    line: int
    """Line of the file, from 1."""


@dataclass(frozen=True)
class LeftOutPair:
    """A line of a file that names no pair."""

    text: str
    """The line as it is written, without control characters, cut where it is long."""
    reason: str
    """Why it is left out."""
    source: str
    """Name of the file."""
    line: int
    """Line of the file, from 1."""


@dataclass(frozen=True)
class PairList:
    """The lines of a file of pairs, without comments and blank lines."""

    pairs: tuple[ListedPair, ...]
    left_out: tuple[LeftOutPair, ...]


def read_pairs(path: Path) -> PairList:
    """Read a table of pairs cut at tabs: accession, partner, and maybe a label and a score.

    A header is a line that names both proteins, such as `accession` and `partner`; its other columns may stand
    anywhere. Without one the columns are taken in this order.

    Raises:
        InputError: the file cannot be read, or holds no line but comments.
    """
    file = read_file(path, expected=EXPECTED)
    rows = list(read_tab_rows(numbered_lines(file.text)))
    if not rows:
        raise InputError(f"{file.name} holds no pairs.", expected=EXPECTED, found="only comments and blank lines")

    header = find_columns(rows[0][1], _COLUMNS)
    has_header = {"accession", "partner"} <= header.keys()
    places = header if has_header else _PLACES

    lines = [_read_row(row, places, source=file.name) for row in (rows[1:] if has_header else rows)]
    return PairList(
        pairs=tuple(line for line in lines if isinstance(line, ListedPair)),
        left_out=tuple(line for line in lines if isinstance(line, LeftOutPair)),
    )


def _read_row(row: NumberedRow, places: Mapping[str, int], *, source: str) -> ListedPair | LeftOutPair:
    """Return the pair that a row names, or why it names none."""
    line, cells = row
    values = {column: cells[place].strip() for column, place in places.items() if place < len(cells)}

    def leave_out(reason: str) -> LeftOutPair:
        return LeftOutPair(printable_text(" ".join(cells))[:_LONGEST_TEXT], reason, source, line)

    if not values.get("accession") or not values.get("partner"):
        return leave_out("the line does not name two proteins")

    score = _parse_score(values.get("score", ""))
    if score is not None and not isfinite(score):
        return leave_out(f"the score is no number: {printable_text(values['score'])[:40]}")
    return ListedPair(
        accession=printable_text(values["accession"]),
        partner=printable_text(values["partner"]),
        label=printable_text(values.get("label", "")) or None,
        score=score,
        source=source,
        line=line,
    )


def _parse_score(text: str) -> float | None:
    """Return the number that a text stands for: None for no text, not a number for anything else."""
    try:
        return float(text) if text else None
    except ValueError:
        return float("nan")
