"""Precision of predicted contacts at L, L/2 and L/5 by range, against the contacts of a structure.

Takes any symmetric score of pairs: the contact head's probabilities, or one head's attention made symmetric.

Axis letters: `H` heads, `N` residues.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.probe.contact_pairs import RANGES, pairs_in_range
from attlas.pipeline.probe.structure_contacts import KnownContacts

CUTS = {"L": 1, "L/2": 2, "L/5": 5}
"""What the number of residues is divided by, to tell how many of the best pairs are looked at."""


@dataclass(frozen=True)
class Precision:
    """How many of the best pairs of one range are contacts: counts, so that proteins can be pooled."""

    range: str
    """`short` (separation 6-11), `medium` (12-23) or `long` (24 and more)."""
    cut: str
    """`L`, `L/2` or `L/5`."""
    n_pairs: int
    """Pairs looked at: residues with coordinates over the cut, rounded down, at least 1; fewer if there are fewer."""
    n_contacts: int
    """Of these, contacts."""
    n_known_pairs: int
    """All pairs of this range with coordinates: the background's denominator."""
    n_known_contacts: int
    """Of these, contacts."""

    @property
    def precision(self) -> float:
        """Return the share of contacts among the pairs looked at; not a number without pairs."""
        return self.n_contacts / self.n_pairs if self.n_pairs else float("nan")

    @property
    def background(self) -> float:
        """Return the share of contacts among all pairs of the range; what a random score would reach."""
        return self.n_known_contacts / self.n_known_pairs if self.n_known_pairs else float("nan")


def precision_at(scores: NDArray[np.floating], known: KnownContacts) -> list[Precision]:
    """Return the precision of a score of pairs, (N, N), read above the diagonal, for each range and cut.

    L is the number of residues with coordinates; pairs without are left out on both sides. Of equal scores the first
    in order of (i, j) count.

    Raises:
        ValueError: the shapes differ, or a score in range is not a number.
    """
    n = len(known.is_known)
    if scores.shape != (n, n):
        raise ValueError(f"scores of shape {scores.shape} for a structure of {n} residues")
    n_known = int(known.is_known.sum())
    found = []
    for name, some in RANGES.items():
        i, j = pairs_in_range(n, some)
        is_pair = known.is_known[i] & known.is_known[j]
        i, j = i[is_pair], j[is_pair]
        contacts, best = known.is_contact[i, j], _best(scores[i, j], n_known)
        for cut, divisor in CUTS.items():
            looked_at = contacts[best[: max(1, n_known // divisor)]]
            found.append(Precision(name, cut, len(looked_at), int(looked_at.sum()), len(contacts), int(contacts.sum())))
    return found


def symmetric_scores(attention: NDArray[np.floating], *, is_corrected: bool = True) -> NDArray[np.float64]:
    """Return the score of pairs that heads' inner attention, (H, N, N), makes: A + A^T, each head by itself.

    With `is_corrected`, less the average product (APC: Dunn et al., Bioinformatics 2008), as the contact head takes it.
    """
    both = (attention + attention.swapaxes(-1, -2)).astype(np.float64)
    if not is_corrected:
        return both
    rows = both.sum(-1)  # (H, N)
    total = rows.sum(-1)[:, None, None]
    product = rows[:, :, None] * rows[:, None, :]
    return np.asarray(both - np.divide(product, total, out=np.zeros_like(product), where=total > 0))


def _best(values: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """Return the places of the `n` largest values, largest first, of equal ones the first first."""
    if np.isnan(values).any():
        raise ValueError("a score is not a number")
    return np.argsort(-values, kind="stable")[:n]
