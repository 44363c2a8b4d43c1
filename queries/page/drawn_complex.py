"""Two chains of a structure file on the page of a pair: one of either protein, the two that touch most.

A file may hold several copies of a complex; the chains drawn are those with most residues near each other.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from math import dist
from pathlib import Path
from typing import Any

from attlas.intake.rejects import name_chains
from attlas.queries.page.drawn_structure import drawn_atoms
from attlas.queries.page.structure_text import Atom, write_structure
from attlas.queries.text import printable
from attlas.schema import InputError
from attlas.structures.chains import StructureFile, read_structure
from attlas.structures.mapping import ChainMatch, StructureMatch, match_structure
from attlas.structures.secondary import read_elements

Point = tuple[float, float, float]
"""Angstrom."""

NEAR = 10.0
"""Angstrom from C-alpha to C-alpha up to which residues of two chains count as near each other."""


def draw_complex(
    path: Path, proteins: Sequence[tuple[str, str]], *, chains: Sequence[str | None] = (None, None)
) -> dict[str, Any]:
    """Return two chains of a file, with their ligands, as `structure` of the data of a pair's page.

    Args:
        proteins: accession and sequence of either protein.
        chains: the chain of either; None takes the chain that fits, of several the two that touch most.

    Raises:
        InputError: the file cannot be read, has no such chain, is not of these proteins, or has one chain for both.
        EnvironmentFault: gemmi is not installed.
    """
    file = read_structure(path)
    matches = [
        match_structure(file, accession, sequence, chain=chain)
        for (accession, sequence), chain in zip(proteins, chains, strict=True)
    ]
    pair = _find_touching_chains(file, matches)
    drawn_matches = [
        StructureMatch(file, match.accession, match.length, (chain,), ())
        for match, chain in zip(matches, pair, strict=True)
    ]
    atoms = [atom for match in drawn_matches for atom in drawn_atoms(file, match)]
    drawn = write_structure(atoms, read_elements(file)[0])

    drawn_chains = []
    for place, chain in enumerate(pair, start=1):
        positions = [aligned.position for aligned in chain.same]
        residues = [aligned.residue.numbered for aligned in chain.same]
        drawn_chains.append({"place": place, "chain": chain.chain, "positions": positions, "residues": residues})

    return {
        "kind": "file",
        "format": drawn.format,
        "text": drawn.text,
        "name": printable(f"{file.name} {name_chains([chain.chain for chain in pair])}"),
        "source": file.name,
        "chains": drawn_chains,
        "n_mapped": sum(len(chain.same) for chain in pair),
        "notes": [printable(line) for match in drawn_matches for line in match.lines()],
    }


def _find_touching_chains(file: StructureFile, matches: Sequence[StructureMatch]) -> tuple[ChainMatch, ChainMatch]:
    """Return one chain of either protein: of several, the two with most residues near each other."""
    protein, partner = matches
    pairs = [(a, b) for a, b in product(protein.chains, partner.chains) if a.chain != b.chain]
    if not pairs:
        name = protein.chains[0].chain
        raise InputError(
            f"{file.name} has one chain, {name}, for both {protein.accession} and {partner.accession}.",
            expected="a chain of either protein",
            hint="name the two chains: --chain NAME --partner-chain NAME",
        )
    if len(pairs) == 1:
        return pairs[0]

    points: dict[str, list[Point]] = defaultdict(list)
    for atom in _alpha_carbons(file, matches):
        points[atom.chain].append(atom.point)
    return max(pairs, key=lambda pair: _count_near(points[pair[0].chain], points[pair[1].chain]))


def _alpha_carbons(file: StructureFile, matches: Sequence[StructureMatch]) -> list[Atom]:
    """Return the C-alpha atoms of all chains that fit, each chain once."""
    chains = {chain.part: chain for match in matches for chain in match.chains}
    of_all = StructureMatch(file, matches[0].accession, matches[0].length, tuple(chains.values()), ())
    return [atom for atom in drawn_atoms(file, of_all) if atom.is_polymer and atom.name == "CA"]


def _count_near(points: Sequence[Point], partner_points: Sequence[Point]) -> int:
    """Return how many pairs of points are near each other; only those in neighbouring cells of a grid are measured."""
    cells: dict[tuple[int, ...], list[Point]] = defaultdict(list)
    for point in partner_points:
        cells[_cell_of(point)].append(point)

    n_near = 0
    for point in points:
        x, y, z = _cell_of(point)
        for step in product((-1, 0, 1), repeat=3):
            neighbours = cells.get((x + step[0], y + step[1], z + step[2]), ())
            n_near += sum(dist(point, neighbour) < NEAR for neighbour in neighbours)
    return n_near


def _cell_of(point: Point) -> tuple[int, ...]:
    return tuple(int(value // NEAR) for value in point)
