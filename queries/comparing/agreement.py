"""Two sets of sites of one protein: how many they share, how far apart the others are, what chance would give."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

NEAR = 3
"""Residues along the sequence within which sites are near, unless told otherwise."""


@dataclass(frozen=True)
class Agreement:
    """The agreement of an atlas and a table of sites from elsewhere on one protein."""

    length: int
    """Residues of the protein."""
    atlas_sites: tuple[int, ...]
    """Sites of the atlas by rank, 1-based."""
    hundredths: tuple[int, ...]
    """Attention received at each of `atlas_sites`, in hundredths of the layer's maximum, as published orders use it."""
    table_sites: tuple[int, ...]
    """Sites of the other table in its order, 1-based, each once."""
    atlas_layer: int | None
    """Layer of convergence in the atlas."""
    table_layer: int | None
    """Layer of convergence in the other table."""
    is_ordered: bool
    """The order of `table_sites` may be that of the attention."""

    @property
    def n_both(self) -> int:
        """Sites in both sets."""
        return len(set(self.atlas_sites) & set(self.table_sites))

    @property
    def n_union(self) -> int:
        """Sites in either set."""
        return len(set(self.atlas_sites) | set(self.table_sites))

    @property
    def jaccard(self) -> float | None:
        """Shared over all sites; None where neither has one."""
        return self.n_both / self.n_union if self.n_union else None

    @property
    def is_same_set(self) -> bool:
        """The same sites; also where neither has one."""
        return set(self.atlas_sites) == set(self.table_sites)

    @property
    def is_same_order(self) -> bool | None:
        """The same sites, none before one that received more; None where no order is known or there is no site.

        The published rule rounds the profile to hundredths before it sorts, so that sites of one value have no order.
        """
        if not self.is_ordered or not self.n_union:
            return None
        if not self.is_same_set:
            return False

        hundredths_at = dict(zip(self.atlas_sites, self.hundredths, strict=True))
        return all(hundredths_at[site] >= hundredths_at[next_site] for site, next_site in pairwise(self.table_sites))

    @property
    def is_same_layer(self) -> bool | None:
        """The same layer of convergence; None where either lacks one."""
        if self.atlas_layer is None or self.table_layer is None:
            return None
        return self.atlas_layer == self.table_layer

    @property
    def n_expected(self) -> float:
        """Sites that two random sets of these sizes share: the mean of the hypergeometric distribution."""
        return len(self.atlas_sites) * len(self.table_sites) / self.length

    def distances(self) -> list[int]:
        """Return the residues between each of `table_sites` and the nearest of `atlas_sites`; empty without these."""
        ordered_sites = sorted(self.atlas_sites)
        return [_distance_to_nearest(ordered_sites, site) for site in self.table_sites] if ordered_sites else []

    def n_shifted(self, by: int) -> int:
        """Return the number of shared sites if `table_sites` were moved `by` residues further on."""
        return len(set(self.atlas_sites) & {site + by for site in self.table_sites})


def _distance_to_nearest(ordered: Sequence[int], site: int) -> int:
    place = bisect_left(ordered, site)
    return min(abs(neighbour - site) for neighbour in ordered[max(place - 1, 0) : place + 1])
