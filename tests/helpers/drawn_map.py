"""A symmetric map of scores of pairs, drawn."""

import numpy as np


def draw_map(n: int, seed: int, decimals: int = 8) -> np.ndarray:
    """Return the scores of all pairs of `n` residues, (n, n), with ties where the decimals are few."""
    values = np.random.default_rng(seed).random((n, n)).round(decimals)
    return np.triu(values, 1) + np.triu(values, 1).T
