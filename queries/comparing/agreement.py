"""Two sets of sites of one protein: how many they share, how far apart the others are, what chance would give."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

NEAR = 3
"""Residues along the sequence within which sites are near, unless told otherwise."""


@dataclass(frozen=True)
class Agreement:
    """The agreement on one protein. `ours` are the sites of the atlas, `theirs` those of the other table."""

    length: int
    """Residues of the protein."""
    ours: tuple[int, ...]
    """Sites of the atlas by rank, 1-based."""
    hundredths: tuple[int, ...]
    """Attention received at each of `ours`, in hundredths of the layer's maximum: all that published orders go by."""
    theirs: tuple[int, ...]
    """Sites of the other table in its order, 1-based, each once."""
    layer_ours: int | None
    """Layer of convergence in the atlas."""
    layer_theirs: int | None
    """Layer of convergence in the other table."""
    is_ordered: bool
    """The order of `theirs` may be that of the attention."""

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
        """The same sites, none before one that received more; None where no order is known or there is no site.

        The published rule rounds the profile to hundredths before it sorts, so that sites of one value have no order.
        """
        if not self.is_ordered or not self.n_union:
            return None
        if not self.is_same_set:
            return False

        hundredths_at = dict(zip(self.ours, self.hundredths, strict=True))
        return all(hundredths_at[site] >= hundredths_at[after] for site, after in pairwise(self.theirs))

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

    def distances(self) -> list[int]:
        """Return the residues from each of `theirs` to the nearest of `ours`; nothing where the atlas has no site."""
        ours = sorted(self.ours)
        return [_distance_to_nearest(ours, site) for site in self.theirs] if ours else []

    def n_shifted(self, by: int) -> int:
        """Return how many sites would be shared if `theirs` stood `by` residues further on."""
        return len(set(self.ours) & {site + by for site in self.theirs})


def _distance_to_nearest(ordered: Sequence[int], site: int) -> int:
    place = bisect_left(ordered, site)
    return min(abs(neighbour - site) for neighbour in ordered[max(place - 1, 0) : place + 1])
