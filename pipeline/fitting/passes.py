"""The two passes of the model over labelled sequences: sums of every fold, then scores on the folds left out.

Residues that count for the same sets of labels are multiplied once.

Axis letters: `N` residues, `M` targets, `K` folds, `S` sets of labels, `C` columns of scores.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.features import PackFeatures, iterate_features
from attlas.pipeline.fitting.fold_shards import FoldShards
from attlas.pipeline.fitting.inputs import FeatureBlocks, Shape
from attlas.pipeline.fitting.letters import encode_windows
from attlas.pipeline.fitting.saved_arrays import Arrays, SavedArrays
from attlas.pipeline.fitting.scores import FoldWeights
from attlas.pipeline.fitting.shard_task import FitTask
from attlas.pipeline.fitting.sums import SetSums, multiply
from attlas.pipeline.fitting.task import FitTargets
from attlas.pipeline.fitting.task_arrays import make_task_arrays, read_task


def name_input(index: int) -> str:
    """Return the name of the arrays with the sequences and targets of shard `index`."""
    return f"residues-{index:05d}"


def name_weights(weights: str, place: int, fold: int) -> str:
    """Return the name of the arrays with the weights of a set of labels, by which a fold is scored."""
    return f"{weights}-residues-weights-{place}-{fold}"


def save_inputs(saved: SavedArrays, task: FitTargets, shards: FoldShards) -> None:
    """Save the sequences and targets of every shard that are not there."""
    for shard in shards.shards:
        if not saved.has(name_input(shard.index)):
            places, _ = shards.find(shard.index)
            saved.write(name_input(shard.index), make_task_arrays(task.select(places)))


@dataclass(frozen=True)
class SumResidues(FitTask):
    """The first pass: the sums of every set of labels over the residues of a shard."""

    @property
    def name(self) -> str:
        """The beginning of its files' names."""
        return f"{self.model.name}-residues-sums"

    def compute(self, encoder: Encoder, saved: SavedArrays, index: int) -> Arrays:
        """Return the sums of each set, by its place."""
        with saved.open(name_input(index)) as read:
            task = read_task(read)
        sums = sum_features(encoder, task, self.model.shape, pack_tokens=self.model.pack_tokens)
        named = [of_set.to_arrays(prefix=f"{place} ") for place, of_set in enumerate(sums)]
        return {name: array for arrays in named for name, array in arrays.items()}


@dataclass(frozen=True)
class ScoreResidues(FitTask):
    """The second pass: the scores of a shard's residues by the probes that left out their fold."""

    @property
    def name(self) -> str:
        """The beginning of its files' names."""
        return f"{self.model.name}-residues-scores"

    def compute(self, encoder: Encoder, saved: SavedArrays, index: int) -> Arrays:
        """Return the scores of each set, (inputs, C, N), by its place."""
        with saved.open(name_input(index)) as read:
            task = read_task(read)
        _, fold = self.shards.find(index)
        weights = []
        for place in range(len(task.n_labels)):
            with saved.open(name_weights(self.model.name, place, fold)) as read:
                weights.append(FoldWeights.read(read))
        scores = score_residues(encoder, task, weights, pack_tokens=self.model.pack_tokens)
        return {str(place): values for place, values in enumerate(scores)}


def add_sums(saved: SavedArrays, task: SumResidues, place: int, *, n_targets: int) -> list[SetSums]:
    """Return the sums of a set of labels in each fold: those of its shards, added in their order.

    One shard's are held beside them.
    """
    folds = [SetSums(task.model.shape, n_targets, torch.device("cpu")) for _ in range(max(task.shards.folds) + 1)]
    for shard, fold in zip(task.shards.shards, task.shards.folds, strict=True):
        with saved.open(task.name_shard(shard.index)) as read:
            folds[fold].add_saved(read, prefix=f"{place} ")
    return folds


def join_scores(saved: SavedArrays, task: ScoreResidues, place: int) -> NDArray[np.float32]:
    """Return the scores of a set of labels, (inputs, C, N), its residues in order of what is fitted."""
    parts = []
    for shard in task.shards.shards:
        with saved.open(task.name_shard(shard.index)) as read:
            parts.append(np.asarray(read(str(place)), np.float32))
    return np.concatenate(parts, axis=2)


