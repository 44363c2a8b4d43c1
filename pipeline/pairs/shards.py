"""Shards of pairs, which run through the model as inputs as long as both proteins: their cost and their memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from attlas.pipeline.pairs.joining import Form, list_joined_lengths
from attlas.pipeline.pairs.supported_forms import PairModel
from attlas.pipeline.plan import Shard, cut_shards

PredictBytes = Callable[[Shard, Sequence[int]], int]
"""Returns the memory, in bytes, of a process that computes a shard, whose own bound is that of single sequences as long
as the joined pairs; and the residues of both proteins of its pairs."""


def cut_pair_shards(
    lengths: Sequence[int],
    model: PairModel,
    *,
    forms: Sequence[Form],
    n_inputs: int,
    predict_bytes: PredictBytes,
) -> list[Shard]:
    """Cut pairs into shards of about equal cost.

    Args:
        lengths: residues of both proteins of each pair, ascending.
        model: the model.
        forms: how the two are joined.
        n_inputs: inputs of a pair: those of every form, in every order.
        predict_bytes: the memory that a process needs for a shard.
    """
    if not lengths:
        return []

    shards = []
    joined_lengths = list_joined_lengths(lengths, forms)
    for shard in cut_shards(joined_lengths, shape=model.shape, device=model.device, attention=model.attention):
        of_shard = lengths[shard.first_sequence_id : shard.end_sequence_id]
        shards.append(
            replace(
                shard,
                n_residues=sum(of_shard) * n_inputs,
                cost=shard.cost * n_inputs,
                predicted_bytes=predict_bytes(shard, of_shard),
            )
        )
    return shards
