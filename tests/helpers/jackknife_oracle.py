"""The statistics over proteins again, in numpy and scipy: proteins are left out one by one, without a closed form."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy.stats import t as student_t

FEWEST_PROTEINS = 5
LEVEL = math.log10(0.05)


@dataclass(frozen=True)
class Estimate:
    """A ratio of two sums over proteins, less what it is without an effect."""

    beyond: float
    error: float
    df: float | None
    """None where there are too few proteins, or one has nearly all."""

    @property
    def t(self) -> float | None:
        return None if self.df is None else self.beyond / self.error

    def reach(self, n_tests: int) -> float | None:
        """Return half the width of the interval."""
        return None if self.df is None else float(student_t.isf(0.025 / n_tests, self.df)) * self.error

    def log10_p(self, n_tests: int) -> float | None:
        """Return the corrected p value, as its logarithm."""
        if self.df is None or self.t is None:
            return None
        return min((student_t.logsf(abs(self.t), self.df) + math.log(2 * n_tests)) / math.log(10), 0)


def estimate(beyond: ArrayLike, n: ArrayLike, by_chance: ArrayLike = 0) -> Estimate:
    """Return the estimate of sum(beyond) / sum(n), with the variance that chance gives each protein's `beyond`."""
    beyond, n = np.asarray(beyond, float), np.asarray(n, float)
    ratio = beyond.sum() / n.sum()
    counted = np.flatnonzero(n > 0)
    without = np.array([np.delete(beyond, i).sum() / np.delete(n, i).sum() for i in counted if np.delete(n, i).sum()])
    m, effective = len(counted), n.sum() ** 2 / (n**2).sum()
    variance = (m - 1) / m * ((without - ratio) ** 2).sum()
    error = math.sqrt(max(variance, float(np.sum(by_chance)) / n.sum() ** 2))
    return Estimate(ratio, error, effective - 1 if m >= FEWEST_PROTEINS and effective >= 2 else None)


def near(log10_p: float | None) -> object:
    """Return a logarithm of a p value as the questions round it, and as exact as their function of t is."""
    return None if log10_p is None else pytest.approx(log10_p, abs=0.006 + 0.001 * abs(log10_p))


def agrees(
    row: dict,
    names: Sequence[str],
    of: Estimate,
    centre: float,
    n_tests: int,
    *,
    most: float = 1,
    rounding: float = 6e-5,
) -> None:
    """Check the columns `names`: low, high, t and log10_p of a row, the interval being about `centre`."""
    low, high, t, log10_p = (row[name] for name in names)
    assert log10_p == near(of.log10_p(n_tests))
    if of.df is None:
        assert (low, high, t) == (None, None, None)
        assert row["note"]
        return
    reach = of.reach(n_tests)
    assert t == pytest.approx(of.t, abs=0.006, rel=1e-4)
    tolerance = rounding + 1e-3 * reach
    assert (low, high) == pytest.approx((max(centre - reach, 0), min(centre + reach, most)), abs=tolerance)
    assert row["note"] is None
