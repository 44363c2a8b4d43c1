"""A table of contacts between proteins → records: accession, partner, i and j, and maybe the letters and a distance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from attlas.intake.rejects import Problem, Reason
from attlas.intake.rows import column_key, find_columns, split_row
from attlas.pipeline.annotate.readers.text_rows import first_row_line, text_rows

CONTACT_TABLE = "contacts"
"""The name of the format."""

_COLUMNS = {
    "accession": ("accession", "protein", "protein_id", "uniprot"),
    "partner": ("partner", "partner_accession"),
    "i": ("i", "position"),
    "j": ("j", "partner_position"),
    "residue": ("residue", "aa"),
    "partner_residue": ("partner_residue", "partner_aa"),
    "distance": ("distance",),
}
"""Columns read, each by the names it may have, in order of preference."""
_NEEDED = ("accession", "partner", "i", "j")


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A contact as a table writes it; positions and distance are still text."""

    accession: str
    partner: str
    i: str
    j: str
    residue: str | None
    """Letter at i, where the table has one."""
    partner_residue: str | None
    distance: str
    """Empty where the table has none."""
    line: int
    problem: Problem | None = None
    """Why it cannot be used for any proteins."""


def is_contact_table(line: str) -> bool:
    """Tell whether a line is the header of such a table."""
    keys = {column_key(cell) for cell in split_row(line, _delimiter(line))}
    return "partner" in keys and _places(split_row(line, _delimiter(line))) is not None


def read_contacts(path: Path) -> Iterator[ContactRecord]:
    """Yield a table of contacts row by row; its first line is its header. Raises InputError as `text_rows`."""
    places: Mapping[str, int] | None = None
    n_columns = 0
    for line, row in text_rows(path, _delimiter(first_row_line(path))):
        if places is None:
            places, n_columns = _places(row) or {}, len(row)
        else:
            yield _record(row, places, n_columns, line)


def _places(row: Sequence[str]) -> dict[str, int] | None:
    """Return the places of the columns that a header names; None if it lacks one."""
    places = find_columns(row, _COLUMNS)
    return places if set(_NEEDED) <= places.keys() else None


def _record(row: Sequence[str], places: Mapping[str, int], n_columns: int, line: int) -> ContactRecord:
    cells = {column: row[place].strip() if place < len(row) else "" for column, place in places.items()}
    problem = None
    if len(row) != n_columns:
        problem = Problem(Reason.UNREADABLE_LINE, f"{len(row)} columns where its header has {n_columns}")

    return ContactRecord(
        accession=cells["accession"],
        partner=cells["partner"],
        i=cells["i"],
        j=cells["j"],
        residue=cells.get("residue") or None,
        partner_residue=cells.get("partner_residue") or None,
        distance=cells.get("distance", ""),
        line=line,
        problem=problem,
    )


def _delimiter(line: str) -> str:
    return max("\t,;", key=line.count)
