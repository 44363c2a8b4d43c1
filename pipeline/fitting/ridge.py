"""Linear probes in closed form: ridge regression from sums; the penalty is chosen on inner folds from the sums alone.

Columns are scaled to a standard deviation of 1 on the training residues, and the intercept is free: the same as
`StandardScaler` and `Ridge(alpha=penalty * n)` of scikit-learn, n being the training residues. For a left-out fold,
each other fold is predicted from those that remain; the penalty with the smallest squared error over them is taken.

Axis letters: `D` columns of an input, `M` targets, `G` penalties, `K` folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.sums import Moments, add_moments

PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridge penalties per training residue, on columns scaled to a standard deviation of 1; all are tried."""
SMALLEST_VARIANCE = 1e-10
"""Variance of a column over its mean square, below which the column counts as constant and gets no weight."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """A linear probe of each target."""

    weights: Floats
    """Weight of each unscaled column, (D, M)."""
    intercepts: Floats
    """Intercept of each target, (M,)."""
    penalties: Floats
    """Penalty of each target, (M,)."""


@dataclass(frozen=True)
class FoldProbes:
    """The probes of a left-out fold."""

    outer: Weights
    """Fitted on all other folds."""
    inner: dict[int, Weights]
    """Probes without this fold and another one, by the other fold; they choose the threshold on training folds."""


class Decomposition:
    """The training sums of an input, decomposed once for all penalties and targets."""

    def __init__(self, moments: Moments) -> None:
        n = moments.n
        self.means, self.target_means = moments.x / n, moments.y / n
        square_means = np.diag(moments.xx) / n
        variances = square_means - self.means**2
        self.is_varying = variances > SMALLEST_VARIANCE * np.maximum(square_means, np.finfo(float).tiny)
        self.scales = np.sqrt(np.where(self.is_varying, variances, 1))

        used = self.is_varying
        centred = moments.xx[np.ix_(used, used)] / n - np.outer(self.means[used], self.means[used])
        correlations = centred / np.outer(self.scales[used], self.scales[used])
        products = (moments.xy[used] / n - np.outer(self.means[used], self.target_means)) / self.scales[used, None]
        self.values, self.vectors = np.linalg.eigh(correlations)
        self.projected = self.vectors.T @ products  # (D, M)

    def solve(self, penalties: Floats) -> Weights:
        """Return the probes with a penalty for each target, (M,)."""
        scaled = self.vectors @ (self.projected / (np.maximum(self.values, 0)[:, None] + penalties))
        weights = np.zeros((len(self.is_varying), scaled.shape[1]))
        weights[self.is_varying] = scaled / self.scales[self.is_varying, None]
        return Weights(weights, self.target_means - self.means @ weights, penalties)

    @cached_property
    def all_penalties(self) -> list[Weights]:
        """Return the probes with each of PENALTIES, the same for all targets."""
        n_targets = self.projected.shape[1]
        return [self.solve(np.full(n_targets, penalty)) for penalty in PENALTIES]


def measure_squared_errors(probes: Sequence[Weights], moments: Moments) -> Floats:
    """Return the sum of squared errors of probes over the residues of the sums, (G, M)."""
    n_targets = len(moments.y)
    weights = np.concatenate([probe.weights for probe in probes], axis=1)  # (D, G x M)
    intercepts = np.concatenate([probe.intercepts for probe in probes])
    y, yy = np.tile(moments.y, len(probes)), np.tile(moments.yy, len(probes))
    xy = np.tile(moments.xy, (1, len(probes)))

    squares = (weights * (moments.xx @ weights)).sum(0)
    sums = moments.x @ weights
    errors = (
        yy
        - 2 * (weights * xy).sum(0)
        - 2 * intercepts * y
        + squares
        + 2 * intercepts * sums
        + moments.n * intercepts**2
    )
    return np.asarray(errors.reshape(len(probes), n_targets))


def fit_folds(folds: Sequence[Moments]) -> list[FoldProbes]:
    """Return the probes of each fold left out, from the sums of all folds; three or more."""
    total = add_moments(folds)
    n_folds = len(folds)

    # Without two folds: the same, whichever of them is the outer one.
    pairs = {(a, b): Decomposition(total.minus(folds[a]).minus(folds[b])) for a in range(n_folds) for b in range(a)}

    probes = []
    for fold in range(n_folds):
        others = [other for other in range(n_folds) if other != fold]
        without = {other: pairs[max(fold, other), min(fold, other)] for other in others}
        errors = sum(measure_squared_errors(without[other].all_penalties, folds[other]) for other in others)
        penalties = np.array(PENALTIES)[np.argmin(errors, axis=0)]
        outer = Decomposition(total.minus(folds[fold])).solve(penalties)
        probes.append(FoldProbes(outer, {other: part.solve(penalties) for other, part in without.items()}))
    return probes
