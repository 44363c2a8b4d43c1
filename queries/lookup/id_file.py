"""Ids in a file of one per line, as people and spreadsheets write them."""

from pathlib import Path

from attlas.intake.files import read_file
from attlas.intake.text import content_lines, numbered_lines


def read_ids(source: str | Path) -> list[str]:
    """Return the first column of each line of a file, or of standard input for `-`.

    Columns are separated by tabs; blank lines and those that begin with `#` are passed over.

    Raises:
        InputError: it cannot be read, or is no text.
    """
    file = read_file(source, expected="a file of ids, one per line", may_be_empty=True)
    lines = ((number, line.strip()) for number, line in numbered_lines(file.text))
    return [line.split("\t")[0].strip() for _, line in content_lines(lines)]
