"""The nouns of a source of numbers: a value as its source writes it, and the row of a value that fits the atlas."""

from typing import NamedTuple

from attlas.intake.claims import NO_CLAIM, SequenceClaim
from attlas.intake.rejects import Problem


class ValueRecord(NamedTuple):
    """A value of residues or of a variant, as its source writes it; nothing is checked yet."""

    id: str
    """The protein: any id, or the MD5 of a sequence."""
    begin: str
    """First residue that has the value, 1-based."""
    end: str
    """Last residue, inclusive."""
    value: str
    residue: str | None = None
    """Letter of the residue, where the source says it."""
    substitute: str | None = None
    """Letter in its place; None for a value of residues."""
    claim: SequenceClaim = NO_CLAIM
    line: int | None = None
    """Line of the source, or row of a Parquet file, from 1."""
    problem: Problem | None = None
    """Why it cannot be used for any protein."""


class ValueRow(NamedTuple):
    """A row of `tracks` or `variants` without its name, unit and source, and its line."""

    accession: str
    sequence_id: int
    position: int
    residue: str
    substitute: str
    """Empty in a track."""
    value: float
    line: int | None
