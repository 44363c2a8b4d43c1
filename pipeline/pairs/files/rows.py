"""The nouns of a file of pairs: its options, and a row, which names two proteins or says why it does not."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

EXPECTED = (
    "a table of pairs: two accessions a line, separated by a tab, then maybe a label and a score; or STRING's "
    "protein.links, or PSI-MITAB"
)
"""What a file of pairs should be, for messages."""


@dataclass(frozen=True)
class PairFileOptions:
    """The options of a file of pairs, besides its path."""

    aliases: Path | None = None
    """STRING's file of aliases, by which its identifiers are found."""
    min_score: float | None = None
    """Score below which a pair is left out, as are pairs without one; None keeps all."""
    against: Path | None = None
    """The other list of proteins, where the file is one list and all pairs of the two are meant."""


NO_OPTIONS = PairFileOptions()


class PairProblem(NamedTuple):
    """Why a line names no pair."""

    reason: str
    """The same for all lines of its kind."""
    detail: str = ""
    """What is so here, in a few words."""

    def __str__(self) -> str:
        """Return reason and detail as one text."""
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class PairRow(NamedTuple):
    """A line of a file of pairs."""

    line: int
    """From 1."""
    text: str
    """The line as it is written."""
    ids: tuple[str, ...] = ()
    """The ids that the protein named before the other goes by; mostly one."""
    partner_ids: tuple[str, ...] = ()
    """Ids of the partner."""
    label: str | None = None
    score: float | None = None
    problem: PairProblem | None = None
    """Why it names no pair; then the ids may be missing."""
    source: str | None = None
    """Name of its file; None: the file of pairs."""


NO_SCORE = "the score is no number"
LONG_ID = "an id is too long"
LONGEST_ID = 1_000
"""Characters of the longest id that is looked up."""
NOT_TWO = "the line does not name two proteins"
