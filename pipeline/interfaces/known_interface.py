"""The known interface of two proteins: contacts, and the residues that have one. Opens no file.

Axis letters: `N` residues of a protein, `M` of its partner, `n` and `m` those that a structure shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TENTH = 10
"""Divisor of the residues of the shorter protein, for the last cut."""


@dataclass(frozen=True)
class KnownInterface:
    """Contacts between a protein and its partner, among the residues that the structure shows."""

    observed: NDArray[np.int64]
    """Places of the residues of the protein that the structure shows, 0-based, ascending, shape (n,)."""
    partner_observed: NDArray[np.int64]
    """The same of the partner, shape (m,)."""
    contacts: NDArray[np.int64] | None
    """Places of the contacts among the observed pairs, counted row by row; None if the two are not partners of each
    other, so that only the interface of each with its own partner is known."""
    interface: NDArray[np.int64]
    """Places in `observed` of the residues with a contact."""
    partner_interface: NDArray[np.int64]
    """Places in `partner_observed` of the residues with a contact."""

    @property
    def n_pairs(self) -> int:
        """Return the number of observed pairs of residues."""
        return len(self.observed) * len(self.partner_observed)

    @property
    def n_tenth(self) -> int:
        """Return a tenth of the observed residues of the shorter protein, at least 1."""
        return max(1, min(len(self.observed), len(self.partner_observed)) // TENTH)

    def select_pairs(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scores of the observed pairs, shape (n * m,), from the scores of all pairs, shape (N, M)."""
        n_residues, n_partner_residues = scores.shape
        if (len(self.observed), len(self.partner_observed)) != (n_residues, n_partner_residues):
            scores = scores[np.ix_(self.observed, self.partner_observed)]
        return scores.ravel()

    def exchange_partner(self, other: "KnownInterface") -> "KnownInterface":
        """Return the interface of this protein with the partner of another pair, of which no contacts are known."""
        return KnownInterface(self.observed, other.partner_observed, None, self.interface, other.partner_interface)


def make_known_interface(
    contacts: Sequence[tuple[int, int]],
    *,
    lengths: tuple[int, int],
    observed: Sequence[int] | None = None,
    partner_observed: Sequence[int] | None = None,
) -> KnownInterface:
    """Return the interface of a protein and its partner from their contacts (i, j), both positions 1-based.

    Args:
        contacts: pairs of positions, perhaps with repeats.
        lengths: residues of the protein, and of its partner.
        observed: positions of the protein's residues that the structure shows; None: all.
        partner_observed: the same of the partner.

    Raises:
        ValueError: a contact has a residue that the structure does not show.
    """
    pairs = np.array(sorted(set(contacts)), np.int64).reshape(-1, 2) - 1
    places, partner_places = (
        np.arange(length) if positions is None else np.unique(np.asarray(positions, np.int64)) - 1
        for length, positions in zip(lengths, (observed, partner_observed), strict=True)
    )
    if not (np.isin(pairs[:, 0], places).all() and np.isin(pairs[:, 1], partner_places).all()):
        raise ValueError("a contact is of residues that the structure does not show")

    rows, columns = np.searchsorted(places, pairs[:, 0]), np.searchsorted(partner_places, pairs[:, 1])
    return KnownInterface(
        observed=places,
        partner_observed=partner_places,
        contacts=rows * len(partner_places) + columns,
        interface=np.unique(rows),
        partner_interface=np.unique(columns),
    )
