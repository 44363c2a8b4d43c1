"""GFF3 → its features, regions and sequences, with their lines; what they mean is for the caller.

Source: the GFF3 specification 1.26 (nine columns, percent-encoding, `##sequence-region`, `##FASTA`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from attlas.intake.text import NumberedLine

HEADER = "##gff-version"
N_COLUMNS = 9

_STRANDS = ("+", "-", ".", "?")
_PHASES = ("0", "1", "2", ".")


@dataclass(frozen=True, slots=True)
class Gff3Feature:
    """A row of nine columns."""

    line: int
    sequence: str
    """Name of the sequence, decoded."""
    type: str
    begin: str
    """First residue as written, 1-based."""
    end: str
    """Last residue as written, inclusive."""
    attributes: dict[str, str]
    """Column 9, by names in small letters; values decoded."""


@dataclass(frozen=True, slots=True)
class Gff3Region:
    """A line `##sequence-region`: a sequence with its first and last residue as written."""

    line: int
    sequence: str
    begin: str
    end: str

    @property
    def length(self) -> int | None:
        """Residues of the sequence; None for a region that does not begin at 1 or has no numbers."""
        is_whole = self.begin == "1" and self.end.isascii() and self.end.isdecimal()
        return int(self.end[:18]) if is_whole else None  # whatever has more digits differs from every stored length


@dataclass(frozen=True, slots=True)
class Gff3Sequence:
    """A line of a sequence behind `##FASTA`."""

    sequence: str
    letters: str


@dataclass(frozen=True, slots=True)
class Gff3Unreadable:
    """A row or a region that breaks the rules of the format."""

    line: int
    sequence: str
    detail: str
    """What was found, in a few words."""
    is_region: bool = False


Gff3Item = Gff3Feature | Gff3Region | Gff3Sequence | Gff3Unreadable


def is_gff3_row(line: str) -> bool:
    """Return True if a line is a row of GFF3: nine columns, with strand and phase where they belong."""
    cells = _cells(line)
    return len(cells) == N_COLUMNS and cells[6] in _STRANDS and cells[7] in _PHASES


def read_gff3(lines: Iterable[NumberedLine]) -> Iterator[Gff3Item]:
    """Yield the items of a GFF3 file in order; comments and other directives are passed over."""
    name: str | None = None
    for number, line in lines:
        if line.startswith(">"):
            name = (line[1:].split() or [""])[0]
        elif name is not None:
            if letters := "".join(line.split()):
                yield Gff3Sequence(name, letters)
        elif line.startswith("##FASTA"):
            name = ""
        elif line.startswith("##sequence-region"):
            yield _region(line, number)
        elif line.strip() and not line.startswith("#"):
            yield _feature(line, number)


def _region(line: str, number: int) -> Gff3Region | Gff3Unreadable:
    words = line.split()
    name = unquote(words[1]) if len(words) > 1 else ""
    if len(words) != 4 or not (words[2] + words[3]).isdecimal():
        return Gff3Unreadable(number, name, line[:60], is_region=True)
    return Gff3Region(number, name, words[2], words[3])


def _feature(line: str, number: int) -> Gff3Feature | Gff3Unreadable:
    cells = _cells(line)
    name = unquote(cells[0]).strip()
    if len(cells) != N_COLUMNS:
        return Gff3Unreadable(number, name, f"{len(cells)} columns where GFF3 has {N_COLUMNS}")
    return Gff3Feature(number, name, unquote(cells[2]), cells[3], cells[4], _attributes(cells[8]))


def _cells(line: str) -> list[str]:
    cells = line.split("\t")
    # UniProt ends its rows with a tab.
    return cells[:-1] if len(cells) == N_COLUMNS + 1 and not cells[-1].strip() else cells


def _attributes(column: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in column.split(";"))
    return {unquote(name).strip().lower(): unquote(value).strip() for name, _, value in pairs if name.strip()}
