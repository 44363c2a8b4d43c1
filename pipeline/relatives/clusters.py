"""Clusters of proteins: all that hang together by pairs of an identity or more. Pure.

Single linkage, so that no two proteins of different clusters are that alike: what is held out has no such relative
among what is fitted on.
"""

from collections.abc import Sequence

from attlas.pipeline.relatives.hits import METHOD as HITS_METHOD
from attlas.pipeline.relatives.hits import HomologyHit

FAMILY_IDENTITY = 0.4
"""Identity of the clusters that stand for families where none are given."""
MIN_COVERAGE = 0.5
"""Share of the shorter protein that an alignment must cover, so that a short common stretch joins no two proteins."""


def describe_method(identity: float) -> str:
    """Return how proteins were clustered at an identity."""
    return f"single linkage at {identity:.0%} identity over half of the shorter protein or more ({HITS_METHOD})"


def is_alike(hit: HomologyHit, identity: float) -> bool:
    """Return whether a hit joins two proteins at an identity, 0 to 1."""
    return hit.alignment.identity >= identity and hit.alignment.coverage >= MIN_COVERAGE


def cluster(hits: Sequence[Sequence[HomologyHit]], accessions: Sequence[str], *, identity: float) -> list[str]:
    """Return the cluster of each protein, named by the first accession in it.

    Args:
        hits: of each protein.
        accessions: the name of each protein.
        identity: from which on two proteins are in one cluster, 0 to 1.
    """
    parents = list(range(len(hits)))

    def find_root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for place, of_protein in enumerate(hits):
        for hit in of_protein:
            if is_alike(hit, identity):
                parents[find_root(hit.protein)] = find_root(place)

    names: dict[int, str] = {}
    for place, accession in enumerate(accessions):
        root = find_root(place)
        names[root] = min(names.get(root, accession), accession)
    return [names[find_root(place)] for place in range(len(hits))]
