"""What a probe is compared with: a control task that only letters decide, and labels permuted by protein and letter.

Both are targets of the same sums. The control task follows Hewitt and Liang (EMNLP 2019): each type, here each trimer,
draws one label at random, the same everywhere; what a probe reaches on it, it has learnt by heart.

Axis letters: `N` residues, `M` labels of a set.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.label_sets import FitSequence, LabelSet
from attlas.pipeline.fitting.letters import N_LETTERS, index_letters

TARGETS = ("label", "control", "permuted")
"""What is fitted for each label: itself, its control task, and itself permuted within protein and letter."""

_END = N_LETTERS
"""The letter beyond the ends of a sequence."""


class ControlTask:
    """The label that each trimer draws, at the rate or from the numbers of its middle letter."""

    def __init__(self, letters: NDArray[np.int64], values: NDArray[np.float64], *, label: str, seed: int) -> None:
        """Draw for all trimers.

        Args:
            letters: the letter of every residue that counts, of all sequences, (N,).
            values: the value of the label at each of them, (N,).
            label: name of the label, a part of the seed.
            seed: seed of the draws.
        """
        shape = (N_LETTERS + 1, N_LETTERS, N_LETTERS + 1)
        uniform = np.random.default_rng([seed, zlib.crc32(label.encode())]).random(shape)
        self.drawn = np.zeros(shape)
        for letter in range(N_LETTERS):
            # The quantile of the letter's values: for 0 and 1 it is a draw at the letter's rate.
            numbers = np.sort(values[letters == letter])
            if len(numbers):
                self.drawn[:, letter] = numbers[(uniform[:, letter] * len(numbers)).astype(np.int64)]

    def assign(self, sequence: str) -> NDArray[np.float64]:
        """Return the value of each residue of a sequence, (N,)."""
        letters = index_letters(sequence)
        before = np.concatenate([[_END], letters[:-1]])
        after = np.concatenate([letters[1:], [_END]])
        return np.asarray(self.drawn[before, letters, after])


def draw_control_tasks(
    sets: Sequence[LabelSet], sequences: Sequence[FitSequence], *, seed: int
) -> list[list[ControlTask]]:
    """Return the control task of each label of each set."""
    tasks = []
    for place, labels in enumerate(sets):
        counted = [(sequence, sequence.sets[place]) for sequence in sequences if place in sequence.sets]
        letters = np.concatenate([index_letters(s.sequence)[values.is_counted] for s, values in counted])
        numbers = np.concatenate([values.values[:, values.is_counted] for _, values in counted], axis=1)
        tasks.append(
            [ControlTask(letters, numbers[row], label=label, seed=seed) for row, label in enumerate(labels.labels)]
        )
    return tasks


def permute_within_letters(
    values: NDArray[np.float64], sequence: str, is_counted: NDArray[np.bool_], *, seed: Sequence[int]
) -> NDArray[np.float64]:
    """Return the values of a label, (N,), permuted among the residues of a protein that count and share a letter."""
    generator = np.random.default_rng(list(seed))
    places = np.flatnonzero(is_counted)
    letters = index_letters(sequence)[places]
    permuted = values.copy()

    # Two random orders of the same letters: one says where a value comes from, the other where it goes.
    origins, targets = (places[np.lexsort((generator.random(len(places)), letters))] for _ in range(2))
    permuted[targets] = values[origins]
    return permuted


def make_targets(sequence: FitSequence, place: int, tasks: Sequence[ControlTask], *, seed: int) -> NDArray[np.float64]:
    """Return the targets of a set on a sequence, (M x 3, N): of each label those of TARGETS."""
    labels = sequence.sets[place]
    rows = []
    for row, (values, task) in enumerate(zip(labels.values, tasks, strict=True)):
        permuted = permute_within_letters(
            values, sequence.sequence, labels.is_counted, seed=(seed, sequence.sequence_id, place, row)
        )
        rows += [values, task.assign(sequence.sequence), permuted]
    return np.stack(rows)
