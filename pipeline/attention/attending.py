"""The attention weights of a layer, tile by tile, for a pass that adds them up in its own way, on any device.

Axis letters: `H` heads, `T` tokens of a sequence, `D` head dimension, `R` query rows of a tile.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from attlas.pipeline.attention.definitions import LayerInputs
from attlas.pipeline.attention.rows import receive_rows
from attlas.pipeline.attention.tiled import attend_in_tiles
from attlas.pipeline.attention.tiles import Tile

GPU_TILE_ELEMENTS = 1 << 26
"""Attention weights in a tile on a GPU (256 MB), which has no cache to stay in."""

AddTile = Callable[[Tensor, Tile], None]
"""Takes the weights of a tile, (heads, R, T) float32 and contiguous, special tokens included, and the tile's place."""


def attend(inputs: LayerInputs, *, add: AddTile) -> Tensor | None:
    """Return a layer's output, (H, sum of T, D), dtype of `v`, None without; call `add` with each tile of weights."""
    attend_by_device = attend_in_rows if inputs.q.is_cuda else attend_in_cache
    with torch.autocast(inputs.q.device.type, enabled=False):  # of mixed models: sums need float32
        return attend_by_device(inputs, add=add)


def attend_in_cache(inputs: LayerInputs, *, add: AddTile) -> Tensor | None:
    """Return a layer's output on a CPU, in the build's tiles, which stay in cache."""
    unused = np.zeros((3, len(inputs.q), max(inputs.pack.n_tokens)))

    def soften(tile: Tensor, at: Tile) -> None:
        receive_rows(tile.numpy(), at.first_row, np.float32(np.inf), *unused[:, : len(tile), : tile.shape[2]])
        add(tile, at)

    return attend_in_tiles(inputs, soften=soften)


def attend_in_rows(inputs: LayerInputs, *, add: AddTile) -> Tensor | None:
    """Return a layer's output on any device, in tiles of all heads and a few query rows."""
    q, k, v = inputs.q, inputs.k, inputs.v
    output = None if v is None else torch.empty_like(v)

    for sequence, tokens in enumerate(inputs.pack.slices):
        keys = k[:, tokens].float().transpose(1, 2)
        n_rows = max(1, GPU_TILE_ELEMENTS // (len(q) * keys.shape[2]))

        for begin in range(tokens.start, tokens.stop, n_rows):
            rows = slice(begin, min(begin + n_rows, tokens.stop))
            at = Tile(sequence, slice(0, len(q)), tokens, begin - tokens.start)
            scores = q[:, rows].float() @ keys * inputs.scaling
            if inputs.added is not None:
                scores += inputs.added.select(at, scores.shape[1]).to(scores.device)
            tile = torch.softmax(scores, dim=-1)
            add(tile, at)

            if v is not None and output is not None:
                output[:, rows] = (tile @ v[:, tokens].float()).to(v.dtype)
    return output
