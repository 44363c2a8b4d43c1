"""Tables of text → rows: comma, tab, semicolon or blanks between columns, with a header line or without."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attlas.queries.comparing.claims import UNREADABLE, Row
from attlas.queries.comparing.columns import expected, roles, row_of
from attlas.queries.comparing.file_text import LINE_END
from attlas.queries.comparing.positions import is_position, whole_number
from attlas.schema import InputError

Line = tuple[int, list[str]]
"""Number of a line, from 1, and its cells."""

_WITH_BLANKS = re.compile(r"\S+[ ]+[\[(]?[A-Za-z]?\d")
_LETTER = re.compile(r"[A-Za-z]|[A-Za-z]{3}")


def read(text: str, path: Path) -> Iterator[Row]:
    """Yield the rows of a table: a line per site, or a line per protein with its positions in one or many cells.

    Raises:
        InputError: it lacks a column, or has no row.
    """
    lines = _lines(text, path)
    places = roles(lines[0][1])
    if {"accession", "position"} <= set(places):
        return _rows(lines[1:], places, width=len(lines[0][1]), path=path)
    places = _without_header(lines, path)
    return _rows(lines, places, width=max(places.values()) + 1, path=path)


def read_layers(text: str, path: Path) -> Iterator[tuple[int, str, int | None]]:
    """Yield line, protein and layer of a table of layers; None for a cell that is none.

    Raises:
        InputError: it lacks a column, or has no row.
    """
    lines = _lines(text, path)
    places = roles(lines[0][1])
    if {"accession", "layer"} <= set(places):
        lines = lines[1:]
    elif len(lines[0][1]) == 2 and whole_number(lines[0][1][1]) is not None:
        places = {"accession": 0, "layer": 1}
    else:
        raise _lacking(path, lines[0][1], "accession", "layer")
    for number, cells in lines:
        values = {role: cells[at] for role, at in places.items() if at < len(cells)}
        yield number, values.get("accession", "").strip(), whole_number(values.get("layer"))


def _lines(text: str, path: Path) -> list[Line]:
    plain = [(n, line) for n, line in enumerate(re.split(LINE_END, text), start=1) if _says_something(line)]
    if not plain:
        raise InputError(f"{path.name} holds no row.", expected="a table of sites")
    numbers = [n for n, _ in plain]
    sign = _delimiter(plain[0][1])
    # Strict: a quote that is not closed would make one row of all that follow.
    rows = csv.reader((line for _, line in plain), delimiter=sign, skipinitialspace=True, strict=True)
    found, before = [], 0
    try:
        for row in rows:
            found.append((numbers[before], row))  # a quoted cell may go over several lines
            before = rows.line_num
    except csv.Error as error:
        at = numbers[min(before, len(numbers) - 1)]
        raise InputError(
            f"{path.name} is no such table.", found=f"line {at:,}: {error}", hint="are its quotes closed?"
        ) from error
    return found


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _delimiter(line: str) -> str:
    """Return what stands between columns: what comes first in the line, for lists may use the others."""
    if "\t" in line:
        return "\t"
    if _WITH_BLANKS.match(line):
        return " "
    first = min((line.find(sign), sign) for sign in ",;" if sign in line) if set(line) & set(",;") else None
    return first[1] if first else " "


def _without_header(lines: Sequence[Line], path: Path) -> dict[str, int]:
    """Return the places of the columns of a table whose first line is a row already."""
    first = lines[0][1]
    widths = {len(cells) for _, cells in lines}
    if len(first) == 3 and widths == {3} and is_position(first[1]) and _LETTER.fullmatch(first[2].strip()):
        return {"accession": 0, "position": 1, "residue": 2}
    if len(first) < 2 or not all(map(is_position, first[1:])) or roles(first):
        raise _lacking(path, first, "accession", "position")
    if widths != {2} and len(widths) == 1:
        raise InputError(
            f"The columns of {path.name} have no names.",
            expected="a header line, or a protein and its positions in one cell",
            found=", ".join(first)[:80],
            hint="put `accession,positions` above it if all but the first are positions",
        )
    return {"accession": 0, "position": 1}


def _rows(lines: Sequence[Line], places: dict[str, int], *, width: int, path: Path) -> Iterator[Row]:
    if not lines:
        raise InputError(f"{path.name} holds a header line and no row.", expected="a table of sites")
    is_last = places["position"] == width - 1
    for number, cells in lines:
        if len(cells) > width and is_last:  # a list whose commas are those between the columns
            cells = [*cells[: width - 1], " ".join(cells[width - 1 :])]
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            id = cells[places["accession"]].strip() if places["accession"] < len(cells) else ""
            yield Row(id, (), number, problem=(UNREADABLE, f"{len(cells)} columns instead of {width}"))
            continue
        yield row_of({role: cells[at] for role, at in places.items()}, number)


def _lacking(path: Path, found: Sequence[str], *needed: str) -> InputError:
    return InputError(
        f"{path.name} lacks a column.",
        expected=f"a header line with {expected(*needed)}",
        found=", ".join(found)[:120],
        hint="name the columns; see `attlas compare --help` for the forms that are read",
    )
