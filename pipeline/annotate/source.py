"""A source of annotation as a file: its first lines, its lines, its bytes."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from attlas.intake.files import open_file
from attlas.intake.text import NumberedLine, numbered_lines, stream_lines, text_of
from attlas.schema import InputError

EXPECTED = "a file of annotation"
"""What a source should be, for messages."""

SLUG_LETTERS = 80
"""Letters of a source's name in the names of its files."""
_HEAD_BYTES = 65_536


def make_slug(text: str, *, default: str) -> str:
    """Return a text as the beginning of a file's name: letters, digits, `_` and `-`, at most SLUG_LETTERS."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:SLUG_LETTERS] or default


def open_source(path: Path) -> AbstractContextManager[IO[bytes]]:
    """Open a source, unpacked if it is compressed. Raises InputError as `open_file`."""
    return open_file(path, expected=EXPECTED)


def source_lines(path: Path) -> Iterator[NumberedLine]:
    """Yield the lines of a source with their numbers. Raises InputError if it cannot be read to its end."""
    with open_source(path) as handle:
        yield from stream_lines(handle, name=path.name)


def first_lines(path: Path) -> list[str]:
    """Return the first lines of a source that are not blank.

    Raises:
        InputError: it cannot be read, is binary, or holds nothing.
    """
    with open_source(path) as handle:
        data = handle.read(_HEAD_BYTES)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data[: len(data) // 2 * 2]  # whole units of UTF-16
    lines = [line for _, line in numbered_lines(text_of(data, name=path.name)) if line.strip()]
    if not lines:
        raise InputError(f"{path.name} is empty.", expected=EXPECTED, found="no text in it", hint="check the download")
    return lines
