"""Contacts between two chains of a structure that are laid onto proteins: pairs of residues, with their distance.

Nearer than 8 angstrom from C-beta to C-beta, of glycine from C-alpha. The chains are those of the file as deposited: a
partner that only the crystal's symmetry makes is not among them. Nor are parts of one protein, such as the two chains
into which a precursor is cut: their contacts may lie within one molecule.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.annotate.structures.assign import AssignedChain
from attlas.structures.atoms import PolymerResidues, ca_and_cb

MAX_DISTANCE = 8.0
"""Angstrom below which two residues are in contact: the definition of CASP for contacts of C-beta."""

_CELLS = 4_000_000
"""Distances that are held at a time."""


@dataclass(frozen=True)
class PlacedChain:
    """A chain with the places of those of its residues that have a C-beta, of glycine a C-alpha."""

    chain: AssignedChain
    positions: NDArray[np.int32]
    """Positions of the protein, shape (N,)."""
    points: NDArray[np.float64]
    """Angstrom, shape (N, 3)."""


def partner_rows(chains: Sequence[AssignedChain], residues: PolymerResidues) -> Iterator[tuple[object, ...]]:
    """Yield the contacts of every two chains: a row of `partner_contacts` without its source.

    Each contact comes once: the accession is that of the chain that comes first in the file. Polymers of one name are
    one chain, and a chain that is of several proteins has contacts as each of them.
    """
    placed_chains = [placed for placed in (_place(chain, residues) for chain in chains) if len(placed.positions)]
    order = {name: place for place, name in enumerate(dict.fromkeys(chain.match.chain for chain in chains))}
    placed_chains.sort(key=lambda placed: order[placed.chain.match.chain])

    for placed, partner in combinations(placed_chains, 2):
        is_one_chain = placed.chain.match.chain == partner.chain.match.chain
        if not is_one_chain and not are_parts(placed.chain, partner.chain):
            key = (placed.chain.accession, placed.chain.sequence_id, partner.chain.accession)
            names = (placed.chain.match.chain, partner.chain.match.chain)
            yield from ((*key, i, j, distance, *names) for i, j, distance in find_contacts(placed, partner))


def are_parts(chain: AssignedChain, other: AssignedChain) -> bool:
    """Return whether two chains show other parts of one sequence, where copies of it show the same.

    They do if half of the residues of neither are in the other.
    """
    if chain.sequence_id != other.sequence_id:
        return False
    positions, other_positions = ({aligned.position for aligned in of.match.placed} for of in (chain, other))
    return 2 * len(positions & other_positions) < min(len(positions), len(other_positions))


def list_parts(chains: Sequence[AssignedChain]) -> Iterator[tuple[AssignedChain, list[str]]]:
    """Yield the chains that show a part of a protein of which other chains show another, with these chains' names."""
    others: dict[int, list[str]] = {}
    for (place, chain), (_, other) in permutations(enumerate(chains), 2):
        if chain.match.chain != other.match.chain and are_parts(chain, other):
            others.setdefault(place, []).append(other.match.chain)

    for place, names in others.items():
        yield chains[place], sorted(set(names))


def find_contacts(placed: PlacedChain, partner: PlacedChain) -> Iterator[tuple[int, int, float]]:
    """Yield the residues of two chains in contact, as positions i and j with their distance, angstrom."""
    if not _may_touch(placed.points, partner.points):
        return

    n_rows = max(1, _CELLS // len(partner.points))
    for begin in range(0, len(placed.points), n_rows):
        differences = placed.points[begin : begin + n_rows, None] - partner.points[None]
        distances = np.sqrt(np.square(differences).sum(axis=-1))
        for row, column in zip(*np.nonzero(distances < MAX_DISTANCE), strict=True):
            yield (
                int(placed.positions[begin + row]),
                int(partner.positions[column]),
                float(distances[row, column]),
            )


def _place(chain: AssignedChain, residues: PolymerResidues) -> PlacedChain:
    positions, points = [], []
    for aligned in chain.match.placed:
        _, cb = ca_and_cb(residues, aligned.residue)
        if cb is not None:
            positions.append(aligned.position)
            points.append(cb)
    return PlacedChain(chain, np.array(positions, np.int32), np.array(points, np.float64).reshape(-1, 3))


def _may_touch(points: NDArray[np.float64], partner_points: NDArray[np.float64]) -> bool:
    """Return whether the boxes around two chains are near enough: most chains of a large complex are far apart."""
    low, high = points.min(axis=0), points.max(axis=0)
    partner_low, partner_high = partner_points.min(axis=0), partner_points.max(axis=0)
    gaps = np.maximum(low - partner_high, partner_low - high)
    return bool((gaps < MAX_DISTANCE).all())
