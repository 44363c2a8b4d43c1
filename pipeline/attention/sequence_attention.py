"""The output of a layer alone, sequence by sequence, for a pass on a CPU that keeps no attention.

Axis letters: `H` heads, `D` head dimension, `T` tokens of a sequence.
"""

import torch
from torch import Tensor

from attlas.pipeline.attention.definitions import LayerInputs
from attlas.pipeline.attention.tiles import Tile, choose_tile_shape


def attend_by_sequence(inputs: LayerInputs) -> Tensor | None:
    """Return a layer's output, (H, sum of T, D), by torch's own attention; None without values."""
    if inputs.v is None:
        return None
    return torch.cat([_attend(inputs, inputs.v, *place) for place in enumerate(inputs.pack.slices)], dim=1)


def _attend(inputs: LayerInputs, values: Tensor, sequence: int, tokens: slice) -> Tensor:
    """Return softmax(q k) v of one sequence, (H, T, D); added scores are made for a few query rows at a time."""
    q, k, v = inputs.q[:, tokens], inputs.k[None, :, tokens], values[None, :, tokens]
    n_tokens = q.shape[1]
    n_rows = n_tokens if inputs.added is None else choose_tile_shape(len(q), n_tokens)[1]

    parts = []
    for begin in range(0, n_tokens, n_rows):
        rows = q[None, :, begin : begin + n_rows]
        mask = None
        if inputs.added is not None:
            scores = inputs.added.select(Tile(sequence, slice(0, len(q)), tokens, begin), rows.shape[2])
            mask = scores.to(q.device, q.dtype)[None]
        attend = torch.nn.functional.scaled_dot_product_attention
        parts.append(attend(rows, k, v, attn_mask=mask, scale=inputs.scaling)[0])
    return torch.cat(parts, dim=1)
