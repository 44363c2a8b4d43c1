"""A user's alignment as Jalview shows it: the places of the proteins of an atlas in its rows, with their numbers.

Jalview names a row by the first word of its header without a closing `/start-end`, which numbers the row's residues;
without one they count from 1. So a site lands where it belongs on `sp|P04637|P53_HUMAN`, on `P53_HUMAN/94-292` of Pfam,
and on a piece of the protein named by its accession alone. Letters have been compared when a row is placed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attlas.queries.asking.alignments import GAP, place_alignment, read_alignment
from attlas.queries.store import Store


@dataclass(frozen=True)
class AlignedRow:
    """One row of an alignment, and the stretch of a protein that stands in it."""

    name: str
    """The row's id as Jalview shows it."""
    accession: str
    begin: int
    """Position in the protein's sequence of the row's first residue, from 1."""
    number: int
    """Number that Jalview gives to that residue."""
    n_residues: int

    def number_of(self, position: int) -> int | None:
        """Return the number Jalview gives to a position of the protein; None if the row does not have it."""
        is_here = self.begin <= position < self.begin + self.n_residues
        return position - self.begin + self.number if is_here else None


def aligned_rows(atlas: Store, source: object, note: Callable[[str], None]) -> tuple[AlignedRow, ...]:
    """Return the rows of an alignment file that are proteins of the atlas.

    Jalview also opens sequences that are not aligned, so here rows may differ in length.

    Raises:
        QuestionError: it is no alignment, none of its rows is in the atlas, or letters differ from those stored.
    """
    rows = read_alignment(source)
    width = max(map(len, rows.values()), default=0)
    placed = place_alignment(atlas, {id: letters.ljust(width, GAP) for id, letters in rows.items()}, note)
    return tuple(
        AlignedRow(row.id, str(protein["accession"]), begin, row.span[0] if row.span else 1, len(row.letters))
        for row, protein, begin in placed
    )


def by_accession(rows: Sequence[AlignedRow] | None) -> dict[str, list[AlignedRow]] | None:
    """Return the rows of each protein; None for no alignment."""
    if rows is None:
        return None
    rows_by_accession: dict[str, list[AlignedRow]] = {}
    for row in rows:
        rows_by_accession.setdefault(row.accession, []).append(row)
    return rows_by_accession
