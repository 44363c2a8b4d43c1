"""Independent answers for the elbow and the HA sites: rational arithmetic, a dense scan, and the package pwlf.

Nothing here shares code with the workshop. The rational oracle follows the published rule word by word in plain
Python: profile in hundredths, every split and every data point tried, normal equations solved by elimination.
"""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np


class ExactFit(NamedTuple):
    index: Fraction  # breakpoint in steps of the grid
    m1: Fraction  # slopes per step of the grid, in hundredths of the profile
    m2: Fraction
    residual: Fraction


class ExactAnswer(NamedTuple):
    layer: int | None
    positions: list[int]
    distances: list[float]  # |theta - 90| per layer; infinite for constant layers


def exact_fit(y: list[int]) -> ExactFit:
    """Return the exact two-segment fit of y over 0 .. N - 1: smallest residual, then smallest breakpoint."""
    n = len(y)
    x = [Fraction(i) for i in range(n)]
    candidates = []
    for k in range(2, n - 1):  # head 0 .. k - 1, tail k .. n - 1, two points each at least
        a1, m1 = _free_line(x[:k], y[:k])
        a2, m2 = _free_line(x[k:], y[k:])
        if m1 != m2 and x[k - 1] <= (a2 - a1) / (m1 - m2) <= x[k]:
            bend = (a2 - a1) / (m1 - m2)
            rss = sum(((a1 + m1 * x[i] if i < k else a2 + m2 * x[i]) - y[i]) ** 2 for i in range(n))
            candidates.append((rss, bend, m1, m2))
    for b in range(1, n - 1):
        rows = [[Fraction(1), xi, max(xi - b, Fraction(0))] for xi in x]
        a, m1, change = _least_squares(rows, y)
        rss = sum((a + m1 * r[1] + change * r[2] - yi) ** 2 for r, yi in zip(rows, y, strict=True))
        candidates.append((rss, Fraction(b), m1, m1 + change))
    rss, index, m1, m2 = min(candidates, key=lambda c: (c[0], c[1]))
    return ExactFit(index, m1, m2, rss)


def exact_sites(received: np.ndarray, *, rule: str) -> ExactAnswer:
    """Return layer, positions in order of rank and the distances from 90 degrees, for at least ten residues."""
    n = received.shape[1]
    step = Fraction(1, n) if rule == "nayar-2025-05" else Fraction(1, n - 1)
    profiles = [_hundredths(row) for row in received.tolist()]
    distances, fits = [], []
    for profile in profiles:
        if len(set(profile)) == 1:
            distances.append(math.inf)
            fits.append(None)
            continue
        fit = exact_fit(sorted(profile, reverse=True))
        m1, m2 = fit.m1 / 100 / step, fit.m2 / 100 / step
        across = 1 + m1 * m2
        theta = math.copysign(90.0, m2 - m1) if across == 0 else math.degrees(math.atan((m2 - m1) / across))
        distances.append(abs(theta - 90))
        fits.append(fit)
    if all(fit is None for fit in fits):
        return ExactAnswer(None, [], distances)
    layer = distances.index(min(distances))
    called = exact_positions(profiles[layer], fits[layer], step, rule)
    return ExactAnswer(layer, sorted(called, key=lambda p: (-received[layer, p - 1], p)), distances)


def exact_positions(profile: list[int], fit: ExactFit, step: Fraction, rule: str) -> list[int]:
    """Return the positions of the sites, in the order of the rounded profile."""
    n = math.floor(fit.index * step * len(profile)) - (0 if rule == "nayar-2025-05" else 1)
    n = max(0, min(n, len(profile) - 1))
    order = sorted(range(len(profile)), key=lambda j: (-profile[j], j))
    return [j + 1 for j in order[:n]]


def scanned_residual(x: np.ndarray, y: np.ndarray, *, n_steps: int = 400) -> float:
    """Return the least residual over a dense scan of breakpoints, data points included, by numpy's lstsq."""
    scan = np.concatenate([np.linspace(x[0], x[-1], n_steps)[1:-1], x[1:-1]])
    best = math.inf
    for b in scan:
        basis = np.stack([np.ones_like(x), x, np.maximum(x - b, 0)], axis=1)
        answer = np.linalg.lstsq(basis, y, rcond=None)[0]
        best = min(best, float(((basis @ answer - y) ** 2).sum()))
    return best


class Comparison(NamedTuple):
    """How a fit of ours stands to pwlf's on one sorted profile."""

    residual_ours: float
    residual_theirs: float
    index_ours: float  # breakpoints in steps of the grid
    index_theirs: float

    @property
    def is_no_worse(self) -> bool:
        return self.residual_ours <= self.residual_theirs * (1 + 1e-9) + 1e-12

    @property
    def is_converged(self) -> bool:
        """Did pwlf's random search reach the least residual?"""
        return self.residual_theirs <= self.residual_ours * (1 + 1e-9) + 1e-12

    def is_same_breakpoint(self, n: int) -> bool:
        """Equal within a hundredth of a step, or both in an end gap, within which every breakpoint fits alike."""
        ends = [(0.0, 1.0), (n - 2.0, n - 1.0)]
        both = (self.index_ours, self.index_theirs)
        is_end = any(all(low - 1e-6 <= index <= high + 1e-6 for index in both) for low, high in ends)
        return is_end or abs(self.index_ours - self.index_theirs) < 0.01


def compare_with_pwlf(received: np.ndarray, fit_two_segments, *, seed: int = 1) -> Comparison:
    """Fit the attention received in one layer (N,) with `fit_two_segments` and, as its authors did, with pwlf."""
    import pwlf  # seconds, for those who compare alone

    rounded = np.round(received.astype(np.float64) / received.max(), 2)
    y = np.sort(rounded)[::-1]
    n = len(y)
    x = np.arange(n) / n
    fit = fit_two_segments(x, y)
    pwlf_fit = pwlf.PiecewiseLinFit(x, y, seed=seed)
    b = pwlf_fit.fit(2)[1]
    return Comparison(fit.residual, float(pwlf_fit.ssr), fit.breakpoint * n, b * n)


def _hundredths(row: list[float]) -> list[int]:
    top = max(row) or 1.0
    return [round(value / top * 100) for value in row]  # Python's round: half to even, as np.round


def _free_line(x: list[Fraction], y: list[int]) -> tuple[Fraction, Fraction]:
    n, sx, sy = len(x), sum(x), sum(y)
    slope = (n * sum(a * b for a, b in zip(x, y, strict=True)) - sx * sy) / (n * sum(a * a for a in x) - sx * sx)
    return (sy - slope * sx) / n, slope


def _least_squares(rows: list[list[Fraction]], y: list[int]) -> list[Fraction]:
    size = len(rows[0])
    matrix = [
        [sum(r[i] * r[j] for r in rows) for j in range(size)] + [sum(r[i] * v for r, v in zip(rows, y, strict=True))]
        for i in range(size)
    ]
    for i in range(size):  # the matrix is positive definite: no pivot is zero
        matrix[i] = [value / matrix[i][i] for value in matrix[i]]
        for j in range(size):
            if j != i:
                matrix[j] = [a - matrix[j][i] * b for a, b in zip(matrix[j], matrix[i], strict=True)]
    return [row[-1] for row in matrix]
