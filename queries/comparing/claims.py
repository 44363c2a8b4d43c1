"""What a source says, before anything is believed of it: positions as written, by protein as named."""

from dataclasses import dataclass, field
from typing import NamedTuple

NOT_A_POSITION = "position is no number"
UNREADABLE = "line cannot be read"
NOT_COMPUTED_THERE = "protein not computed there"


class Spot(NamedTuple):
    """One position of a source, as it stands there."""

    text: str
    number: int | None
    """The number; None where it is none. From 0 or from 1, as the source counts."""
    letter: str | None = None
    """One-letter code of the residue, upper case, where the source has it."""
    rank: float | None = None
    """Rank or order, small is first, where the source has it."""


class Row(NamedTuple):
    """One row of a source: a protein with one position, with a list of them, or with none."""

    id: str
    """The protein as the source names it."""
    spots: tuple[Spot, ...]
    line: int | None = None
    """Line, or row from 1, in the source."""
    layer: int | None = None
    """Layer of convergence, as the source counts."""
    md5: str | None = None
    crc64: str | None = None
    length: int | None = None
    """Of the sequence the source counts along, where it says so."""
    problem: tuple[str, str] | None = None
    """Reason and detail of what makes the row unusable."""


@dataclass(frozen=True)
class Source:
    """A table of sites from elsewhere, as read."""

    name: str
    """Name of the file or directory."""
    kind: str
    """What it was read as, in words."""
    sha256: str
    """SHA-256 of the bytes of the file; of an atlas, its id."""
    rows: tuple[Row, ...]
    base: int | None = None
    """Number of the first residue, where the format itself says it."""
    is_list: bool = False
    """A row is all that is said of its protein, not one site of it."""
    n_layers: int | None = None
    """Layers of its model, where the source is an atlas."""
    notes: tuple[str, ...] = field(default=())
    """What is to be said about it."""
