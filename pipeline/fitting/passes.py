"""The two passes of the model over labelled sequences: sums for all folds together, then scores on the folds left out.

Every pack holds sequences of one fold. Residues that count for the same sets of labels are multiplied once.

Axis letters: `N` residues, `M` targets, `K` folds, `S` sets of labels.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.features import PackFeatures, encode_windows, iterate_features
from attlas.pipeline.fitting.inputs import Blocks, ProbeInput, Shape
from attlas.pipeline.fitting.label_sets import FitSequence
from attlas.pipeline.fitting.ridge import FoldProbes, fit_folds
from attlas.pipeline.fitting.saved_folds import SavedFolds
from attlas.pipeline.fitting.scores import FoldWeights, SetScores, count_columns
from attlas.pipeline.fitting.sums import SetSums, multiply

CountResidues = Callable[[int], None]
"""Is told the residues of each pack that has run through the model."""


@dataclass(frozen=True)
class Task:
    """What is fitted: sequences with their targets and folds, sorted so that packs are of one fold."""

    sequences: tuple[FitSequence, ...]
    """In order of fold, of the sets that count, and of length."""
    targets: tuple[dict[int, NDArray[np.float64]], ...]
    """The targets of each set on each sequence, (M, N)."""
    folds: NDArray[np.int64]
    """The fold of each sequence."""
    n_labels: tuple[int, ...]
    """Labels of each set."""
    n_folds: int

    @property
    def n_targets(self) -> list[int]:
        """Return the number of targets of each set."""
        return [count_columns(n, 0) for n in self.n_labels]

    def count_residues(self, place: int, fold: int | None = None) -> int:
        """Return the residues that count for a set, of a fold or of all."""
        members = [
            s for s, of in zip(self.sequences, self.folds, strict=True) if fold in (None, of) and place in s.sets
        ]
        return sum(int(sequence.sets[place].is_counted.sum()) for sequence in members)

    def count_fold_residues(self, fold: int) -> int:
        """Return the residues of the sequences of a fold."""
        return sum(len(self.sequences[place].sequence) for place in np.flatnonzero(self.folds == fold))


def sum_features(
    encoder: Encoder,
    task: Task,
    shape: Shape,
    *,
    pack_tokens: int,
    count: CountResidues,
    saved: SavedFolds | None = None,
) -> list[list[SetSums]]:
    """Run the model and return the sums of each set and fold; a fold that is saved does not run again."""
    sums = [[SetSums(shape, n_targets, encoder.device) for _ in range(task.n_folds)] for n_targets in task.n_targets]
    for fold in range(task.n_folds):
        of_fold = [of_set[fold] for of_set in sums]
        if saved is not None and (arrays := saved.read("sums", fold)) is not None:
            for place, of_set in enumerate(of_fold):
                of_set.load(arrays, prefix=f"{place} ")
            count(task.count_fold_residues(fold))
            continue

        for pack, blocks in _iterate_blocks(encoder, task, fold, pack_tokens=pack_tokens, count=count):
            _add_pack(of_fold, task, pack, blocks)
        if saved is not None:
            named = [of_set.to_arrays(prefix=f"{place} ") for place, of_set in enumerate(of_fold)]
            saved.write("sums", fold, {name: array for arrays in named for name, array in arrays.items()})
    return sums


def _add_pack(of_fold: Sequence[SetSums], task: Task, pack: slice, blocks: Blocks) -> None:
    """Add the residues of a pack to the sums of each set in its fold."""
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
            of_fold[place].add(products, values)


def fit_sums(
    sums: Sequence[Sequence[SetSums]], inputs: Sequence[ProbeInput]
) -> list[dict[ProbeInput, list[FoldProbes]]]:
    """Return the probes of each set, by input."""
    return [{source: fit_folds([fold.select(source) for fold in of_set]) for source in inputs} for of_set in sums]


def score_residues(
    encoder: Encoder,
    task: Task,
    shape: Shape,
    probes: Sequence[dict[ProbeInput, list[FoldProbes]]],
    *,
    pack_tokens: int,
    count: CountResidues,
    saved: SavedFolds | None = None,
) -> list[SetScores]:
    """Run the model again and return the scores of each set, its residues in order of the task's sequences.

    A fold that is saved does not run again.
    """
    scores = [
        np.zeros((len(of_set), count_columns(n, task.n_folds), task.count_residues(place)), np.float32)
        for place, (of_set, n) in enumerate(zip(probes, task.n_labels, strict=True))
    ]
    begins = [0] * len(scores)
    for fold in range(task.n_folds):
        ends = [begin + task.count_residues(place, fold) for place, begin in enumerate(begins)]
        of_fold = [values[:, :, b:e] for values, b, e in zip(scores, begins, ends, strict=True)]
        begins = ends
        if saved is not None and (arrays := saved.read("scores", fold)) is not None:
            for place, values in enumerate(of_fold):
                values[:] = arrays[str(place)]
            count(task.count_fold_residues(fold))
            continue

        _score_fold(encoder, task, fold, shape, probes, of_fold, pack_tokens=pack_tokens, count=count)
        if saved is not None:
            saved.write("scores", fold, {str(place): values for place, values in enumerate(of_fold)})
    return [SetScores(values) for values in scores]


def _score_fold(
    encoder: Encoder,
    task: Task,
    fold: int,
    shape: Shape,
    probes: Sequence[dict[ProbeInput, list[FoldProbes]]],
    scores: Sequence[NDArray[np.float32]],
    *,
    pack_tokens: int,
    count: CountResidues,
) -> None:
    """Fill the scores of each set in a fold, (inputs, C, N)."""
    weights = [FoldWeights(of_set, fold, shape) for of_set in probes]
    ends = [0] * len(scores)
    for pack, blocks in _iterate_blocks(encoder, task, fold, pack_tokens=pack_tokens, count=count):
        for place, is_counted in enumerate(_stack_counted(task, pack)):
            residues = np.flatnonzero(is_counted)
            if len(residues):
                end = ends[place] + len(residues)
                scores[place][:, :, ends[place] : end] = weights[place].score(_select(blocks, residues))
                ends[place] = end


def _iterate_blocks(
    encoder: Encoder, task: Task, fold: int, *, pack_tokens: int, count: CountResidues
) -> Iterator[tuple[slice, Blocks]]:
    """Yield the blocks of features of pack after pack of a fold, with the slice of the task's sequences it holds."""
    places = np.flatnonzero(task.folds == fold)
    if not len(places):
        return
    begin = int(places[0])
    letters = [task.sequences[place].sequence for place in places]
    for pack, features in iterate_features(encoder, letters, pack_tokens=pack_tokens):
        yield slice(begin + pack.start, begin + pack.stop), _make_blocks(letters[pack], features)
        count(sum(features.lengths))


