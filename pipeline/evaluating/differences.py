"""Differences between two predictors on the same proteins: intervals by bootstrap over families, Holm, power. Pure.

The proteins of a family are not independent, so families are drawn, each with all its proteins. The interval and the
test use the same draws.

Axis letters: `P` proteins, `F` families, `B` draws, `C` comparisons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

N_DRAWS = 10_000
"""Draws of families."""
ALPHA = 0.05
"""Two-sided level of intervals and tests."""
SMALLEST_EFFECT = 0.02
"""Smallest interesting difference of average precision."""
POWER = 0.8
"""Power for which the smallest detectable difference is given."""


@dataclass(frozen=True)
class Difference:
    """The mean difference between two predictors over proteins."""

    mean: float
    low: float
    """Lower end of the 95 % interval."""
    high: float
    p: float
    """Two-sided p value of no difference."""
    p_holm: float
    """The same, adjusted for all comparisons."""
    standard_error: float


def draw_family_counts(families: Sequence[str], *, seed: int, n_draws: int = N_DRAWS) -> NDArray[np.float64]:
    """Return how often each protein is in each draw of as many families as there are, (B, P)."""
    names, index = np.unique(np.asarray(families), return_inverse=True)
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_draws)
    return counts[:, index].astype(np.float64)


def compare_pairs(
    differences: NDArray[np.float64], families: Sequence[str], *, seed: int, n_draws: int = N_DRAWS
) -> list[Difference]:
    """Return the mean difference of each comparison, with interval and test over families; Holm over all of them.

    Args:
        differences: of each comparison and protein, (C, P).
        families: the family of each protein.
        seed: of the draws, which all comparisons share.
        n_draws: draws of families.
    """
    means = bootstrap_means(differences, families, seed=seed, n_draws=n_draws)  # (C, B)
    low, high = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2], axis=1)

    # The draw itself counts as one, so that no test gives 0.
    n_not_above, n_not_below = (means <= 0).sum(1), (means >= 0).sum(1)
    p = np.minimum(1, 2 * (np.minimum(n_not_above, n_not_below) + 1) / (n_draws + 1))

    errors = means.std(axis=1, ddof=1)
    columns = (differences.mean(1), low, high, p, adjust_holm(p), errors)
    return [Difference(*map(float, row)) for row in zip(*columns, strict=True)]


def bootstrap_means(
    values: NDArray[np.float64], families: Sequence[str], *, seed: int, n_draws: int = N_DRAWS
) -> NDArray[np.float64]:
    """Return the means over the proteins of each draw of families, (C, B), of values (C, P)."""
    counts = draw_family_counts(families, seed=seed, n_draws=n_draws)
    means: NDArray[np.float64] = values @ counts.T / counts.sum(1)
    return means


def adjust_holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the p values adjusted by Holm (1979), in the order given."""
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    in_order = np.empty(len(p))
    in_order[order] = adjusted
    return in_order


def find_power(standard_error: float, *, n_comparisons: int, effect: float = SMALLEST_EFFECT) -> float:
    """Return the chance that a true difference of `effect` is detected, at the strictest level of Holm.

    By the normal approximation; the standard error is that of the bootstrap.
    """
    if standard_error == 0:
        return 1.0
    critical = NormalDist().inv_cdf(1 - ALPHA / 2 / n_comparisons)
    shift = effect / standard_error
    return 1 - NormalDist().cdf(critical - shift) + NormalDist().cdf(-critical - shift)


def find_detectable_effect(standard_error: float, *, n_comparisons: int) -> float:
    """Return the smallest true difference that is detected with a power of 80 %, at the strictest level of Holm."""
    quantile = NormalDist().inv_cdf
    return standard_error * (quantile(1 - ALPHA / 2 / n_comparisons) + quantile(POWER))
