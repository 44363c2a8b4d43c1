"""A file that somebody hands over as a parameter, read whole, but never without end."""

import sys
from pathlib import Path
from typing import BinaryIO

from attlas.schema import QuestionError

MOST_BYTES = 1 << 28
"""256 MiB: twenty million ids, or a hundred thousand aligned sequences of 2,500 columns."""
STDIN = "-"


def read_small_file(path: str | Path) -> bytes:
    """Return the bytes of a file, of `-` those of stdin.

    Raises:
        QuestionError: it has more than `MOST_BYTES`, as devices such as /dev/zero do.
        OSError: it cannot be read.
    """
    if str(path) == STDIN:
        return _read(sys.stdin.buffer, path)
    with Path(path).expanduser().open("rb") as file:
        return _read(file, path)


def _read(file: BinaryIO, path: str | Path) -> bytes:
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise QuestionError(
            f"{'stdin' if str(path) == STDIN else path} is too large to be a parameter.",
            expected=f"at most {MOST_BYTES >> 20} MiB",
        )
    return data