def sum_features(encoder: Encoder, task: FitTargets, shape: Shape, *, pack_tokens: int) -> list[SetSums]:
    """Run the model and return the sums of each set over all residues of a task."""
    sums = [SetSums(shape, n_targets, encoder.device) for n_targets in task.n_targets]
    for pack, blocks in _iterate_blocks(encoder, task, pack_tokens=pack_tokens):
        _add_pack(sums, task, pack, blocks)
    return sums


def _add_pack(sums: Sequence[SetSums], task: FitTargets, pack: slice, blocks: FeatureBlocks) -> None:
    """Add the residues of a pack to the sums of each set."""
    is_counted = _stack_counted(task, pack)  # (S, N)
    targets = [_stack_targets(task, pack, place) for place in range(len(task.n_labels))]

    # Residues that count for the same sets stand together.
    patterns, strata = np.unique(is_counted, axis=1, return_inverse=True)
    for i, pattern in enumerate(patterns.T):
        if not pattern.any():
            continue
        residues = np.flatnonzero(strata.ravel() == i)
        products = multiply(_select(blocks, residues))
        for place in np.flatnonzero(pattern).tolist():
            values = torch.from_numpy(targets[place][:, residues].T.copy()).to(blocks.heads.device)
            sums[place].add(products, values)


def score_residues(
    encoder: Encoder, task: FitTargets, weights: Sequence[FoldWeights], *, pack_tokens: int
) -> list[NDArray[np.float32]]:
    """Run the model and return the scores of each set, (inputs, C, N), by the weights of the fold of all residues."""
    scores = [
        np.zeros((*of_set.intercepts.shape, task.count_residues(place)), np.float32)
        for place, of_set in enumerate(weights)
    ]
    ends = [0] * len(scores)
    for pack, blocks in _iterate_blocks(encoder, task, pack_tokens=pack_tokens):
        for place, is_counted in enumerate(_stack_counted(task, pack)):
            residues = np.flatnonzero(is_counted)
            if len(residues):
                end = ends[place] + len(residues)
                scores[place][:, :, ends[place] : end] = weights[place].score(_select(blocks, residues))
                ends[place] = end
    return scores


def _iterate_blocks(encoder: Encoder, task: FitTargets, *, pack_tokens: int) -> Iterator[tuple[slice, FeatureBlocks]]:
    """Yield the blocks of features of pack after pack, with the slice of the task's sequences it holds."""
    letters = [sequence.sequence for sequence in task.sequences]
    for pack, features in iterate_features(encoder, letters, pack_tokens=pack_tokens):
        yield pack, _make_blocks(letters[pack], features)


def _make_blocks(letters: Sequence[str], features: PackFeatures) -> FeatureBlocks:
    window = torch.from_numpy(np.concatenate([encode_windows(sequence) for sequence in letters]))
    heads = features.heads.flatten(1)
    return FeatureBlocks(window.to(heads.device).double(), heads.double(), features.hidden.double())


def _select(blocks: FeatureBlocks, residues: NDArray[np.int64]) -> FeatureBlocks:
    """Return the blocks of some residues; the blocks themselves where these are all."""
    if len(residues) == len(blocks.heads):
        return blocks
    return blocks.select(_copy_places(residues, blocks.heads.device))


def _copy_places(residues: NDArray[np.int64], device: torch.device) -> Tensor:
    return torch.from_numpy(residues).to(device)


def _stack_counted(task: FitTargets, pack: slice) -> NDArray[np.bool_]:
    """Return the mask of a pack's residues that count for each set, (S, N)."""
    columns = []
    for sequence in task.sequences[pack]:
        is_counted = np.zeros((len(task.n_labels), len(sequence.sequence)), bool)
        for place, values in sequence.sets.items():
            is_counted[place] = values.is_counted
        columns.append(is_counted)
    return np.concatenate(columns, axis=1)


def _stack_targets(task: FitTargets, pack: slice, place: int) -> NDArray[np.float64]:
    """Return the targets of a set on the residues of a pack, (M, N); 0 where the set does not count."""
    n_targets = task.n_targets[place]
    empty = [np.zeros((n_targets, length)) for length in task.lengths[pack]]
    targets = task.targets[pack]
    return np.concatenate([of_sets.get(place, zeros) for of_sets, zeros in zip(targets, empty, strict=True)], axis=1)