def _make_blocks(letters: Sequence[str], features: PackFeatures) -> Blocks:
    window = torch.from_numpy(np.concatenate([encode_windows(sequence) for sequence in letters]))
    heads = features.heads.flatten(1)
    return Blocks(window.to(heads.device).double(), heads.double(), features.hidden.double())


def _select(blocks: Blocks, residues: NDArray[np.int64]) -> Blocks:
    """Return the blocks of some residues; the blocks themselves where these are all."""
    if len(residues) == len(blocks.heads):
        return blocks
    return blocks.select(_copy_places(residues, blocks.heads.device))


def _copy_places(residues: NDArray[np.int64], device: torch.device) -> Tensor:
    return torch.from_numpy(residues).to(device)


def _stack_counted(task: Task, pack: slice) -> NDArray[np.bool_]:
    """Return which residues of a pack count for each set, (S, N)."""
    columns = []
    for sequence in task.sequences[pack]:
        is_counted = np.zeros((len(task.n_labels), len(sequence.sequence)), bool)
        for place, values in sequence.sets.items():
            is_counted[place] = values.is_counted
        columns.append(is_counted)
    return np.concatenate(columns, axis=1)


def _stack_targets(task: Task, pack: slice, place: int) -> NDArray[np.float64]:
    """Return the targets of a set on the residues of a pack, (M, N); 0 where the set does not count."""
    n_targets = task.n_targets[place]
    empty = [np.zeros((n_targets, len(sequence.sequence))) for sequence in task.sequences[pack]]
    targets = task.targets[pack]
    return np.concatenate([of_sets.get(place, none) for of_sets, none in zip(targets, empty, strict=True)], axis=1)
