"""Tables of text → rows: comma, tab, semicolon or blanks between columns, with a header line or without."""

import re
from collections.abc import Iterator, Mapping, Sequence

from attlas.intake.files import HandedFile
from attlas.intake.rejects import Problem, Reason
from attlas.intake.rows import NumberedRow, read_quoted_rows
from attlas.intake.text import content_lines, numbered_lines
from attlas.queries.comparing.columns import expected_columns, read_row, site_columns
from attlas.queries.comparing.positions import is_position, whole_number
from attlas.queries.comparing.published import PublishedRow
from attlas.schema import InputError

_WITH_BLANKS = re.compile(r"\S+[ ]+[\[(]?[A-Za-z]?\d")
"""A line of an id, blanks and a position."""
_LETTER = re.compile(r"[A-Za-z]|[A-Za-z]{3}")


def read_delimited(file: HandedFile) -> Iterator[PublishedRow]:
    """Yield the rows of a table: a line per site, or a line per protein with its positions in one or many cells.

    Raises:
        InputError: it lacks a column, or has no row.
    """
    rows = _table_rows(file)
    header = rows[0][1]
    places = site_columns(header)
    if {"accession", "position"} <= set(places):
        return _published_rows(rows[1:], places, n_columns=len(header), name=file.name)
    places = _places_without_header(rows, file.name)
    return _published_rows(rows, places, n_columns=max(places.values()) + 1, name=file.name)


def read_layers(file: HandedFile) -> Iterator[tuple[int, str, int | None]]:
    """Yield line, protein and layer of a table of layers; None for a cell that is no layer.

    Raises:
        InputError: it lacks a column, or has no row.
    """
    rows = _table_rows(file)
    header = rows[0][1]
    places = site_columns(header)
    if {"accession", "layer"} <= set(places):
        rows = rows[1:]
    elif len(header) == 2 and whole_number(header[1]) is not None:
        places = {"accession": 0, "layer": 1}
    else:
        raise _column_error(file.name, header, "accession", "layer")

    for number, cells in rows:
        values = _by_column(cells, places)
        yield number, values.get("accession", "").strip(), whole_number(values.get("layer"))


def _table_rows(file: HandedFile) -> list[NumberedRow]:
    lines = list(content_lines(numbered_lines(file.text)))
    if not lines:
        raise InputError(f"{file.name} holds no row.", expected="a table of sites", found="blank lines and comments")
    return list(read_quoted_rows(lines, _delimiter(lines[0][1]), name=file.name))


def _delimiter(line: str) -> str:
    """Return the character between columns: the candidate that comes first, because lists may use the others."""
    if "\t" in line:
        return "\t"
    if _WITH_BLANKS.match(line):
        return " "
    places = {line.find(sign): sign for sign in ",;" if sign in line}
    return places[min(places)] if places else " "


def _places_without_header(rows: Sequence[NumberedRow], name: str) -> dict[str, int]:
    """Return the places of the columns of a table whose first line is a row already. Raises InputError."""
    cells = rows[0][1]
    widths = {len(row) for _, row in rows}
    if len(cells) == 3 and widths == {3} and is_position(cells[1]) and _LETTER.fullmatch(cells[2].strip()):
        return {"accession": 0, "position": 1, "residue": 2}
    if len(cells) < 2 or not all(map(is_position, cells[1:])) or site_columns(cells):
        raise _column_error(name, cells, "accession", "position")
    if widths != {2} and len(widths) == 1:
        # As many numbers in every line may be positions, or a position, a rank and a layer.
        raise InputError(
            f"The columns of {name} have no names.",
            expected="a header line, or a protein and its positions in one cell",
            found=", ".join(cells)[:80],
            hint="put `accession,positions` above it if all but the first are positions",
        )

    return {"accession": 0, "position": 1}


def _published_rows(
    rows: Sequence[NumberedRow], places: Mapping[str, int], *, n_columns: int, name: str
) -> Iterator[PublishedRow]:
    if not rows:
        raise InputError(f"{name} holds a header line and no row.", expected="a table of sites")

    is_position_last = places["position"] == n_columns - 1
    for number, cells in rows:
        if len(cells) > n_columns and is_position_last:  # a list whose commas are those between the columns
            cells = [*cells[: n_columns - 1], " ".join(cells[n_columns - 1 :])]

        if len(cells) < n_columns or any(cell.strip() for cell in cells[n_columns:]):
            id = cells[places["accession"]].strip() if places["accession"] < len(cells) else ""
            problem = Problem(Reason.UNREADABLE_LINE, f"{len(cells)} columns instead of {n_columns}")
            yield PublishedRow(id, line=number, problem=problem)
        else:
            yield read_row(_by_column(cells, places), number)


def _by_column(cells: Sequence[str], places: Mapping[str, int]) -> dict[str, str]:
    return {column: cells[place] for column, place in places.items() if place < len(cells)}


def _column_error(name: str, header: Sequence[str], *columns: str) -> InputError:
    return InputError(
        f"{name} lacks a column.",
        expected=f"a header line with {expected_columns(*columns)}",
        found=", ".join(header)[:120],
        hint="name the columns; see `attlas compare --help` for the forms that are read",
    )
