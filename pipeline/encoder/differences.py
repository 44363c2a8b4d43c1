"""How far attention on a sequence is from attention on the same sequence that was computed otherwise, or earlier.

Axis letters: `L` layers, `H` heads, `N` residues, `S` head statistics, `W` width of the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.attention.definitions import STATISTICS

EDGES = STATISTICS.index("n_edges")
"""The statistic that is counted at a threshold, where the last bit decides."""


@dataclass(frozen=True)
class ProfileDifference:
    """The largest difference between profiles."""

    layer: int
    share: float
    """The difference as a share of the layer's maximum in the reference; NaN where a number is not finite."""


@dataclass(frozen=True)
class HeadDifference:
    """The largest difference between head statistics."""

    layer: int
    head: int
    statistic: str
    """One of STATISTICS."""
    value: float
    reference: float
    deviation: float
    """The difference as a share: see `compare_heads`; NaN where a number is not finite."""


def compare_profiles(received: NDArray[np.float32], reference: NDArray[np.float32]) -> ProfileDifference:
    """Return the largest difference between attention received and its reference, both of shape (L, N)."""
    maximum = np.maximum(np.abs(reference).max(1), np.finfo(np.float32).tiny)
    shares = np.abs(received - reference).max(1) / maximum
    worst = int(np.argmax(shares))  # NaN counts as the largest
    return ProfileDifference(worst, float(shares[worst]))


def compare_heads(
    heads: NDArray[np.float32], reference: NDArray[np.float32], *, n_residues: int, statistics: Sequence[str]
) -> HeadDifference:
    """Return the largest difference between head statistics and their reference, both of shape (L, H, S).

    The difference of a statistic is a share of its reference where that is more than 1. Edges, which are counted at a
    threshold, may differ by one; what they differ by beyond is a share of the residues or, if more, of the edges.
    """
    scale = np.maximum(1, np.abs(reference))
    distances = np.abs(heads - reference)
    scale[..., EDGES] = np.maximum(n_residues, scale[..., EDGES])
    distances[..., EDGES] = np.maximum(distances[..., EDGES] - 1, 0)

    compared = [STATISTICS.index(name) for name in statistics]
    deviations = (distances / scale)[..., compared]
    layer, head, i = map(int, np.unravel_index(int(np.argmax(deviations)), deviations.shape))
    place = layer, head, compared[i]
    return HeadDifference(
        layer,
        head,
        STATISTICS[compared[i]],
        value=float(heads[place]),
        reference=float(reference[place]),
        deviation=float(deviations[layer, head, i]),
    )


def compare_hidden(hidden: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Return the largest difference between hidden states, both of shape (N, W), as a share of the largest number."""
    return float(np.abs(hidden - reference).max() / np.maximum(np.abs(reference).max(), np.finfo(np.float32).tiny))
