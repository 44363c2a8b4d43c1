"""The continuous two-segment least-squares line in NumPy, all rows at once: what the compiled one is held to.

It was what called the sites before; the compiled one gives its breakpoints to the last bit.

Axis letters: `R` rows (layers), `N` points, `K = N - 2` knots x[1] ... x[N - 2].

For a breakpoint inside a gap between two points, the best continuous line is the pair of free lines of the points to
either side if these happen to cross inside the gap; otherwise the best breakpoint of the gap is one of its ends. So the
crossings and the data points as knots are all the candidates there are, and each costs O(1) from prefix sums.
At a knot b the two lines are bound to meet; with g the distance of the free lines at b and var(g) the variance of g for
unit noise, the bound costs g^2 / var(g) on top of the residual of the free lines (constrained least squares).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TIE = 1e-12
"""Residuals closer than this share of the total sum of squares are equal: the smallest breakpoint is taken."""


@dataclass(frozen=True)
class Fits:
    """The fits of R rows, each field an array (R,)."""

    breakpoint: Floats
    slope_head: Floats
    slope_tail: Floats
    residual: Floats


def fit_rows(x: Floats, y: Floats) -> Fits:
    """Return the two-segment fits of all rows of y (R, N) over x (N,).

    Prefix sums lose least where x and y are centred, and nothing at all where they are whole numbers.
    A constant row has slopes 0 and the breakpoint x[1]. Memory: about 20 arrays of R x N float64.
    """
    crossing, crossing_residual, knot_residual = _find_candidates(x, y)  # (R, K) each

    # Of all candidates whose residual is the smallest but for rounding, the leftmost.
    residual = np.minimum(crossing_residual, knot_residual)  # (R, K)
    total = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)  # (R,)
    limit = residual.min(axis=1) + TIE * total  # (R,)
    k = (residual <= limit[:, None]).argmax(axis=1)  # (R,)

    # Within one k the crossing comes before the knot.
    row = np.arange(len(y))
    breakpoint = np.where(crossing_residual[row, k] <= limit, crossing[row, k], x[k + 1])
    return _refit(x, y, breakpoint)


def _find_candidates(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the crossing of the free lines before each knot, its residual, and the residual at the knot, (R, K) each.

    The residual of a crossing outside the gap is infinite.
    """
    n = len(x)
    k = np.arange(1, n - 1)  # (K,): the head is points 0 .. k - 1, the tail k .. n - 1
    knot = x[1:-1]  # (K,)
    sum_x, sum_xx = np.cumsum(x), np.cumsum(x * x)
    sum_y, sum_xy, sum_yy = np.cumsum(y, axis=1), np.cumsum(x * y, axis=1), np.cumsum(y * y, axis=1)  # (R, N)

    head = _Lines.from_sums(k, sum_x[:-2], sum_xx[:-2], sum_y[:, :-2], sum_xy[:, :-2], sum_yy[:, :-2])
    tail = _Lines.from_sums(
        n - k,
        sum_x[-1] - sum_x[:-2],
        sum_xx[-1] - sum_xx[:-2],
        sum_y[:, -1:] - sum_y[:, :-2],
        sum_xy[:, -1:] - sum_xy[:, :-2],
        sum_yy[:, -1:] - sum_yy[:, :-2],
    )

    free = head.residual + tail.residual  # (R, K)
    gap = head.value_at(knot) - tail.value_at(knot)
    bound = gap * gap / (head.variance_at(knot) + tail.variance_at(knot))
    bound[:, 0] = 0.0  # a head of one point reaches any line

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        crossing = knot + gap / (tail.slope - head.slope)
    is_inside = (crossing >= x[:-2]) & (crossing <= knot)
    is_inside[:, 0] = False  # a head of one point: the right end of its gap, which is the first knot
    return crossing, np.where(is_inside, free, np.inf), free + bound


@dataclass(frozen=True)
class _Lines:
    """Free least-squares lines of a run of points, for every row and every k."""

    n: Floats  # (K,) number of points
    mean_x: Floats  # (K,)
    ss_x: Floats  # (K,) centred sum of squares; infinite for a single point, which has no slope
    mean_y: Floats  # (R, K)
    slope: Floats  # (R, K)
    residual: Floats  # (R, K)

    @classmethod
    def from_sums(
        cls, n: NDArray[np.int64], sum_x: Floats, sum_xx: Floats, sum_y: Floats, sum_xy: Floats, sum_yy: Floats
    ) -> "_Lines":
        """Return the lines from the sums over their points."""
        mean_x, mean_y = sum_x / n, sum_y / n
        ss_x = np.where(n > 1, sum_xx - sum_x * mean_x, np.inf)
        ss_xy = sum_xy - mean_x * sum_y
        slope = ss_xy / ss_x
        # Rounding may leave a perfect line slightly below zero.
        residual = np.maximum(sum_yy - sum_y * mean_y - slope * ss_xy, 0.0)
        return cls(n.astype(np.float64), mean_x, ss_x, mean_y, slope, residual)

    def value_at(self, x: Floats) -> Floats:
        """Return the values of the lines at x (K,), (R, K)."""
        return self.mean_y + self.slope * (x - self.mean_x)

    def variance_at(self, x: Floats) -> Floats:
        """Return the variance of those values for unit noise, (K,)."""
        return 1.0 / self.n + (x - self.mean_x) ** 2 / self.ss_x


def _refit(x: Floats, y: Floats, breakpoint: Floats) -> Fits:
    """Return the least-squares lines bent at `breakpoint` (R,), with residuals summed from the points themselves.

    y = v + m1 * min(x - b, 0) + m2 * max(x - b, 0): the normal equations have the shape of an arrow (the two ramps
    never overlap), and v follows by elimination.
    """
    d = x - breakpoint[:, None]  # (R, N)
    ramp_left, ramp_right = np.minimum(d, 0.0), np.maximum(d, 0.0)
    s_left, s_right = ramp_left.sum(axis=1), ramp_right.sum(axis=1)  # (R,)
    ss_left, ss_right = (ramp_left * ramp_left).sum(axis=1), (ramp_right * ramp_right).sum(axis=1)
    y_left, y_right = (y * ramp_left).sum(axis=1), (y * ramp_right).sum(axis=1)

    weight = len(x) - s_left * s_left / ss_left - s_right * s_right / ss_right
    v = (y.sum(axis=1) - y_left * s_left / ss_left - y_right * s_right / ss_right) / weight
    m1, m2 = (y_left - v * s_left) / ss_left, (y_right - v * s_right) / ss_right

    error = y - (v[:, None] + m1[:, None] * ramp_left + m2[:, None] * ramp_right)
    return Fits(breakpoint, m1, m2, (error * error).sum(axis=1))
