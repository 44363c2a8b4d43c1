"""The elbow of a profile: a continuous line of two segments, by least squares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.sites.compiled_fits import compute_profile_fits, compute_row_fits

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SegmentFit:
    """A continuous line of two segments."""

    breakpoint: float
    """Point at which the segments meet, in units of x."""
    slope_head: float
    """Slope left of the breakpoint."""
    slope_tail: float
    """Slope right of the breakpoint."""
    residual: float
    """Sum of squared residuals, in units of y squared."""


@dataclass(frozen=True)
class Fits:
    """The fits of R rows: the fields of `SegmentFit`, each an array (R,)."""

    breakpoint: Floats
    slope_head: Floats
    slope_tail: Floats
    residual: Floats


@dataclass(frozen=True)
class ProfileFits:
    """The fits of the rounded and sorted profiles of R layers, each an array (R,)."""

    breakpoint: Floats
    """Index in the sorted profile, from 0."""
    slope_head: Floats
    """Steps per residue, left of the breakpoint."""
    slope_tail: Floats
    """The same to the right of the breakpoint."""
    is_constant: NDArray[np.bool_]
    """Whether all rounded values of the layer are equal: such a profile has no elbow."""


def fit_two_segments(x: Floats, y: Floats) -> SegmentFit:
    """Return the continuous two-segment line of least squares through the points.

    The breakpoint is at least x[1]: where the head is a single point any breakpoint in its gap fits alike, and the
    right end is taken. By the same reasoning it is at most x[N - 2]. Of equal residuals (see `compiled_fits.TIE`) the
    smallest breakpoint is taken.

    Args:
        x: (N,) strictly increasing, N >= 4.
        y: (N,) finite.

    Raises:
        ValueError: fewer than four points, other shapes, x not increasing, or values that are not finite.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 4:
        raise ValueError(f"a fit needs x and y of one length, at least 4: got {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (np.diff(x) > 0).all()):
        raise ValueError("a fit needs finite values and strictly increasing x")

    centre = x.mean()
    fits = fit_rows(x - centre, (y - y.mean())[None, :])
    return SegmentFit(
        breakpoint=float(fits.breakpoint[0] + centre),
        slope_head=float(fits.slope_head[0]),
        slope_tail=float(fits.slope_tail[0]),
        residual=float(fits.residual[0]),
    )


def fit_rows(x: Floats, y: Floats) -> Fits:
    """Return the two-segment fits of all rows of y (R, N) over x (N,); unchecked, see `fit_two_segments`.

    Prefix sums lose least where x and y are centred, and nothing at all where they are whole numbers.
    A constant row has slopes 0 and the breakpoint x[1].
    """
    breakpoint, slope_head, slope_tail, residual = compute_row_fits(np.ascontiguousarray(x), np.ascontiguousarray(y))
    return Fits(breakpoint, slope_head, slope_tail, residual)


def fit_profiles(received: NDArray[np.float32], *, n_steps: int) -> ProfileFits:
    """Return the fits of the profiles of all layers, (R, N), over the points 0 ... N - 1; N >= 4.

    Each profile is divided by its largest value, which becomes `n_steps`, and rounded to whole numbers (`np.rint`: half
    to even, in float64), whose sums are exact; then it is sorted from high to low. Memory: a dozen arrays of N float64.

    Raises:
        ValueError: values are negative or not finite.
    """
    breakpoint, slope_head, slope_tail, is_constant = compute_profile_fits(np.ascontiguousarray(received), n_steps)
    return ProfileFits(breakpoint, slope_head, slope_tail, is_constant)
