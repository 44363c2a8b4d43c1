"""Quantiles of Student's t distribution for 95 % intervals, by the degrees of freedom; without scipy.

Questions have the same quantile as the macro `student_t_quantile`. It exists twice because a comparison, which reads
sites by lookups, and a fit connect no DuckDB, and because the two answer for different ranges: the macro takes any
chance and any degrees of freedom, to 0.03 %; this is exact, for whole degrees of freedom and 95 % alone. A test in
`test_functions.py` holds them together.

Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3, 26.7.4 and 26.7.5.
"""

import math
from functools import cache

LEVEL = 0.95
"""Share of the distribution between the quantile and its negative."""
NORMAL_QUANTILE = 1.959963984540054
"""Quantile of the standard normal distribution at this level: the limit for many degrees of freedom."""
MAX_DF_OF_SUM = 100
"""Degrees of freedom up to which the finite sum is inverted; for more, the expansion is exact to 1e-10."""

_N_HALVINGS = 60
"""Halvings that narrow an interval of length pi / 2 down to the precision of a float."""


@cache
def t_quantile(df: int) -> float:
    """Return the number below which |t| of `df` degrees of freedom, 1 or more, stays with a probability of 95 %."""
    if df > MAX_DF_OF_SUM:
        return _quantile_by_expansion(df)

    # The probability rises with the angle whose tangent is t / sqrt(df): halve the interval that holds it.
    low, high = 0.0, math.pi / 2
    for _ in range(_N_HALVINGS):
        middle = (low + high) / 2
        if _probability_within(middle, df) < LEVEL:
            low = middle
        else:
            high = middle

    return math.sqrt(df) * math.tan(low)


def _probability_within(angle: float, df: int) -> float:
    """Return the probability that |t| is below sqrt(df) x tan(angle): a finite sum of powers of the cosine."""
    is_odd = df % 2
    cosine = math.cos(angle)
    term = cosine if is_odd else 1.0

    total = 0.0
    for k in range(df // 2):
        total += term
        term *= cosine**2 * (2 * k + 1 + is_odd) / (2 * k + 2 + is_odd)

    total *= math.sin(angle)
    return (angle + total) * 2 / math.pi if is_odd else total


def _quantile_by_expansion(df: int) -> float:
    """Return the quantile from that of the normal distribution, in powers of 1 / df (26.7.5)."""
    z = NORMAL_QUANTILE
    z2 = z * z
    coefficients = (
        (z2 + 1) / 4,
        ((5 * z2 + 16) * z2 + 3) / 96,
        (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384,
        ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160,
    )
    return z * (1 + sum(coefficient / float(df) ** power for power, coefficient in enumerate(coefficients, start=1)))
