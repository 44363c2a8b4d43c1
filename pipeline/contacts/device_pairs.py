"""Pairs of residues worth keeping, selected on a GPU, so that a map of all pairs need not be copied to the host.

Axis letters: `N` residues, `K` pairs kept, `V` pairs in a range of separations.
"""

import torch
from torch import Tensor

from attlas.pipeline.contacts.pairs import DEFAULT_FLOOR, KEPT_PER_RESIDUE, RANGES, ContactPairs, Range

MOST_RESIDUES = 8_192
"""Longest sequence whose pairs are selected on a GPU: the places of all pairs take twice the memory of the map."""


def select_pairs_on_device(
    scores: Tensor, *, floor: float | None = DEFAULT_FLOOR, keep: int = KEPT_PER_RESIDUE
) -> ContactPairs:
    """Return the pairs of `pairs.select_pairs`, from a map of finite scores, (N, N), on any device."""
    n_residues = len(scores)
    pairs = [_select_in_range(scores, limits, floor=floor, n_kept=keep * n_residues) for limits in RANGES.values()]
    i, j = torch.cat(pairs, dim=1)
    order = (i * n_residues + j).argsort()
    i, j = i[order], j[order]
    columns = torch.stack([i + 1, j + 1]).int().cpu().numpy()
    return ContactPairs(columns[0], columns[1], scores[i, j].float().cpu().numpy())


def _select_in_range(scores: Tensor, limits: Range, *, floor: float | None, n_kept: int) -> Tensor:
    """Return the pairs of one range to keep, (2, K), 0-based, in order of (i, j)."""
    n_residues = len(scores)
    place = torch.arange(n_residues, device=scores.device)
    width = limits.width(n_residues)
    begins = (place + width.start).clamp(max=n_residues)
    ends = torch.maximum((place + width.stop).clamp(max=n_residues), begins)

    # The values of all rows, end to end.
    values = scores[(place >= begins[:, None]) & (place < ends[:, None])]  # (V,)
    is_kept = _mark_highest(values, n_kept)
    if floor is not None:
        is_kept |= values >= floor
    places = is_kept.nonzero().flatten()

    # Back from the place among all values to the row, and to the column within it.
    row_starts = (ends - begins).cumsum(0) - (ends - begins)
    i = torch.searchsorted(row_starts, places, right=True) - 1
    return torch.stack([i, places - row_starts[i] + begins[i]])


def _mark_highest(values: Tensor, n: int) -> Tensor:
    """Return True at the `n` highest values, at all where there are no more; of equal values the first are taken."""
    if n >= len(values):
        return torch.ones_like(values, dtype=torch.bool)

    threshold = values.topk(n).values[-1]
    is_highest = values > threshold
    ties = (values == threshold).nonzero().flatten()
    is_highest[ties[: n - int(is_highest.sum())]] = True
    return is_highest
