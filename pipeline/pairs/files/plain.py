"""Plain tables of pairs: accession, partner, and maybe a label and a score, between tabs or commas."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from attlas.intake.rows import find_columns, read_quoted_rows, read_tab_rows
from attlas.intake.text import NumberedLine, printable_text
from attlas.pipeline.pairs.files.lines import read_content, read_score
from attlas.pipeline.pairs.files.rows import EXPECTED, NOT_TWO, PairProblem, PairRow
from attlas.schema import InputError

COLUMNS = {
    "accession": ("accession", "protein", "protein1", "protein_1", "protein_a", "accession1", "accession_1"),
    "partner": ("partner", "protein2", "protein_2", "protein_b", "accession2", "accession_2"),
    "label": ("label", "class"),
    "score": ("score", "combined_score", "confidence"),
}
"""Columns read, each by the names it may have in a header, in order of preference."""

_PLACES = {"accession": 0, "partner": 1, "label": 2, "score": 3}
"""Places of the columns where there is no header."""


def read_plain(path: Path) -> Iterator[PairRow]:
    """Yield a table of pairs row by row.

    A header is a line that names both proteins, such as `accession` and `partner`; its other columns may stand
    anywhere. Without one the columns are taken in this order, and further ones are passed over.

    Raises:
        InputError: the file cannot be read, or holds no line but comments.
    """
    lines = read_content(path)
    first_line = next(lines, None)
    if first_line is None:
        raise InputError(f"{path.name} holds no pairs.", expected=EXPECTED, found="only comments and blank lines")

    places: Mapping[str, int] = {}
    for number, cells in _rows(chain([first_line], lines), first_line[1], name=path.name):
        if not places:
            header = find_columns(cells, COLUMNS)
            has_header = {"accession", "partner"} <= header.keys()
            places = header if has_header else _PLACES
            if has_header:
                continue
        yield _row(number, cells, places)


def _rows(lines: Iterator[NumberedLine], first_line: str, *, name: str) -> Iterator[tuple[int, list[str]]]:
    is_of_commas = "\t" not in first_line and "," in first_line
    return read_quoted_rows(lines, ",", name=name) if is_of_commas else read_tab_rows(lines)


def _row(number: int, cells: Sequence[str], places: Mapping[str, int]) -> PairRow:
    values = {column: cells[place].strip() for column, place in places.items() if place < len(cells)}
    row = PairRow(number, " ".join(cells))
    if not values.get("accession") or not values.get("partner"):
        return row._replace(problem=PairProblem(NOT_TWO))

    score, problem = read_score(values.get("score", ""))
    return row._replace(
        ids=(values["accession"],),
        partner_ids=(values["partner"],),
        label=printable_text(values.get("label", "")) or None,
        score=score,
        problem=problem,
    )
