"""What is fitted to labels of residues: sequences with their targets and folds. Pure: no model, no file.

Axis letters: `N` residues, `M` targets of a set.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.controls import TARGETS
from attlas.pipeline.fitting.label_sets import FitSequence


@dataclass(frozen=True)
class FitTargets:
    """What is fitted: sequences with their targets and folds, sorted so that those of a fold stand together."""

    sequences: tuple[FitSequence, ...]
    """In order of fold, of the sets that count, and of length."""
    targets: tuple[Mapping[int, NDArray[np.float64]], ...]
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

    @property
    def lengths(self) -> list[int]:
        """Return the residues of each sequence."""
        return [len(sequence.sequence) for sequence in self.sequences]

    def select(self, places: slice) -> "FitTargets":
        """Return the targets of consecutive sequences."""
        return FitTargets(self.sequences[places], self.targets[places], self.folds[places], self.n_labels, self.n_folds)

    def count_residues(self, place: int) -> int:
        """Return the residues that count for a set."""
        members = [sequence.sets[place] for sequence in self.sequences if place in sequence.sets]
        return sum(int(values.is_counted.sum()) for values in members)


def count_columns(n_labels: int, n_folds: int) -> int:
    """Return the columns of scores of a set of labels: every target, and every label without each fold, too."""
    return n_labels * (len(TARGETS) + n_folds)
