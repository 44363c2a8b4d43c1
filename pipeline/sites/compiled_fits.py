"""The continuous two-segment least-squares line: exact, deterministic, compiled, and without Python's lock.

All compiled code is in this one file, because numba's cache knows only of changes in the file of a function.

Axis letters: `R` rows (layers), `N` points, `K = N - 2` knots x[1] ... x[N - 2].

For a breakpoint inside a gap between two points, the best continuous line is the pair of free lines of the points to
either side if these happen to cross inside the gap; otherwise the best breakpoint of the gap is one of its ends. So the
crossings and the data points as knots are all the candidates there are, and each costs O(1) from prefix sums.
At a knot b the two lines are bound to meet; with g the distance of the free lines at b and var(g) the variance of g for
unit noise, the bound costs g^2 / var(g) on top of the residual of the free lines (constrained least squares).
"""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# numba compiles operations on arrays and registers, which Python's types do not describe.

import numpy as np
from numba import njit

from attlas.pipeline.compiling import compile_cached

TIE = 1e-12
"""Residuals closer than this share of the total sum of squares are equal: the smallest breakpoint is taken."""

_FREE_ORDER = {"reassoc", "contract", "nsz"}
"""Freedom of LLVM in sums over points: it may sum in any order, the same on one machine."""


_NO_NAN = {"nnan", "nsz", "reassoc"}
"""Freedom of LLVM where all numbers are finite or infinite: it may compare them in any order."""


@njit(error_model="numpy")
def _split_points(x):
    """Return the means, sums of squares and variance of the free lines of every split, without y: five arrays (K,).

    Split k has the points 0 ... k - 1 as its head and k ... N - 1 as its tail. Of each the mean of x and its centred
    sum of squares, infinite for a single point, which has no slope; and var(g) at the knot x[k].
    """
    n = len(x)
    sum_x, sum_xx = np.cumsum(x), np.cumsum(x * x)
    mean_head, squares_head = np.empty(n - 2), np.empty(n - 2)
    mean_tail, squares_tail = np.empty(n - 2), np.empty(n - 2)
    variance = np.empty(n - 2)

    for k in range(1, n - 1):
        head_x, tail_x = sum_x[k - 1], sum_x[n - 1] - sum_x[k - 1]
        head_mean, tail_mean = head_x / k, tail_x / (n - k)
        head_squares = sum_xx[k - 1] - head_x * head_mean if k > 1 else np.inf
        tail_squares = (sum_xx[n - 1] - sum_xx[k - 1]) - tail_x * tail_mean
        from_head, from_tail = x[k] - head_mean, x[k] - tail_mean

        mean_head[k - 1], squares_head[k - 1] = head_mean, head_squares
        mean_tail[k - 1], squares_tail[k - 1] = tail_mean, tail_squares
        variance[k - 1] = (1.0 / k + from_head * from_head / head_squares) + (
            1.0 / (n - k) + from_tail * from_tail / tail_squares
        )
    return mean_head, squares_head, mean_tail, squares_tail, variance


@njit(error_model="numpy", inline="always")
def _compare_lines(at, n, points, sums, totals, split):
    """Return the crossing of the free lines of a split, its residual, the residual at the knot, and that of the lines.

    The residual of a crossing outside the gap before the knot is infinite. `at` counts splits from 0; every array is
    (K,), so that LLVM sees plain loops over it and computes several splits at once.
    """
    before, knot = points[0][at], points[1][at]
    mean_head, squares_head, mean_tail, squares_tail, variance = split

    head_y, head_xy, head_yy = sums[0][at], sums[1][at], sums[2][at]
    head_mean = head_y / (at + 1)
    head_cross = head_xy - mean_head[at] * head_y
    head_slope = head_cross / squares_head[at]
    # Rounding may leave a perfect line slightly below zero.
    head_residual = max(head_yy - head_y * head_mean - head_slope * head_cross, 0.0)

    tail_y, tail_xy, tail_yy = totals[0] - head_y, totals[1] - head_xy, totals[2] - head_yy
    tail_mean = tail_y / (n - at - 1)
    tail_cross = tail_xy - mean_tail[at] * tail_y
    tail_slope = tail_cross / squares_tail[at]
    tail_residual = max(tail_yy - tail_y * tail_mean - tail_slope * tail_cross, 0.0)

    free = head_residual + tail_residual
    head_value = head_mean + head_slope * (knot - mean_head[at])
    gap = head_value - (tail_mean + tail_slope * (knot - mean_tail[at]))
    bound = gap * gap / variance[at]

    crossing = knot + gap / (tail_slope - head_slope)
    is_inside = (crossing >= before) & (crossing <= knot)
    return crossing, free if is_inside else np.inf, free + bound, free


