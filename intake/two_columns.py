"""A table of two columns: an id and a value, such as an accession and its family. Each line is read, or told.

Columns are separated by tabs or commas. A first line whose first cell is the name of a column is a header; blank lines
and comments (`#`) are skipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attlas.intake.files import read_file
from attlas.intake.rejects import Account, Reason, Record, Rejected
from attlas.intake.rows import split_row
from attlas.intake.text import content_lines, numbered_lines
from attlas.schema import InputError

_HEADER_WORDS = {"accession", "protein", "protein_id", "uniprot", "entry", "id", "group", "cluster", "representative"}


@dataclass(frozen=True)
class TableLine:
    """A line of a table of two columns."""

    number: int
    id: str
    value: str


def read_two_columns(path: Path, *, expected: str) -> tuple[list[TableLine], list[Rejected], str]:
    """Return the lines of a table of two columns, those that are none, and the SHA-256 of the file.

    Raises:
        InputError: the file cannot be read, or has no line of two columns.
    """
    file = read_file(path, expected=expected)
    rows = list(content_lines(numbered_lines(file.text)))
    is_of_tabs = any("\t" in line for _, line in rows)

    lines, rejected = [], []
    for place, (number, text) in enumerate(rows):
        cells = [cell.strip() for cell in split_row(text, "\t" if is_of_tabs else ",")]
        while len(cells) > 2 and not cells[-1]:
            cells.pop()
        if place == 0 and is_header(cells[0]):
            continue
        if len(cells) != 2 or not cells[0]:
            record = Record(id=cells[0] if cells else "", line=number)
            detail = f"{len(cells)} columns in place of 2" if len(cells) != 2 else "no id in the first column"
            rejected.append(Rejected(Reason.UNREADABLE_LINE, record, detail))
            continue
        lines.append(TableLine(number, *cells))

    if not lines:
        account = Account()
        for item in rejected:
            account.add(item)
        raise InputError(
            f"{file.name} has no line that can be used.",
            expected=expected,
            found=_first_text(rows) if rejected else f"a header alone: {_first_text(rows)}",
            offenders=list(account.lines()),
        )
    return lines, rejected, file.sha256


def read_names(path: Path, *, expected: str) -> list[tuple[str, str]]:
    """Return the two names of each line of a table, such as a protein and its cluster.

    Raises:
        InputError: as `read_two_columns`, or a line does not have two names.
    """
    lines, rejected, _ = read_two_columns(path, expected=expected)
    without_names = {item.record.line or 0: item.detail for item in rejected}
    without_names |= {line.number: f"{line.id} alone" for line in lines if not line.value}
    if without_names:
        offenders = [f"line {number}: {detail}" for number, detail in sorted(without_names.items())]
        raise InputError(f"Lines of {path.name} do not have two names.", expected=expected, offenders=offenders)
    return [(line.id, line.value) for line in lines]


def is_header(cell: str) -> bool:
    """Return whether the first cell of a first line is the name of a column."""
    return cell.lower().replace(" ", "_") in _HEADER_WORDS


def _first_text(rows: Sequence[tuple[int, str]]) -> str:
    return rows[0][1][:80] if rows else "no line"
