"""Quantiles of Student's t distribution for 95 % intervals, by the degrees of freedom; without scipy.

Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3, 26.7.4 and 26.7.5.
"""

import math
from functools import cache

LEVEL = 0.95
"""Share of the distribution between the quantile and its negative."""
Z = 1.959963984540054
"""Quantile of the standard normal distribution, the limit for many degrees of freedom."""
N_SUMMED = 100
"""Degrees of freedom up to which the finite sum is inverted; for more the expansion is exact to 1e-10."""


@cache
def quantile(df: int) -> float:
    """Return the number that |t| of `df` degrees of freedom, 1 or more, stays below with a probability of 95 %."""
    if df > N_SUMMED:
        return _expanded(df)
    low, high = 0.0, math.pi / 2
    for _ in range(60):  # halves the interval down to the precision of a float
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, df) < LEVEL else (low, middle)
    return math.sqrt(df) * math.tan(low)


def _within(angle: float, df: int) -> float:
    """Return the probability that |t| is below sqrt(df) x tan(angle): a finite sum of powers of the cosine."""
    is_odd = df % 2
    square, term, total = math.cos(angle) ** 2, math.cos(angle) if is_odd else 1.0, 0.0
    for k in range(df // 2):
        total += term
        term *= square * (2 * k + 1 + is_odd) / (2 * k + 2 + is_odd)
    total *= math.sin(angle)
    return (angle + total) * 2 / math.pi if is_odd else total


def _expanded(df: int) -> float:
    """Return the quantile from that of the normal distribution, in powers of 1 / df."""
    z, z2 = Z, Z * Z
    terms = (
        (z2 + 1) / 4,
        ((5 * z2 + 16) * z2 + 3) / 96,
        (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384,
        ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160,
    )
    return z * (1 + sum(term / float(df) ** (i + 1) for i, term in enumerate(terms)))
