"""A weight as a power of two: the numbers that the compiled loops share. Scores are in bits, so that exp is exp2."""

import numpy as np

POWER_COEFFICIENTS = tuple(
    np.polynomial.chebyshev.Chebyshev.interpolate(np.exp2, 5, [-0.5, 0.5]).convert(kind=np.polynomial.Polynomial).coef
)
"""Of the polynomial that is exp2 on [-1/2, 1/2] to the last bit of a float32, the constant first: degree 5, error 2e-7
at the Chebyshev nodes' worst."""

FEWEST_BITS = np.float32(-100)
"""Weights below 2 ** -100 of the row's largest count as 0: even divided, the others are no slow denormal numbers."""

NEARLY_ALL = np.float32(0.99)
"""Share of theta above which the largest weight of a row, which is rounded, may be an edge."""
