"""What random sets of positions share, from the probability of each number."""

import numpy as np
from scipy.stats import hypergeom


def shared_by_chance(length: int, n: int, m: int) -> tuple[float, float]:
    """Return mean and variance of what random sets share, from the probability of each number."""
    k = np.arange(min(n, m) + 1)
    p = hypergeom.pmf(k, length, n, m)  # its own moments divide by zero where a set is empty
    return float((p * k).sum()), float((p * k**2).sum() - (p * k).sum() ** 2)
