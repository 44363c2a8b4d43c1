"""The attention received in a protein → its layer of convergence and its high-attention (HA) sites. Opens no file.

Source: Nayar, Tartici, Altman, PLoS Comput Biol 2025, 21(9):e1013424, and the authors' published code.
Axis letters: `L` layers, `N` residues, `n` sites.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attlas.schema import InputError

if TYPE_CHECKING:
    from attlas.pipeline.sites.elbow import ProfileFits

MIN_RESIDUES = 10
"""Length of the shortest sequence that is fitted."""
MANY_SITES = 40
"""Number of sites from which on a set gets a note: the published table has none that large."""

TOO_SHORT = "too short"
CONSTANT = "constant profile"
NONE_ABOVE = "none above the elbow"
MANY = "40 or more"

_ROUNDING_GUARD = 1e-9
"""Residues; see `Rule.n_sites`."""
STEPS = 100
"""Steps of a rounded profile, from 0 to its largest value: two decimals."""


@dataclass(frozen=True)
class Rule:
    """A published rule: the grid under the sorted profile, and the number of sites that follows from the breakpoint."""

    name: str
    grid: str
    """The grid x under the sorted profile, in words."""
    n_grid_short: int
    """The grid's step is 1 / (N - n_grid_short)."""
    n_dropped: int
    """n = floor(breakpoint * N) - n_dropped."""

    def step(self, n_residues: int) -> float:
        """Return the step of the grid: x[i] = i * step."""
        return 1.0 / (n_residues - self.n_grid_short)

    def n_sites(self, index: float, n_residues: int) -> int:
        """Return the number of sites for a breakpoint at `index`, counted in steps of the grid.

        The breakpoint may be exactly a data point k (the residual has kinks there: about 1 profile in 250), and the
        product may then come out just below k; so a billionth of a residue is added before the floor. A random
        search, as the published one, ends on either side of such a k and gives k or k - 1; the exact answer is k.
        Clamped to 0 .. N - 1.
        """
        n = int(np.floor(index * self.step(n_residues) * n_residues + _ROUNDING_GUARD)) - self.n_dropped
        return min(max(n, 0), n_residues - 1)


RULES = {
    rule.name: rule
    for rule in (
        Rule("nayar-2025-05", grid="i / N", n_grid_short=0, n_dropped=0),
        Rule("nayar-2025-07", grid="linspace(0, 1, N)", n_grid_short=1, n_dropped=1),
    )
}
"""The published rules by name; the first agrees with the released data and is the default."""
DEFAULT_RULE = "nayar-2025-05"


@dataclass(frozen=True)
class Sites:
    """The HA sites of one protein."""

    layer: int | None
    """Layer of convergence, 0-based; None without a fit."""
    positions: NDArray[np.int32]
    """(n,) positions, 1-based, in order of rank: by `received`, descending, ties by position."""
    received: NDArray[np.float32]
    """(n,) attention received in that layer, unrounded."""
    share: NDArray[np.float32]
    """(n,) `received` over the largest in that layer."""
    note: str | None
    """`too short`, `constant profile`, `none above the elbow`, `40 or more`, or None."""


def call_sites(received: NDArray[np.float32], *, rule: str = DEFAULT_RULE) -> Sites:
    """Return the layer of convergence and the HA sites of a protein.

    Per layer the attention is divided by its maximum, rounded to two decimals (`np.round`: half to even, in
    float64, where only the ratios 1/8, 3/8, 5/8, 7/8 are exact ties; in float32, as published, a ratio within
    6e-8 of a tie may round the other way), sorted, and fitted with two segments. The layer whose elbow angle is nearest
    90 degrees is the layer of convergence, of equal angles the lowest layer. Its first n residues are the sites, of
    equal rounded values those of lower position. A layer whose rounded profile is constant has no elbow.

    Within the set, sites rank by unrounded attention. So rounding can leave out a residue that received more than the
    last site: of two residues that round to the same hundredth, the rule takes the one of lower position.

    Args:
        received: (L, N) attention received per layer, unrounded, not negative.
        rule: name of a published rule, see `RULES`.

    Raises:
        InputError: there is no such rule.
        ValueError: the shape is not (L, N), or values of a protein that is fitted are negative or not finite.
    """
    if rule not in RULES:
        raise InputError(f"There is no rule {rule!r}.", expected=" or ".join(RULES), found=rule)
    if received.ndim != 2 or len(received) == 0:
        raise ValueError(f"a profile is (layers, residues): got shape {received.shape}")
    n_residues = received.shape[1]
    if n_residues < MIN_RESIDUES:
        return _make_empty_sites(None, TOO_SHORT)

    from attlas.pipeline.sites.elbow import fit_profiles  # imports numba, of which a plan has no need

    fits = fit_profiles(received, n_steps=STEPS)
    if fits.is_constant.all():
        return _make_empty_sites(None, CONSTANT)

    layer, index = _find_convergence(fits, RULES[rule].step(n_residues))
    return _rank_sites(received[layer], layer, RULES[rule].n_sites(index, n_residues))


def _find_convergence(fits: "ProfileFits", step: float) -> tuple[int, float]:
    """Return the layer of convergence and its breakpoint in steps of the grid."""
    # Fitted over whole numbers, where prefix sums are exact; slopes back in units of the grid and the profile.
    scale = 1.0 / (STEPS * step)
    distance = np.abs(compute_elbow_angle(fits.slope_head * scale, fits.slope_tail * scale) - 90.0)  # (L,)
    distance[fits.is_constant] = np.inf
    layer = int(distance.argmin())  # the first minimum
    return layer, float(fits.breakpoint[layer])


def compute_elbow_angle(m1: NDArray[np.float64], m2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angle in degrees, -90 to 90, between lines of slopes m1 and m2; +-90 where they are perpendicular."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.degrees(np.arctan((m2 - m1) / (1.0 + m1 * m2))))


def _rank_sites(received: NDArray[np.float32], layer: int, n: int) -> Sites:
    """Return the first n residues of the rounded profile as sites, ranked by unrounded attention (N,)."""
    if n == 0:
        return _make_empty_sites(layer, NONE_ABOVE)

    # Which residues are sites: the published order, by rounded value descending, then position ascending.
    largest = received.max()
    profile = np.rint(received / np.float64(largest) * STEPS).astype(np.int16)  # (N,), as `fit_profiles` rounds
    residues = np.sort(np.argsort(-profile, kind="stable")[:n])  # (n,) indices, ascending

    # Their rank: by unrounded value, descending; the stable sort leaves ties in order of position.
    residues = residues[np.argsort(-received[residues], kind="stable")]
    site_received = received[residues]
    share = site_received / largest
    return Sites(layer, (residues + 1).astype(np.int32), site_received, share, MANY if n >= MANY_SITES else None)


def _make_empty_sites(layer: int | None, note: str) -> Sites:
    return Sites(layer, np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.float32), note)
