"""The shards of a fit: sequences of one fold that run through the model at once. Pure: no model, no file.

They depend on the labels and on the model, never on the machine or the workers: the sums of the shards of a fold are
added in their order, so that the same fit gives the same bytes, whoever computes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.packing import Budget, cut_runs
from attlas.pipeline.plan import SHARD_RESIDUES, SMALLEST_SHARD_RESIDUES, TYPICAL_LENGTH, Shard, predict_cost

FEWEST_SHARDS = 20
"""A small fit is cut into about this many shards, unless they were smaller than the smallest of a build."""
LARGEST_SHARD = 2
"""Cost of the largest shard of a fit, in those of the largest of a build: each has sums of its own to be saved."""
MOST_SAVED_BYTES = 32 << 30
"""Bytes of the sums of all shards, beyond which a fold is cut into fewer of them; one at least."""


@dataclass(frozen=True)
class FoldShards:
    """The shards of a fit, in order of their folds."""

    shards: tuple[Shard, ...]
    """`first_sequence_id` and `end_sequence_id` count the sequences of what is fitted."""
    folds: tuple[int, ...]
    """The fold of each shard."""

    def of_fold(self, fold: int) -> list[Shard]:
        """Return the shards of a fold."""
        return [shard for shard, fold_of_shard in zip(self.shards, self.folds, strict=True) if fold_of_shard == fold]

    def find(self, index: int) -> tuple[slice, int]:
        """Return the sequences of shard `index` (from 1), and their fold."""
        shard = self.shards[index - 1]
        return slice(shard.first_sequence_id, shard.end_sequence_id), self.folds[index - 1]


def cut_fold_shards(
    lengths: Sequence[int],
    folds: NDArray[np.int64],
    shape: ModelShape,
    *,
    device: str,
    sum_bytes: int,
    predict_bytes: Callable[[slice], int],
) -> FoldShards:
    """Return the shards of sequences that are sorted by fold.

    Args:
        lengths: residues of each sequence.
        folds: fold of each, in ascending order.
        shape: the sizes of the model.
        device: the device of the plan.
        sum_bytes: bytes of the sums of a shard.
        predict_bytes: returns a bound on the memory of a process that computes some of the sequences.
    """
    costs = np.array([predict_cost(length, shape) for length in lengths])
    n_folds = len(np.unique(folds))
    most_of_fold = max(1, MOST_SAVED_BYTES // (sum_bytes * n_folds))
    residue_cost = predict_cost(TYPICAL_LENGTH, shape) / TYPICAL_LENGTH
    smallest, largest = SMALLEST_SHARD_RESIDUES[device], LARGEST_SHARD * SHARD_RESIDUES[device]
    target = min(residue_cost * largest, max(residue_cost * smallest, float(costs.sum()) / FEWEST_SHARDS))

    shards: list[Shard] = []
    shard_folds: list[int] = []
    for fold in np.unique(folds):
        places = np.flatnonzero(folds == fold)
        fold_costs, begin = costs[places], int(places[0])
        n_shards = int(min(most_of_fold, np.ceil(fold_costs.sum() / target)))

        # Equal shards; where the last sequence of one is costly, fewer than asked for.
        for run in cut_runs(Budget(fold_costs.tolist(), _find_limit(fold_costs, n_shards))):
            part = slice(begin + run.start, begin + run.stop)
            shards.append(
                Shard(
                    index=len(shards) + 1,
                    first_sequence_id=part.start,
                    end_sequence_id=part.stop,
                    n_residues=sum(lengths[part]),
                    cost=float(costs[part].sum()),
                    predicted_bytes=predict_bytes(part),
                )
            )
            shard_folds.append(int(fold))
    return FoldShards(tuple(shards), tuple(shard_folds))


def _find_limit(costs: NDArray[np.float64], n_shards: int) -> float:
    """Return a largest cost with which runs of sequences are `n_shards` at most."""
    limit = float(costs.sum()) / n_shards
    while len(list(cut_runs(Budget(costs.tolist(), limit)))) > n_shards:
        limit *= 1.01
    return limit
