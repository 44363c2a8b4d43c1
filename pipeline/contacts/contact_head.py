"""Contacts from attention: the model's own contact head, added up layer by layer while the pass runs.

The head is a logistic regression on the symmetrised, product-corrected map of every head of every layer (Rao et al.
2020; `EsmContactPredictionHead`). All of it is linear before the sigmoid, so one map of a sequence is held instead
of one of each head: `b + W + W^T - sum_c (w_c / t_c) r_c r_c^T`, with `W = sum_c w_c A_c`.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens, `P` sequences in a pack, `R` rows of a tile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention.attending import attend
from attlas.pipeline.attention.definitions import LayerInputs, Pack, PackAttention
from attlas.pipeline.attention.tiles import Tile
from attlas.pipeline.encoder.encoder import Encoder
from attlas.schema import EnvironmentFault

BLOCK = 1024
"""Rows and columns of the blocks in which a map is made symmetric in place."""


@dataclass(frozen=True)
class ContactHead:
    """The weights of a model's contact head, or of a mean of heads."""

    weights: Tensor
    """The weight of each layer and head, shape (L, H), float32, on the model's device."""
    bias: float


def find_contact_head(encoder: Encoder) -> ContactHead:
    """Return the contact head of a model.

    Raises:
        EnvironmentFault: the model has none.
    """
    head = getattr(encoder.model, "contact_head", None)
    name = encoder.model.config.model_type
    if head is None:
        raise EnvironmentFault(
            f"The weights of this {name} model hold no contact head: contacts cannot be predicted.",
            expected="contact_head.regression.weight and contact_head.regression.bias, as ESM-2 has them",
            hint="`attlas contacts DIR --heads HEADS` predicts them by a few heads of any model, which "
            "`--choose-heads FILE` ranks by structures; `--heads-only` compares single heads with structures; or use "
            "ESM-2 as published, or a fine-tuned model saved with its contact head",
        )

    weights = head.regression.weight.detach().float()
    n_heads = encoder.model.config.num_attention_heads
    return ContactHead(weights.reshape(encoder.n_layers, n_heads), float(head.regression.bias.detach()))


def predict_probabilities(encoder: Encoder, sequences: Sequence[str]) -> list[NDArray[np.float32]]:
    """Return the probabilities of `predict_probability_maps` as arrays on the host."""
    return [values.cpu().numpy() for values in predict_probability_maps(encoder, sequences)]


def predict_probability_maps(encoder: Encoder, sequences: Sequence[str]) -> list[Tensor]:
    """Return, for each sequence, the probability that two residues are in contact, (N, N), on the model's device.

    Symmetric but for the last bit. The sequences run as one pack; memory holds a map of each, a layer's projections
    and a tile. Pairs nearer than 6 residues have a value too, but the published heads were not fitted to them. Where
    half precision overflowed, the map is not finite. The caller holds the encoder's `lock` where threads share it.

    Raises:
        EnvironmentFault: the model has no contact head.
    """
    head = find_contact_head(encoder)
    if not sequences:
        return []

    reduce = ReduceToContacts(head, [len(sequence) for sequence in sequences])
    encoder.start(sequences, reduce=reduce)
    return reduce.probabilities()


class ReduceToContacts:
    """A `Reduction` that adds up the contact head's logits of one pack: called for each layer, then read once.

    In the `PackAttention` that it returns, `heads` is empty, (P, H, 0).
    """

    def __init__(self, head: ContactHead, n_residues: Sequence[int]) -> None:
        self.head = head
        self.n_layers_done = 0
        device = head.weights.device
        self._maps = [torch.zeros(n, n, device=device) for n in n_residues]  # half of the logits: M + M^T + b

    def __call__(self, inputs: LayerInputs, *, theta: float) -> PackAttention:
        """Add the next layer."""
        n_heads, n_tokens = inputs.q.shape[:2]
        with torch.autocast(inputs.q.device.type, enabled=False):
            layer = _Layer(self.head.weights[self.n_layers_done], self._maps, n_tokens=n_tokens)
            output = attend(inputs, add=layer)
            received = layer.correct(inputs.pack)

        self.n_layers_done += 1
        return PackAttention(output, received, received.new_zeros((len(inputs.pack.n_tokens), n_heads, 0)))

    def probabilities(self) -> list[Tensor]:
        """Return the probabilities of each sequence, (N, N), once all layers are added; uses the sums up.

        Raises:
            RuntimeError: layers are missing, or the sums were used up before.
        """
        return [logits.sigmoid_() for logits in self.scores()]

    def scores(self) -> list[Tensor]:
        """Return the weighted sum of the corrected maps of each sequence, (N, N), plus the bias; uses the sums up.

        Raises:
            RuntimeError: as `probabilities`.
        """
        if self.n_layers_done != len(self.head.weights):
            raise RuntimeError(f"{self.n_layers_done} of {len(self.head.weights)} layers were added")

        maps, self._maps, self.n_layers_done = self._maps, [], 0
        return [_add_transpose(logits).add_(self.head.bias) for logits in maps]


class _Layer:
    """A layer of a pack: adds tiles of weights to the maps, and keeps the row and column sums for the correction."""

    def __init__(self, weights: Tensor, maps: list[Tensor], *, n_tokens: int) -> None:
        self.weights, self.maps = weights, maps
        self.rows = weights.new_zeros((len(weights), n_tokens))  # (H, sum of T), inner row masses
        self.columns = torch.zeros_like(self.rows)

    def __call__(self, tile: Tensor, at: Tile) -> None:
        """Add attention weights, (heads, R, T)."""
        heads, n_rows, n_tokens = tile.shape
        # The tile's rows of residues, counted in the sequence and in the tile.
        begin_row, end_row = max(at.first_row, 1), min(at.first_row + n_rows, n_tokens - 1)
        residue_rows = slice(begin_row - at.first_row, end_row - at.first_row)

        inner = tile[:, residue_rows, 1:-1]
        begin = at.tokens.start
        self.rows[at.heads, begin + begin_row : begin + end_row] = inner.sum(2)
        self.columns[at.heads, begin + 1 : at.tokens.stop - 1] += inner.sum(1)

        weighted = torch.mv(tile.view(heads, -1).T, self.weights[at.heads]).view(n_rows, n_tokens)
        self.maps[at.sequence][begin_row - 1 : end_row - 1] += weighted[residue_rows, 1:-1]

    def correct(self, pack: Pack) -> Tensor:
        """Subtract the average product of each head; return attention received, mean over heads, (sum of N,)."""
        for tokens, sequence_map in zip(pack.slices, self.maps, strict=True):
            inner = slice(tokens.start + 1, tokens.stop - 1)
            mass = self.rows[:, inner] + self.columns[:, inner]  # (H, N), of S = A + A^T
            total = mass.sum(1)
            share = torch.where(total > 0, self.weights / total, 0)  # a head that gives residues nothing adds nothing
            sequence_map.addmm_(mass.T, share[:, None] * mass, alpha=-0.5)
        return self.columns.mean(0)[pack.residues]


def _add_transpose(values: Tensor) -> Tensor:
    """Add to a square matrix its transpose, in place, block by block: a second map may not fit beside the first."""
    parts = [slice(begin, begin + BLOCK) for begin in range(0, len(values), BLOCK)]
    for i, rows in enumerate(parts):
        for columns in parts[i:]:
            block = values[rows, columns] + values[columns, rows].T
            values[rows, columns] = block
            values[columns, rows] = block.T
    return values
