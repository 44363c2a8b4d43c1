"""Shards of a fit hold every sequence of one fold, within the room of their sums."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attlas.pipeline.fitting import fold_shards
from attlas.pipeline.fitting.fold_shards import cut_fold_shards
from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.plan import SMALLEST_SHARD_RESIDUES, TYPICAL_LENGTH, predict_cost

MODEL = ModelShape("esm", 6, 20, 320, 1280, None, 1 << 25)


@example(lengths=[[10], [10], [10, 652, 900]], sum_bytes=1 << 20)  # few residues, whose costs are of squares
@given(
    lengths=st.lists(st.lists(st.integers(10, 900), min_size=1, max_size=40), min_size=3, max_size=5),
    sum_bytes=st.sampled_from((1 << 20, 1 << 32)),
)
@settings(max_examples=40, deadline=None)
def test_shards_hold_every_sequence_of_one_fold_each_within_the_room_of_their_sums(
    lengths: list[list[int]], sum_bytes: int
) -> None:
    folds = np.repeat(np.arange(len(lengths)), [len(of_fold) for of_fold in lengths])
    flat = [length for of_fold in lengths for length in of_fold]
    shards = cut_fold_shards(
        flat, folds, MODEL, device="cpu", sum_bytes=sum_bytes, predict_bytes=lambda places: sum(flat[places])
    )
    covered = [place for shard in shards.shards for place in range(shard.first_sequence_id, shard.end_sequence_id)]
    assert covered == list(range(len(flat)))
    for shard, fold in zip(shards.shards, shards.folds, strict=True):
        assert set(folds[shard.first_sequence_id : shard.end_sequence_id].tolist()) == {fold}
        assert shard.n_residues == shard.predicted_bytes == sum(flat[shard.first_sequence_id : shard.end_sequence_id])
    most = max(1, fold_shards.MOST_SAVED_BYTES // (sum_bytes * len(lengths)))
    assert all(1 <= len(shards.of_fold(fold)) <= most for fold in range(len(lengths)))

    smallest = predict_cost(TYPICAL_LENGTH, MODEL) / TYPICAL_LENGTH * SMALLEST_SHARD_RESIDUES["cpu"]
    for fold in range(len(lengths)):
        of_fold = shards.of_fold(fold)
        assert len(of_fold) <= np.ceil(sum(shard.cost for shard in of_fold) / smallest)
