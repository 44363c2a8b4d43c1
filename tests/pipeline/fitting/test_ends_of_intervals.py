"""The intervals of a fit end where its measures do, and are as wide as few families make them."""

import numpy as np
import pytest
from scipy.stats import t as student_t

from attlas.pipeline.fitting.measures import estimate_counts, estimate_mean
from attlas.pipeline.fitting.ranking import SHARE, make_estimate


@pytest.mark.parametrize("n", [5, 12, 100])
def test_an_interval_has_the_quantiles_of_students_t(n: int) -> None:
    """The jackknife of a mean is the classical interval of n numbers."""
    values = np.random.default_rng(n).normal(0.5, 0.05, size=n)
    estimate = estimate_mean(values.tolist(), np.arange(n), n)
    error = values.std(ddof=1) / np.sqrt(n)
    assert (estimate.low, estimate.high) == pytest.approx(student_t.interval(0.95, n - 1, values.mean(), error))


def test_an_interval_does_not_leave_the_range_of_its_measure() -> None:
    low = make_estimate(0.01, np.array([0.0, 0.01, 0.01, 0.02, 0.03]), SHARE)
    high = make_estimate(0.99, np.array([1.0, 0.99, 0.99, 0.98, 0.97]), SHARE)
    assert (low.low, high.high) == (0, 1)
    assert low.high > 0.02
    assert high.low < 0.98

    # Of true and false positives, false and true negatives of five families: two are predicted in part, one the wrong
    # way round. A correlation may be below 0.
    counts = np.array([[3, 0, 0, 9], [0, 3, 3, 9], [1, 0, 0, 9], [0, 4, 4, 0], [1, 0, 0, 9]], float)
    mcc, f1 = estimate_counts(counts)
    assert (f1.low, f1.high) == (0, 1)
    assert -1 < mcc.low < 0 < mcc.value < mcc.high == 1
