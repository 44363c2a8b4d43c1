"""Gradient boosted trees, by scikit-learn, with a fixed seed: a predictor that can use combinations of columns.

Axis letters: `R` rows, `N` residues, `K` columns.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.evaluating.logistic import Floats

N_TREES = 100
LEARNING_RATE = 0.1
MOST_LEAVES = 15
SEED = 0
"""Seed of scikit-learn's draws: the same rows give the same trees."""
BOOSTED_PENALTIES = (10.0, 1.0)
"""Penalties on the squared values of leaves; all are tried, from strong to weak."""


@dataclass(frozen=True)
class BoostedModel:
    """A fitted model."""

    trees: Any
    """scikit-learn's `HistGradientBoostingClassifier`."""
    means: Floats
    """Weighted mean of each column over the training rows, (K,)."""

    def score(self, columns: NDArray[np.floating]) -> Floats:
        """Return the log odds of each row, (R,)."""
        return np.asarray(self.trees.decision_function(columns), np.float64)

    def find_contribution(self, columns: NDArray[np.floating], part: slice) -> Floats:
        """Return how much the log odds would fall if some columns had the values of an average row, (N,)."""
        averaged = columns.copy()
        averaged[:, part] = self.means[part]
        return self.score(columns) - self.score(averaged)


def fit_boosted(
    columns: NDArray[np.floating], labels: NDArray[np.bool_], row_weights: Floats, *, penalty: float
) -> BoostedModel:
    """Return boosted trees that minimise the log loss.

    Args:
        columns: (R, K).
        labels: (R,), with both True and False among them.
        row_weights: how much each row counts, (R,).
        penalty: on the squared values of leaves.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(
        max_iter=N_TREES,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=MOST_LEAVES,
        l2_regularization=penalty,
        early_stopping=False,  # it would set rows aside without regard to families
        random_state=SEED,
    )
    trees.fit(columns, labels, sample_weight=row_weights)
    return BoostedModel(trees, row_weights @ columns / row_weights.sum())
