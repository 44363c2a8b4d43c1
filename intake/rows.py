"""Tables of text: rows with the line each begins on, and the columns of a header by the many names they have."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attlas.intake.text import NumberedLine, content_lines
from attlas.schema import InputError

NumberedRow = tuple[int, list[str]]
"""Number of the line on which a row begins, from 1, and its cells."""


def read_tab_rows(lines: Iterable[NumberedLine]) -> Iterator[NumberedRow]:
    """Yield the rows of a table cut at tabs, without blank lines and comments.

    A quote is a letter like others here (5"-phosphate, "like" proteins), but for those that a writer put around a cell.
    """
    for number, line in content_lines(lines):
        yield number, [_unquote(cell) for cell in line.split("\t")]


def read_quoted_rows(lines: Iterable[NumberedLine], delimiter: str, *, name: str) -> Iterator[NumberedRow]:
    """Yield the rows of a table whose quoted cells may hold delimiters and line ends, without blank lines and comments.

    Raises:
        InputError: a quote is not closed: what follows it would be taken for one cell.
    """
    numbers: list[int] = []
    rows = csv.reader(
        _noting_numbers(content_lines(lines), numbers), delimiter=delimiter, skipinitialspace=True, strict=True
    )

    try:
        for row in rows:
            yield numbers[0], row
            numbers.clear()
    except csv.Error as error:
        raise InputError(
            f"{name} is no such table.",
            expected="a quote mark at both ends of a quoted text, doubled within it; fields below 131,072 characters",
            found=f"line {numbers[0] if numbers else 1:,}: {error}",
            hint="are its quotes closed? In a table of tabs written as TSV quotes are letters like others",
        ) from error


def split_row(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line; a quote that is not closed ends with it."""
    return line.split("\t") if delimiter == "\t" else next(csv.reader([line], delimiter=delimiter), [])


def column_key(name: str) -> str:
    """Return the name of a column in small letters, with `_` for blanks and hyphens: `Protein ID` is `protein_id`."""
    return "_".join(name.strip().lower().replace("-", " ").split())


def find_columns(header: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the place of each column that a header names.

    Args:
        header: the cells of the first line.
        synonyms: the names that a column may have, in order of preference.
    """
    keys = [column_key(name) for name in header]
    places = {}
    for column, names in synonyms.items():
        key = next((name for name in names if name in keys), None)
        if key is not None:
            places[column] = keys.index(key)
    return places


def _noting_numbers(lines: Iterable[NumberedLine], numbers: list[int]) -> Iterator[str]:
    """Yield the lines, and note the number of each, because a row with quotes may go over several lines."""
    for number, line in lines:
        numbers.append(number)
        yield line + "\n"


def _unquote(cell: str) -> str:
    """Return a cell without the quotes around it, and with doubled quotes within made single."""
    inner = cell[1:-1]
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_quoted else cell
