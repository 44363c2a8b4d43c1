"""Rows of a source that is a table of text, each with the line it begins on."""

from collections.abc import Iterator
from pathlib import Path

from attlas.intake.rows import NumberedRow, read_quoted_rows, read_tab_rows
from attlas.pipeline.annotate.source import first_lines, source_lines


def text_rows(path: Path, delimiter: str) -> Iterator[NumberedRow]:
    """Yield the rows of a table, without blank lines and comments (`#`).

    Raises:
        InputError: it cannot be read, or its quotes are not closed.
    """
    lines = source_lines(path)
    yield from read_tab_rows(lines) if delimiter == "\t" else read_quoted_rows(lines, delimiter, name=path.name)


def first_row_line(path: Path) -> str:
    """Return the first line that is no comment; empty if there is none. Raises InputError as `first_lines`."""
    return next((line for line in first_lines(path) if not line.startswith("#")), "")
