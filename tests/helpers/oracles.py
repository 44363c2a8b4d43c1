"""Independent answers, in float64 NumPy, for what the workshop computes. Shares no code with it.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens, `K` candidates.
"""

import math

import numpy as np

NAMES = (
    "entropy",
    "distance",
    "cls_share",
    "eos_share",
    "self_share",
    "adjacent_share",
    "helix_share",
    "beyond6_share",
    "beyond24_share",
    "max_attention",
    "n_edges",
    "received_max_share",
)


def statistics(attention: np.ndarray, theta: float = 0.3) -> np.ndarray:
    """Return the head statistics of one layer's attention (H, T, T), shape (H, 12), by their definitions."""
    n = attention.shape[1] - 2
    rows = attention[:, 1:-1].astype(np.float64)  # (H, N, T)
    inner = rows[:, :, 1:-1]  # (H, N, N)
    i, j = np.indices((n, n))
    apart = np.abs(i - j)
    weights = np.stack(
        [apart, apart == 0, apart == 1, (apart == 3) | (apart == 4), apart >= 6, apart >= 24], axis=-1
    ).astype(np.float64)  # (N, N, 6)
    shares = np.ascontiguousarray(inner).reshape(len(inner), -1) @ weights.reshape(n * n, 6) / n  # (H, 6)
    logs = np.log(np.maximum(rows, np.finfo(np.float64).tiny))
    columns = inner.sum(1)  # (H, N)
    total = columns.sum(1)
    return np.column_stack(
        [
            -np.einsum("hij,hij->h", rows, logs) / n,
            shares[:, 0],
            rows[:, :, 0].sum(1) / n,
            rows[:, :, -1].sum(1) / n,
            shares[:, 1:],
            inner.max((1, 2)),
            (inner >= theta).sum((1, 2)),
            np.divide(columns.max(1), total, out=np.zeros(len(inner)), where=total > 0),
        ]
    )


def received(attention: np.ndarray) -> np.ndarray:
    """Return the attention received by each residue, (N,), from one layer's attention (H, T, T)."""
    return attention.astype(np.float64).mean(0)[1:-1, 1:-1].sum(0)


def convergence(profile: np.ndarray, *, rule: str) -> tuple[int, list[int], dict[str, float]]:
    """Return layer of convergence, ordered 1-based sites, and how near a tie the answer was, from (L, N) sums.

    Every data point as a knot (three-parameter least squares) and every gap with two free lines, each by its own
    normal equations over masks: slow, and plain to see.
    """
    n = profile.shape[1]
    x = np.arange(n) / n if rule == "nayar-2025-05" else np.linspace(0, 1, n)
    rounded = np.round(profile / profile.max(1, keepdims=True), 2)
    fits = [_best_fit(x, np.sort(row)[::-1]) for row in rounded]
    angles = []
    for _, m1, m2 in fits:
        across = 1 + m1 * m2
        angles.append(90.0 if across == 0 else math.degrees(math.atan((m2 - m1) / across)))
    away = [abs(angle - 90) for angle in angles]
    layer = int(np.argmin(away))
    b = fits[layer][0] * n
    count = math.floor(b + 1e-9) - (0 if rule == "nayar-2025-05" else 1)
    count = max(0, min(count, n - 1))
    indices = sorted(range(n), key=lambda j: (-rounded[layer, j], j))[:count]  # which: by rounded value
    ranked = sorted(indices, key=lambda j: (-profile[layer, j], j))  # in which order: by what they received
    ratio = profile / profile.max(1, keepdims=True) * 100
    ties = {
        "layer": float(np.sort(away)[1] - np.sort(away)[0]) if len(away) > 1 else math.inf,
        "count": float(abs(b - round(b))),
        "rounding": float(np.abs(np.abs(ratio[layer] - np.floor(ratio[layer])) - 0.5).min()),
    }
    return layer, [j + 1 for j in ranked], ties


def _best_fit(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return breakpoint and both slopes of the continuous two-segment fit with the smallest residual."""
    knots = x[1:-1]
    basis = np.stack(
        [np.ones((len(knots), len(x))), np.broadcast_to(x, (len(knots), len(x))), np.maximum(x - knots[:, None], 0)], 2
    )  # (K, N, 3)
    gram = np.einsum("kni,knj->kij", basis, basis)
    answer = np.linalg.solve(gram, np.einsum("kni,n->ki", basis, y)[..., None])[..., 0]  # (K, 3)
    rss = ((np.einsum("kni,ki->kn", basis, answer) - y) ** 2).sum(1)
    best = int(rss.argmin())
    fit = (float(rss[best]), float(knots[best]), float(answer[best, 1]), float(answer[best, 1] + answer[best, 2]))
    for k in range(2, len(x) - 1):
        a1, m1 = _line(x[:k], y[:k])
        a2, m2 = _line(x[k:], y[k:])
        if m1 != m2:
            crossing = (a2 - a1) / (m1 - m2)
            if x[k - 1] <= crossing <= x[k]:
                rss_k = float(((a1 + m1 * x[:k] - y[:k]) ** 2).sum() + ((a2 + m2 * x[k:] - y[k:]) ** 2).sum())
                if rss_k < fit[0] * (1 - 1e-12):
                    fit = (rss_k, crossing, m1, m2)
    return fit[1:]


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    centred = x - x.mean()
    slope = float((centred * y).sum() / (centred * centred).sum())
    return float(y.mean() - slope * x.mean()), slope
