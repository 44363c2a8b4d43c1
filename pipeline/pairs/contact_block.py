"""Contacts between two joined sequences: a weighted sum of corrected heads, for the block across alone.

The same as `contacts.contact_head`, with its weights or those of a few fused heads, but on a joined map: `A + A^T` less
the average product. The product is that of the residues of both sequences, without linker and special tokens.

Axis letters: `H` heads, `T` tokens of an input, `A` and `B` residues of its chains.
"""

import torch
from torch import Tensor

from attlas.pipeline.contacts.contact_head import ContactHead
from attlas.pipeline.pairs.joining import JoinedInput
from attlas.pipeline.pairs.summing import cut_rows


class ContactBlock:
    """The logits, or scores, of the block across of one input, added up layer by layer."""

    def __init__(self, head: ContactHead, joined: JoinedInput) -> None:
        self.head, self.chains = head, joined.chains
        self.values = torch.full(joined.lengths, head.bias, device=head.weights.device)  # (A, B)

    def add_tile(self, tile: Tensor, *, layer: int, heads: slice, first_row: int) -> None:
        """Add the weights of a tile, (heads, R, T), to what is summed of its layer."""
        weights = self.head.weights[layer, heads]
        is_used = weights.nonzero()[:, 0]
        if len(is_used) == 0:
            return

        # Attention of the first chain to the second, and that of the second to the first.
        chain_a, chain_b = self.chains
        if rows := cut_rows(chain_a, first_row, tile.shape[1]):
            place = slice(first_row + rows.start - chain_a.start, first_row + rows.stop - chain_a.start)
            self.values[place] += _sum_heads(tile[:, rows, chain_b], weights, is_used)
        if rows := cut_rows(chain_b, first_row, tile.shape[1]):
            place = slice(first_row + rows.start - chain_b.start, first_row + rows.stop - chain_b.start)
            self.values[:, place] += _sum_heads(tile[:, rows, chain_a], weights, is_used).T

    def correct(self, mass: Tensor, *, layer: int) -> None:
        """Subtract the average product of a layer's heads.

        Args:
            mass: attention of `A + A^T` that each token of the input gives residues, (H, T) float64; the linker and
                special tokens give and receive none.
            layer: the layer.
        """
        chain_a, chain_b = self.chains
        total = mass[:, chain_a].sum(1) + mass[:, chain_b].sum(1)

        # A head that gives residues nothing has no product.
        share = torch.where(total > 0, self.head.weights[layer].to(mass.dtype) / total, 0)
        product = (mass[:, chain_a] * share[:, None]).T @ mass[:, chain_b]
        self.values -= product.to(self.values.dtype)


def _sum_heads(weights: Tensor, head_weights: Tensor, is_used: Tensor) -> Tensor:
    """Return the weighted sum over the used heads of a block of attention, (heads, rows, columns)."""
    block = weights[is_used].float()
    return (head_weights[is_used] @ block.flatten(1)).view(block.shape[1:])
