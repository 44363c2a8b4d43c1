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
N_BINS = 255
"""Number of bins, of about equal weight, for the values of a column; scikit-learn takes no more."""
BOOSTED_PENALTIES = (10.0, 1.0)
"""Penalties on the squared values of leaves; all are tried, from strong to weak."""


@dataclass(frozen=True)
class BoostedModel:
    """A fitted model."""

    trees: Any
    """scikit-learn's `HistGradientBoostingClassifier`, fitted on the numbers of bins."""
    bounds: tuple[NDArray[np.floating], ...]
    """Largest value of each bin but the last, for each column, (K,) of up to N_BINS - 1, rising."""
    means: Floats
    """Weighted mean of each column over the training rows, (K,)."""

    def score(self, columns: NDArray[np.floating]) -> Floats:
        """Return the log odds of each row, (R,)."""
        return np.asarray(self.trees.decision_function(_number_bins(columns, self.bounds)), np.float64)

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
    # scikit-learn does this, too, but for weighted rows in nine tenths of the time of the whole fit.
    bounds = tuple(_bound_bins(column, row_weights) for column in columns.T)
    trees.fit(_number_bins(columns, bounds), labels, sample_weight=row_weights)
    return BoostedModel(trees, bounds, row_weights @ columns / row_weights.sum())


def _bound_bins(column: NDArray[np.floating], row_weights: Floats) -> NDArray[np.floating]:
    """Return the largest value of each bin of a column but the last: the bins are of about equal weight."""
    order = np.argsort(column, kind="stable")
    cumulative = np.cumsum(row_weights[order])
    shares = np.arange(1, N_BINS) / N_BINS
    places = np.searchsorted(cumulative, shares * cumulative[-1])
    return np.unique(column[order][places])


def _number_bins(columns: NDArray[np.floating], bounds: tuple[NDArray[np.floating], ...]) -> NDArray[np.float32]:
    """Return the bin of each value, from 0, (R, K)."""
    numbers = np.empty(columns.shape, np.float32)
    for k, bound in enumerate(bounds):
        numbers[:, k] = np.searchsorted(bound, columns[:, k])
    return numbers
