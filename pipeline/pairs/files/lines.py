"""The lines of a file of pairs, streamed: files of STRING have millions."""

from collections.abc import Iterator
from itertools import islice
from math import isfinite
from pathlib import Path

from attlas.intake.files import open_file
from attlas.intake.text import NumberedLine, binary_error, printable_text, stream_lines
from attlas.pipeline.pairs.files.rows import EXPECTED, NO_SCORE, PairProblem
from attlas.schema import InputError

_N_HEAD = 1_000
"""Lines among which the first one with content tells the format."""


def read_lines(path: Path, *, expected: str = EXPECTED) -> Iterator[NumberedLine]:
    """Yield the lines of a file that are not blank, comments included, with their numbers.

    Raises:
        InputError: the file cannot be read to its end, or is binary; says at which line.
    """
    with open_file(path, expected=expected) as handle:
        for number, line in stream_lines(handle, name=path.name):
            if "\0" in line:
                raise binary_error(path.name, b"\0", line=number)
            if line.strip():
                yield number, line


def read_content(path: Path, *, expected: str = EXPECTED) -> Iterator[NumberedLine]:
    """Yield the lines that are neither blank nor a comment (`#`). Raises InputError as `read_lines`."""
    return ((number, line) for number, line in read_lines(path, expected=expected) if not line.startswith("#"))


def read_head(path: Path) -> list[str]:
    """Return the first lines that are not blank, comments included.

    Raises:
        InputError: as `read_lines`; or there is no such line.
    """
    head = [line for _, line in islice(read_lines(path), _N_HEAD)]
    if not head:
        raise InputError(f"{path.name} is empty.", expected=EXPECTED, found="no text in it", hint="check the download")
    return head


def read_score(text: str) -> tuple[float | None, PairProblem | None]:
    """Return the number in a text, None if there is no text; and why the text is no number."""
    if not text:
        return None, None
    try:
        score = float(text)
    except ValueError:
        score = float("nan")
    return (score, None) if isfinite(score) else (None, PairProblem(NO_SCORE, printable_text(text)[:40]))
