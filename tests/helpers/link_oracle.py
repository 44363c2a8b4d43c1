"""The rule of links in plain Python, step by step as `pipeline/links/choosing.py` states it, from whole maps."""

from collections.abc import Iterable, Mapping

import numpy as np

Head = tuple[int, int]
"""Layer and head."""

Link = tuple[int, int, int, int]
"""Layer, head, i and j; residues count from 1."""

HUB, APART = 5, 6
"""Links into one residue of one head; residues apart that make a pair of long range."""


def list_candidates(maps: Mapping[Head, np.ndarray], floor: float) -> dict[Link, np.float32]:
    """Return the weights between different residues, hubs cut, of inner maps (N, N) by layer and head."""
    candidates = {}
    for head, attention in maps.items():
        attention = attention.astype(np.float32)
        for key in range(len(attention)):
            queries = [i for i in np.flatnonzero(attention[:, key] >= np.float32(floor)) if i != key]
            strongest = sorted(queries, key=lambda i: (-attention[i, key], i))[:HUB]
            candidates |= {(*head, int(i) + 1, key + 1): attention[i, key] for i in strongest}
    return candidates


def choose_by_rule(
    candidates: Mapping[Link, np.float32], *, n_residues: int, per_residue: int, theta: float
) -> dict[Link, np.float32]:
    """Return the links chosen, with their weights."""

    def strongest_first(links: Iterable[Link]) -> list[Link]:
        return sorted(links, key=lambda link: (-candidates[link], link))

    left: dict[Head, list[Link]] = {}
    for link in strongest_first(candidates):
        left.setdefault(link[:2], []).append(link)
    with_edge = [head for head, links in left.items() if candidates[links[0]] >= np.float32(theta)]
    budget = max(per_residue * n_residues, len(with_edge))

    strongest = [left[head].pop(0) for head in with_edge]

    far = [link for links in left.values() for link in links if abs(link[2] - link[3]) >= APART]
    for link in strongest_first(far)[: min(budget // 2, budget - len(strongest))]:
        strongest.append(link)
        left[link[:2]].remove(link)

    while any(left.values()) and len(strongest) < budget:
        turn = [links.pop(0) for links in left.values() if links]
        strongest += strongest_first(turn)[: budget - len(strongest)]
    return {link: candidates[link] for link in strongest}


def list_disagreements(
    links: Mapping[Link, np.float32], expected: Mapping[Link, np.float32], *, tolerance: float = 2e-5
) -> list[Link]:
    """Return the links of one choice that the other lacks though no rounding of a weight explains it.

    float32 may order two weights otherwise than float64, which exchanges two links of nearly equal weight; or the last
    link of a round goes to another head. So of each head the sorted weights agree but for the weakest one.
    """
    disagreements = [link for link in links if link in expected and abs(links[link] - expected[link]) > tolerance]
    for head in {link[:2] for link in set(links) ^ set(expected)}:
        head_links, expected_links = ([link for link in choice if link[:2] == head] for choice in (links, expected))
        weights, expected_weights = (
            sorted((choice[link] for link in of_head), reverse=True)
            for choice, of_head in ((links, head_links), (expected, expected_links))
        )
        n = min(len(weights), len(expected_weights))
        is_same = np.allclose(weights[:n], expected_weights[:n], rtol=0, atol=tolerance)
        if not is_same or abs(len(weights) - len(expected_weights)) > 1:
            disagreements += sorted(set(head_links) ^ set(expected_links))
    return disagreements
