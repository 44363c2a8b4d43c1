"""Pairs of residues worth keeping: scores of contacts stored sparsely, so that precision is a question of SQL.

Axis letters: `N` residues, `K` pairs kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Range:
    """Pairs (i, j) by their separation along the sequence, j - i, both ends inclusive."""

    nearest: int
    furthest: int | None
    """None: as far as the sequence goes."""

    def width(self, n_residues: int) -> slice:
        """Return the separations of this range in a sequence."""
        end = n_residues if self.furthest is None else min(self.furthest + 1, n_residues)
        return slice(self.nearest, end)


RANGES = {"short": Range(6, 11), "medium": Range(12, 23), "long": Range(24, None)}
"""The field's ranges of contacts. Nearer pairs touch because the chain does."""

KEPT_PER_RESIDUE = 2
"""Pairs kept of each range in any case, times the length."""

DEFAULT_FLOOR = 0.3
"""Probability from which on a pair is kept in any case."""


@dataclass(frozen=True)
class ContactPairs:
    """Pairs of residues with a score, in order of (i, j)."""

    i: NDArray[np.int32]
    """Position of the first residue, 1-based, shape (K,)."""
    j: NDArray[np.int32]
    """Position of the second one, at least 6 further on."""
    score: NDArray[np.float32]
    """The contact head's probability, or the mean of fused heads, shape (K,)."""


def select_pairs(
    scores: NDArray[np.floating], *, floor: float | None = DEFAULT_FLOOR, keep: int = KEPT_PER_RESIDUE
) -> ContactPairs:
    """Return every pair of at least `floor`, and in any case the ones of highest score of each range.

    Of each range `keep` x N pairs are kept, or all there are; so precision at L can be computed from them, also where
    residues lack coordinates: with a share f of the residues known, f ** 2 of the pairs are, and f x N are looked at.
    Of equal scores the first in order of (i, j) count.

    Args:
        scores: a map, (N, N).
        floor: the score from which on a pair is kept in any case; None where scores of proteins cannot be compared.
        keep: pairs kept of each range, times the length.

    Raises:
        ValueError: a score is not a number.
    """
    n_kept = keep * len(scores)
    floor = np.inf if floor is None else floor
    pairs = [_select_in_range(scores, limits, floor=floor, n_kept=n_kept) for limits in RANGES.values()]
    i, j = np.concatenate(pairs, axis=1)
    order = np.lexsort((j, i))
    i, j = i[order], j[order]
    return ContactPairs((i + 1).astype(np.int32), (j + 1).astype(np.int32), scores[i, j].astype(np.float32))


def mark_highest(values: NDArray[np.floating], n: int) -> NDArray[np.bool_]:
    """Return True at the `n` highest values, at all where there are no more; of equal values the first are taken.

    Raises:
        ValueError: a value is not a number.
    """
    if np.isnan(values).any():
        raise ValueError("the map of pairs is not finite")
    if n >= len(values):
        return np.ones(len(values), np.bool_)
    if n <= 0:
        return np.zeros(len(values), np.bool_)

    threshold = np.partition(values, len(values) - n)[len(values) - n]
    is_highest = values > threshold
    n_ties = n - int(is_highest.sum())
    is_highest[np.flatnonzero(values == threshold)[:n_ties]] = True
    return np.asarray(is_highest)


def _select_in_range(scores: NDArray[np.floating], limits: Range, *, floor: float, n_kept: int) -> NDArray[np.int64]:
    """Return the pairs of one range to keep, (2, K), 0-based."""
    begins, ends = _find_columns(len(scores), limits)

    # No index arrays of all pairs: they would be four times the map of a long protein.
    rows = zip(scores, begins, ends, strict=True)
    values = np.concatenate([row[begin:end] for row, begin, end in rows])
    places = np.flatnonzero(mark_highest(values, n_kept) | (values >= floor))

    # Back from the place among all values to the row, and to the column within it.
    row_starts = np.cumsum(ends - begins) - (ends - begins)
    i = np.searchsorted(row_starts, places, side="right") - 1
    return np.stack([i, places - row_starts[i] + begins[i]])


def _find_columns(n_residues: int, limits: Range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the columns of each row of a map that are in range: the first of them, and the one after the last."""
    row = np.arange(n_residues)
    width = limits.width(n_residues)
    begins = np.minimum(row + width.start, n_residues)
    return begins, np.maximum(np.minimum(row + width.stop, n_residues), begins)
