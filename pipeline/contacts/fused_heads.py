"""Contacts by fused heads: the mean of the product-corrected maps of a few heads, for models without a contact head.

A head's map is symmetrised and corrected as the contact head does, and the heads count alike (arXiv 2606.21876). The
sum is linear, so it is the contact head's own, with equal weights for the heads and 0 for all others, no bias, and no
sigmoid: the scores are no probabilities.

Axis letters: `N` residues, `L` layers, `H` heads.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from attlas.pipeline.contacts.contact_head import ContactHead, ReduceToContacts
from attlas.pipeline.contacts.head_choice import Head
from attlas.pipeline.encoder.encoder import Encoder


def predict_fused_maps(encoder: Encoder, sequences: Sequence[str], heads: Sequence[Head]) -> list[Tensor]:
    """Return, for each sequence, the fused score of every pair, (N, N): the higher, the likelier a contact.

    The scores rank the pairs of one protein; pairs nearer than 6 residues have one, too. Memory and locks are as in
    `contact_head.predict_probability_maps`. Where half precision overflowed, the map is not finite.

    Raises:
        ValueError: there are no heads, or the model lacks one of them.
    """
    weights = make_mean(encoder, heads)
    if not sequences:
        return []

    reduce = ReduceToContacts(weights, [len(sequence) for sequence in sequences])
    encoder.start(sequences, reduce=reduce)
    return reduce.scores()


def make_mean(encoder: Encoder, heads: Sequence[Head]) -> ContactHead:
    """Return the weights of the heads' mean, shape (L, H), on the model's device."""
    if not heads:
        raise ValueError("no head to fuse")
    if lacking := [head for head in heads if not (head.layer < encoder.n_layers and head.head < encoder.n_heads)]:
        raise ValueError(f"a model of {encoder.n_layers} x {encoder.n_heads} heads lacks {lacking}")

    weights = torch.zeros(encoder.n_layers, encoder.n_heads, device=encoder.device)
    for head in heads:
        weights[head.layer, head.head] = 1 / len(heads)
    return ContactHead(weights, bias=0.0)
