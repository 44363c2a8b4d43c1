"""Pairs of residues worth keeping: contact probabilities stored sparsely, so that precision is a question of SQL.

Axis letters: `N` residues, `K` pairs kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Range:
    """Pairs (i, j) by their separation along the sequence, j - i, both ends inclusive."""

    first: int
    last: int | None
    """None: as far as the sequence goes."""

    def width(self, n_residues: int) -> slice:
        """Return the separations of this range in a sequence."""
        return slice(self.first, n_residues if self.last is None else min(self.last + 1, n_residues))


RANGES = {"short": Range(6, 11), "medium": Range(12, 23), "long": Range(24, None)}
"""The field's ranges of contacts. Nearer pairs touch because the chain does."""

KEPT_PER_RESIDUE = 2
"""Pairs kept of each range in any case, times the length."""

DEFAULT_FLOOR = 0.3
"""Probability from which on a pair is kept in any case."""


@dataclass(frozen=True)
class ContactPairs:
    """Pairs of residues with a probability, in order of (i, j)."""

    i: NDArray[np.int32]
    """Position of the first residue, 1-based, shape (K,)."""
    j: NDArray[np.int32]
    """Position of the second one, at least 6 further on."""
    probability: NDArray[np.float32]


def top_contacts(
    probabilities: NDArray[np.floating], *, floor: float = DEFAULT_FLOOR, keep: int = KEPT_PER_RESIDUE
) -> ContactPairs:
    """Return every pair of at least `floor`, and in any case the most probable ones of each range.

    Of each range `keep` x N pairs are kept, or all there are; so precision at L can be told from them, also where
    residues lack coordinates: with a share f of the residues known, f ** 2 of the pairs are, and f x N are looked at.
    Of equal probabilities the first in order of (i, j) count.

    Raises:
        ValueError: a probability is not a number.
    """
    n = len(probabilities)
    chosen = [_most_probable(probabilities, some, floor=floor, n_kept=keep * n) for some in RANGES.values()]
    i, j = np.concatenate(chosen, axis=1)
    order = np.lexsort((j, i))
    i, j = i[order], j[order]
    return ContactPairs((i + 1).astype(np.int32), (j + 1).astype(np.int32), probabilities[i, j].astype(np.float32))


def highest(values: NDArray[np.floating], n: int) -> NDArray[np.bool_]:
    """Tell which are the `n` highest of some values, all where there are no more; of equal ones the first are.

    Raises:
        ValueError: a value is not a number.
    """
    if np.isnan(values).any():
        raise ValueError("the map of pairs is not finite")
    if n >= len(values):
        return np.ones(len(values), np.bool_)
    if n <= 0:
        return np.zeros(len(values), np.bool_)
    least = np.partition(values, len(values) - n)[len(values) - n]
    chosen = values > least
    chosen[np.flatnonzero(values == least)[: n - int(chosen.sum())]] = True
    return np.asarray(chosen)


def _most_probable(probabilities: NDArray[np.floating], some: Range, *, floor: float, n_kept: int) -> NDArray[np.int64]:
    """Return the pairs of one range to keep, (2, K), 0-based."""
    first, ends = _row_parts(len(probabilities), some)
    # No index arrays of all pairs: they would be four times the map of a long protein.
    values = np.concatenate([row[a:b] for row, a, b in zip(probabilities, first, ends, strict=True)])
    places = np.flatnonzero(highest(values, n_kept) | (values >= floor))
    begins = np.cumsum(ends - first) - (ends - first)
    i = np.searchsorted(begins, places, side="right") - 1
    return np.stack([i, places - begins[i] + first[i]])


def _row_parts(n_residues: int, some: Range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return of each row of a map which columns are in range: the first, and the one after the last."""
    row = np.arange(n_residues)
    width = some.width(n_residues)
    first = np.minimum(row + width.start, n_residues)
    return first, np.maximum(np.minimum(row + width.stop, n_residues), first)