@njit(error_model="numpy")
def _compare_splits(n, points, sums, totals, split, residuals):
    """Fill `residuals` (K,) with the smaller residual of each split: at its crossing, or at its knot."""
    for at in range(len(residuals)):
        _, at_crossing, at_knot, _ = _compare_lines(at, n, points, sums, totals, split)
        residuals[at] = min(at_crossing, at_knot)

    # A head of one point reaches any line: it costs nothing to bind it, and the right end of its gap is the first knot.
    residuals[0] = _compare_lines(0, n, points, sums, totals, split)[3]


@njit(error_model="numpy")
def _find_breakpoint(x, y, split, sums, residuals):
    """Return the best breakpoint of a row y (N,); `sums` is room for three (N,), `residuals` for (K,)."""
    n = len(x)
    sum_y, sum_xy, sum_yy = sums
    total_y = total_xy = total_yy = 0.0
    for i in range(n):
        total_y += y[i]
        total_xy += x[i] * y[i]
        total_yy += y[i] * y[i]
        sum_y[i], sum_xy[i], sum_yy[i] = total_y, total_xy, total_yy

    points, totals = (x[:-2], x[1:-1]), (total_y, total_xy, total_yy)
    head_sums = (sum_y[:-2], sum_xy[:-2], sum_yy[:-2])
    _compare_splits(n, points, head_sums, totals, split, residuals)

    # Of all candidates whose residual is the smallest but for rounding, the leftmost.
    limit = _find_smallest(residuals) + TIE * _sum_squares(y, total_y / n)
    at = 0
    while residuals[at] > limit:
        at += 1
    if at == 0:
        return x[1]

    # Within one split the crossing comes before the knot.
    crossing, at_crossing, _, _ = _compare_lines(at, n, points, head_sums, totals, split)
    return crossing if at_crossing <= limit else x[at + 1]


@njit(fastmath=_NO_NAN)
def _find_smallest(values):
    smallest = values[0]
    for i in range(len(values)):
        smallest = min(smallest, values[i])
    return smallest


@njit(fastmath=_NO_NAN)
def _find_largest(values):
    largest = values[0]
    for i in range(len(values)):
        largest = max(largest, values[i])
    return largest


@njit(fastmath=_FREE_ORDER)
def _sum_squares(y, mean):
    total = 0.0
    for i in range(len(y)):
        total += (y[i] - mean) * (y[i] - mean)
    return total


@njit(fastmath=_FREE_ORDER)
def _sum_ramp(x, y, breakpoint):
    """Return, over one segment's points, the sums of x - breakpoint, of its square, of its product with y, and of y."""
    ramp = squares = product = total = 0.0
    for i in range(len(x)):
        distance = x[i] - breakpoint
        ramp += distance
        squares += distance * distance
        product += distance * y[i]
        total += y[i]
    return ramp, squares, product, total


@njit(error_model="numpy")
def _fit_slopes(x, y, breakpoint):
    """Return the least-squares line bent at a breakpoint: its value there, the slope of the head and of the tail.

    y = v + m1 * min(x - b, 0) + m2 * max(x - b, 0): the normal equations have the shape of an arrow (the two ramps
    never overlap), and v follows by elimination.
    """
    middle = np.searchsorted(x, breakpoint)
    left, left_squares, left_y, head_y = _sum_ramp(x[:middle], y[:middle], breakpoint)
    right, right_squares, right_y, tail_y = _sum_ramp(x[middle:], y[middle:], breakpoint)

    weight = len(x) - left * left / left_squares - right * right / right_squares
    value = (head_y + tail_y - left_y * left / left_squares - right_y * right / right_squares) / weight
    return value, (left_y - value * left) / left_squares, (right_y - value * right) / right_squares


