"""bedGraph along proteins → records: chrom is the protein, positions count from 0, the end is not included."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attlas.intake.claims import plain_position
from attlas.intake.compression import plain_name
from attlas.intake.rejects import Problem, Reason
from attlas.intake.text import content_lines
from attlas.pipeline.annotate.source import source_lines
from attlas.pipeline.annotate.values.records import ValueRecord

_SUFFIXES = (".bedgraph", ".bg", ".bdg")
_N_COLUMNS = 4
_SETTINGS = re.compile(r"(track|browser)\b")
"""Lines that say how a genome browser should draw the values."""
_START = re.compile(r"[0-9]{1,9}")


def is_bedgraph(path: Path, line: str) -> bool:
    """Return whether a file is a bedGraph: by its name, or by its first line that is no comment.

    Four columns alone do not make one: in another table positions may count from 1.
    """
    return plain_name(path.name).lower().endswith(_SUFFIXES) or bool(_SETTINGS.match(line))


def read_bedgraph(path: Path) -> Iterator[ValueRecord]:
    """Yield the rows of a bedGraph, their positions from 1. Raises InputError if it cannot be read."""
    for number, line in content_lines(source_lines(path)):
        if not _SETTINGS.match(line):
            yield _record(_cells(line), number)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]


def _record(cells: Sequence[str], line: int) -> ValueRecord:
    if len(cells) != _N_COLUMNS:
        problem = Problem(Reason.UNREADABLE_LINE, f"{len(cells)} columns where a bedGraph has {_N_COLUMNS}")
        return ValueRecord(cells[0], "", "", "", line=line, problem=problem)

    id, start, end, value = cells[0], plain_position(cells[1]), plain_position(cells[2]), cells[3]
    begin = str(int(start) + 1) if _START.fullmatch(start) else start
    return ValueRecord(id, begin, end, value, line=line)
