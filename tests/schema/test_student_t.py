"""Quantiles of Student's t, against scipy."""

import pytest
from scipy.stats import t as student

from attlas.schema.student_t import MAX_DF_OF_SUM, NORMAL_QUANTILE, t_quantile


def test_quantiles_of_t_are_those_of_scipy() -> None:
    few, many = list(range(1, 2 * MAX_DF_OF_SUM)), [1000, 4259, 20_430, 10**6]
    assert [t_quantile(df) for df in few + many] == pytest.approx(student.ppf(0.975, few + many), rel=1e-9)
    assert t_quantile(10**9) == pytest.approx(NORMAL_QUANTILE, abs=1e-8)
