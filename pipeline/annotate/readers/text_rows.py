"""Rows of a table of text, each with the line it begins on: cut at tabs, or a CSV whose quoted texts may hold lines."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from attlas.pipeline.annotate.source import lines, opened
from attlas.schema import InputError


def text_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table, without blank lines and comments (`#`).

    Raises:
        InputError: it cannot be read, or its quotes are not closed: what follows them would be taken for one text.
    """
    with opened(path) as handle:
        if delimiter == "\t":
            # A quote is a letter like others here: 5"-phosphate, "like" proteins.
            yield from ((number, [_unquoted(field) for field in text.split("\t")]) for number, text in _said(handle))
        else:
            yield from _of_csv(path, handle, delimiter)


def _of_csv(path: Path, handle: IO[bytes], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    taken: list[int] = []
    rows = csv.reader(_noting(taken, handle), delimiter=delimiter, strict=True)
    try:
        for row in rows:
            line = taken[0]  # a quoted text may go over several
            taken.clear()
            yield line, row
    except csv.Error as error:
        raise InputError(
            f"{path.name} is no such table.",
            expected="a quote mark at both ends of a quoted text, doubled within it; fields below 131,072 characters",
            found=f"line {taken[0]:,}: {error}",
            hint="mend this line, or write the table as TSV, where quotes are letters like others",
        ) from error


def _said(handle: IO[bytes]) -> Iterator[tuple[int, str]]:
    return ((number, text) for number, text in lines(handle) if text.strip() and not text.startswith("#"))


def _noting(taken: list[int], handle: IO[bytes]) -> Iterator[str]:
    """Yield the lines that say something, noting their numbers as the reader of rows takes them."""
    for number, text in _said(handle):
        taken.append(number)
        yield text + "\n"


def _unquoted(field: str) -> str:
    """Return a field without the quotes that a writer of tables put around it, those within made single."""
    inner = field[1:-1]
    is_quoted = len(field) > 1 and field[0] == field[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_quoted else field
