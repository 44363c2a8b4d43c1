"""Numbers added to the scores of a layer before their softmax: what positions and masks do in some architectures.

They are read tile by tile, so that no architecture needs a matrix of all pairs.
Axis letters: `H` heads, `T` tokens of a sequence, `M` longest sequence that a bias reaches, `R` query rows of a tile.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from attlas.pipeline.attention.tiles import Tile

HIDDEN = -30_000.0
"""Added to the score of a pair that may not attend: its weight is 0. Finite, because 0 times infinity is no number."""


class AddedScores(Protocol):
    """Numbers added to the scaled scores of one layer."""

    def select(self, tile: Tile, n_rows: int) -> Tensor:
        """Return those of the `n_rows` query rows of a tile, (heads or 1, R, T), float32, in natural units."""
        ...


@dataclass(frozen=True)
class OffsetScores:
    """Numbers that depend on j - i alone, and pairs of tokens that may not attend to each other.

    The relative bias of T5 and ALiBi are such numbers. A model without a begin token (or without an end token) runs
    with a token in its place, which is hidden from all.
    """

    bias: Tensor | None = None
    """The number of each offset j - i from 1 - M to M - 1, shape (H or 1, 2M - 1), float32; None: 0 everywhere."""
    window: int | None = None
    """Largest |j - i| of tokens that attend to each other; None: all do."""
    is_first_hidden: bool = False
    is_last_hidden: bool = False

    def select(self, tile: Tile, n_rows: int) -> Tensor:
        """Return the numbers of a tile's rows, (heads or 1, R, T)."""
        n_tokens = tile.tokens.stop - tile.tokens.start
        nothing = torch.zeros(1, n_rows, n_tokens)
        scores = nothing if self.bias is None else _cut_rows(self.bias, tile, n_rows, n_tokens)

        if self.window is not None:
            rows = torch.arange(tile.first_row, tile.first_row + n_rows, device=scores.device)
            offsets = torch.arange(n_tokens, device=scores.device) - rows[:, None]
            scores.masked_fill_(offsets.abs() > self.window, HIDDEN)
        if self.is_first_hidden:
            scores[:, :, 0] = HIDDEN
        if self.is_last_hidden:
            scores[:, :, -1] = HIDDEN
        return scores


@dataclass(frozen=True)
class MapScores:
    """A whole map of one sequence, as scores: the softmax of the logarithms of weights that sum to 1 is these weights.

    So whatever reduces queries and keys reduces the map of any model, with queries and keys of width 0.
    """

    attention: Tensor
    """The map, shape (H, T, T), any float dtype."""

    def select(self, tile: Tile, n_rows: int) -> Tensor:
        """Return the logarithms of the weights of a tile's rows, (heads, R, T)."""
        rows = self.attention[tile.heads, tile.first_row : tile.first_row + n_rows]
        return rows.float().log().clamp_(min=HIDDEN)


def _cut_rows(bias: Tensor, tile: Tile, n_rows: int, n_tokens: int) -> Tensor:
    """Return a bias's numbers for the rows of a tile as a new tensor, (heads or 1, R, T)."""
    reach = (bias.shape[1] + 1) // 2
    # Row i holds the offsets -i to T - 1 - i: the bias from reach - 1 - i on. Later rows begin earlier.
    end = reach - tile.first_row
    heads = bias if len(bias) == 1 else bias[tile.heads]
    return heads.unfold(1, n_tokens, 1)[:, end - n_rows : end].flip(1)
