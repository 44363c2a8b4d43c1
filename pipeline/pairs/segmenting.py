"""Attention between the segments of a pair, ten of each chain: means over heads and queries, sums over keys.

An analogue of the 20 x 20 attention of ESM2_AMP, whose own is that of an encoder trained on vectors of segments; this
is the attention of the language model itself on both sequences.

Axis letters: `L` layers, `T` tokens of an input, `R` query rows of a tile.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.pairs.joining import JoinedInput
from attlas.pipeline.segments import N_SEGMENTS, cut_segments

N_PAIR_SEGMENTS = 2 * N_SEGMENTS
"""Segments of a pair: those of the first chain of the input, then those of the other."""


class SegmentSums:
    """The attention between the segments of one input, added up tile by tile."""

    def __init__(self, joined: JoinedInput, *, n_layers: int, n_heads: int, device: torch.device) -> None:
        self.membership = _mark_segments(joined).to(device)
        self.n_heads = n_heads
        self.sums = torch.zeros(n_layers, N_PAIR_SEGMENTS, N_PAIR_SEGMENTS, dtype=torch.float64, device=device)

    def add_tile(self, tile: Tensor, *, layer: int, first_row: int) -> None:
        """Add the weights of a tile, (heads, R, T)."""
        queries = self.membership[first_row : first_row + tile.shape[1]]
        self.sums[layer] += queries.T @ (tile.sum(0).double() @ self.membership)

    def average(self) -> NDArray[np.float32]:
        """Return the mean attention of each segment to each, (L, 20, 20); not a number where a segment is empty."""
        n_queries = self.n_heads * self.membership.sum(0)
        weights = torch.where(n_queries > 0, self.sums / n_queries[:, None], torch.nan)
        # An empty segment is no key either.
        weights[:, n_queries == 0] = torch.nan
        weights[:, :, n_queries == 0] = torch.nan
        return weights.float().cpu().numpy()


def turn_segments(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weights (L, 20, 20) with the segments of the other chain before."""
    return np.roll(weights, (N_SEGMENTS, N_SEGMENTS), axis=(1, 2))


def _mark_segments(joined: JoinedInput) -> Tensor:
    """Return the membership of tokens in segments, 1 or 0, (T, 20) float64."""
    membership = torch.zeros(len(joined), N_PAIR_SEGMENTS, dtype=torch.float64)
    for chain, tokens in enumerate(joined.chains):
        for number, part in enumerate(cut_segments(tokens.stop - tokens.start)):
            begin = tokens.start - 1  # positions count from 1
            membership[begin + part.start : begin + part.stop, chain * N_SEGMENTS + number] = 1
    return membership
