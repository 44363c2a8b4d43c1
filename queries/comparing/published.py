"""A published table of sites as it was read, before any check: positions as written, proteins as named."""

from dataclasses import dataclass
from typing import NamedTuple

from attlas.intake.claims import NO_CLAIM, SequenceClaim
from attlas.intake.rejects import Problem


class PublishedSite(NamedTuple):
    """One position of a table, as written."""

    text: str
    number: int | None
    """The number, counted from 0 or from 1 as the table counts; None where the text is no number."""
    letter: str | None = None
    """One-letter code of the residue, a capital, where the table has it."""
    rank: float | None = None
    """Rank or order, small is first, where the table has it."""


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row of a table: a protein with one site, with a list of sites, or with none."""

    id: str
    """The protein as the table names it."""
    sites: tuple[PublishedSite, ...] = ()
    line: int | None = None
    """Line, or row from 1, in the table."""
    layer: int | None = None
    """Layer of convergence, as the table counts."""
    claim: SequenceClaim = NO_CLAIM
    """What the row says of the sequence that it counts along."""
    problem: Problem | None = None
    """What makes the row unusable for any protein."""


@dataclass(frozen=True)
class PublishedTable:
    """A table of sites from elsewhere, as read; or another atlas."""

    name: str
    """Name of the file or directory."""
    kind: str
    """What it was read as, in words."""
    sha256: str
    """SHA-256 of the bytes of the file; of an atlas, its id."""
    rows: tuple[PublishedRow, ...]
    first_position: int | None = None
    """Number of the first residue, 0 or 1, where the format itself says it."""
    has_lists: bool = False
    """A row is all that is said of its protein, not one site of it."""
    n_layers: int | None = None
    """Layers of its model, where it is an atlas."""

    @property
    def has_ranks(self) -> bool:
        """Some sites have a rank."""
        return any(site.rank is not None for row in self.rows for site in row.sites)