@njit(fastmath=_FREE_ORDER)
def _sum_errors(x, y, breakpoint, value, slope_head, slope_tail):
    """Return the sum of squared residuals, from the points themselves."""
    total = 0.0
    for i in range(len(x)):
        distance = x[i] - breakpoint
        error = y[i] - (value + slope_head * min(distance, 0.0) + slope_tail * max(distance, 0.0))
        total += error * error
    return total


@compile_cached(nogil=True)
def compute_row_fits(x, y):
    """Return breakpoint, slope of head and of tail, and residual of each row of y (R, N) over x (N,): (4, R)."""
    split = _split_points(x)
    sums, residuals = (np.empty(len(x)), np.empty(len(x)), np.empty(len(x))), np.empty(len(x) - 2)
    fits = np.empty((4, len(y)))
    for row in range(len(y)):
        breakpoint = _find_breakpoint(x, y[row], split, sums, residuals)
        value, slope_head, slope_tail = _fit_slopes(x, y[row], breakpoint)
        fits[0, row], fits[1, row], fits[2, row] = breakpoint, slope_head, slope_tail
        fits[3, row] = _sum_errors(x, y[row], breakpoint, value, slope_head, slope_tail)
    return fits


@njit(fastmath=_FREE_ORDER)
def _copy_row(row, values):
    """Copy a row to `values`, as float64, and return its sum, which is finite only if all of it is."""
    total = 0.0
    for i in range(len(row)):
        value = np.float64(row[i])
        values[i] = value
        total += value
    return total


@njit
def _round_profile(row, n_steps, values, rounded):
    """Fill `rounded` (N,) with whole numbers from 0 to n_steps, those of a row (N,); `values` (N,) is room for it."""
    total = _copy_row(row, values)
    if not np.isfinite(total) or _find_smallest(values) < 0:
        raise ValueError("attention received must be finite and not negative")

    # What np.round(.., 2) does before it divides again; multiplied after the division, as it does.
    # A layer without any attention to residues is all zero, hence constant.
    largest = _find_largest(values)
    divisor = largest if largest > 0 else 1.0
    for i in range(len(row)):
        rounded[i] = np.int32(np.rint(values[i] / divisor * n_steps))


@njit
def _sort_falling(rounded, n_steps, y):
    """Fill `y` with whole numbers from 0 to n_steps, sorted from high to low, and return whether all are equal."""
    counts = np.zeros(n_steps + 1, np.int64)
    for i in range(len(rounded)):
        counts[rounded[i]] += 1

    end = 0
    for number in range(n_steps, -1, -1):
        begin, end = end, end + counts[number]
        y[begin:end] = number
    return y[0] == y[len(y) - 1]


@compile_cached(nogil=True)
def compute_profile_fits(received, n_steps):
    """Return breakpoint, slope of head and of tail, and whether it is constant, of each layer of (R, N): four (R,)."""
    n_layers, n = received.shape
    x = np.arange(n).astype(np.float64)
    split = _split_points(x)
    sums, residuals, y = (np.empty(n), np.empty(n), np.empty(n)), np.empty(n - 2), np.empty(n)
    values, rounded = np.empty(n), np.empty(n, np.int32)

    breakpoint, slope_head, slope_tail = np.empty(n_layers), np.empty(n_layers), np.empty(n_layers)
    is_constant = np.empty(n_layers, np.bool_)
    for layer in range(n_layers):
        _round_profile(received[layer], n_steps, values, rounded)
        is_constant[layer] = _sort_falling(rounded, n_steps, y)
        breakpoint[layer] = _find_breakpoint(x, y, split, sums, residuals)
        _, slope_head[layer], slope_tail[layer] = _fit_slopes(x, y, breakpoint[layer])
    return breakpoint, slope_head, slope_tail, is_constant
