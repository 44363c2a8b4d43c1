"""Two sets of sites of one protein: how many they share, how far apart the others are, what chance would give."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

NEAR = 3
"""Residues along the sequence within which sites are near, unless told otherwise."""


@dataclass(frozen=True)
class Agreement:
    """The agreement on one protein."""

    length: int
    """Residues of the protein."""
    ours: tuple[int, ...]
    """Sites of the atlas by rank, 1-based."""
    theirs: tuple[int, ...]
    """Sites of the other table in its order, 1-based, each once."""
    layer_ours: int | None
    layer_theirs: int | None
    is_ordered: bool
    """The order of their sites may be compared."""

    @property
    def n_both(self) -> int:
        """Sites in both sets."""
        return len(set(self.ours) & set(self.theirs))

    @property
    def n_union(self) -> int:
        """Sites in either set."""
        return len(set(self.ours) | set(self.theirs))

    @property
    def jaccard(self) -> float | None:
        """Shared over all sites; None where neither has one."""
        return self.n_both / self.n_union if self.n_union else None

    @property
    def is_same_set(self) -> bool:
        """The same sites; also where neither has one."""
        return set(self.ours) == set(self.theirs)

    @property
    def is_same_order(self) -> bool | None:
        """The same sites in the same order; None where the order is not known or neither has a site."""
        return self.ours == self.theirs if self.is_ordered and self.n_union else None

    @property
    def is_same_layer(self) -> bool | None:
        """The same layer of convergence; None where either lacks one."""
        if self.layer_ours is None or self.layer_theirs is None:
            return None
        return self.layer_ours == self.layer_theirs

    @property
    def n_expected(self) -> float:
        """Sites that two random sets of these sizes share: the mean of the hypergeometric distribution."""
        return len(self.ours) * len(self.theirs) / self.length

    @property
    def variance(self) -> float:
        """Variance of that number."""
        n, a, b = self.length, len(self.ours), len(self.theirs)
        return a * b / n * (1 - a / n) * (n - b) / (n - 1) if n > 1 else 0.0

    def distances(self) -> list[int]:
        """Return for each of their sites the residues along the sequence to our nearest; empty without ours."""
        ours = sorted(self.ours)
        return [_nearest(ours, site) for site in self.theirs] if ours else []

    def n_shifted(self, by: int) -> int:
        """Return how many sites would be shared if theirs stood `by` residues further on."""
        return len(set(self.ours) & {site + by for site in self.theirs})


def _nearest(ordered: Sequence[int], site: int) -> int:
    at = bisect_left(ordered, site)
    return min(abs(other - site) for other in ordered[max(at - 1, 0) : at + 1])
