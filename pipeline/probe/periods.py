"""The attention that residues give to those one period before and after them, summed while the model runs.

In a protein of repeats, an induction head attends from a residue to the aligned residue of the repeat before
(arXiv 2602.23179): its attention lies on the two diagonals at the period of the repeats.

Axis letters: `H` heads, `P` sequences in a pack, `D` directions.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from attlas.pipeline.attention.definitions import Pack
from attlas.pipeline.attention.tiles import Tile

DIRECTIONS = ("before", "after")
"""Directions of the key, one period from the query."""


class PeriodSums:
    """Sums of attention at periods, of the sequences of a pack, filled tile by tile."""

    def __init__(self, periods: Sequence[int], pack: Pack, n_heads: int) -> None:
        self.periods = periods
        self.lengths = pack.n_residues
        shape = (len(self.lengths), n_heads, len(periods), len(DIRECTIONS))
        self._sums = torch.zeros(shape, dtype=torch.float64, device=pack.device)

    def add(self, tile: Tensor, at: Tile) -> None:
        """Add the weights of a tile, (heads, R, T), special tokens included."""
        n_residues, n_rows = self.lengths[at.sequence], tile.shape[1]
        for i, period in enumerate(self.periods):
            for direction, step in enumerate((-period, period)):
                # The rows whose query is a residue, token 1 to n_residues, and the key one period from it, too.
                begin = max(1, 1 - step) - at.first_row
                end = min(n_residues, n_residues - step) + 1 - at.first_row
                rows = slice(max(begin, 0), min(end, n_rows))
                if rows.start >= rows.stop:
                    continue

                first_key = at.first_row + step
                keys = slice(first_key + rows.start, first_key + rows.stop)
                weights = tile[:, rows, keys].diagonal(dim1=1, dim2=2)
                self._sums[at.sequence, at.heads, i, direction] += weights.sum(1, dtype=torch.float64)

    def by_head(self) -> Tensor:
        """Return the sums of each head, sequence after sequence, (H, P x periods x D), on the device of the weights."""
        return self._sums.transpose(0, 1).flatten(1)
