"""Contacts in a structure: which residues of a protein are near each other, from a chain's coordinates.

Axis letter: `N` residues of the protein.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from attlas.schema import EnvironmentFault, InputError

if TYPE_CHECKING:
    import gemmi

CONTACT_DISTANCE = 8.0
"""Angstrom below which two residues are in contact."""

MATCH, MISMATCH, GAP = 2, -2, -10
"""Scores of the alignment; a gap costs the same however long."""

PEPTIDE_BOND_MAX, ALPHA_STEP_MAX = 2.0, 4.5
"""Angstrom up to which two residues count as bonded: C to the next N; C-alpha to the next where there is no C or N."""

Atom = Literal["CB", "CA"]
"""Which atom stands for a residue; with CB, a glycine's is CA."""


@dataclass(frozen=True)
class KnownContacts:
    """What a structure says about the pairs of a protein's residues."""

    is_contact: NDArray[np.bool_]
    """Nearer than the distance, shape (N, N), symmetric; False where unknown."""
    is_known: NDArray[np.bool_]
    """Residues with coordinates, shape (N,): only pairs of these say anything."""


@dataclass(frozen=True)
class ChainCoordinates:
    """One atom of each residue of a protein, from a chain of a structure."""

    coordinates: NDArray[np.float64]
    """Angstrom, shape (N, 3); not a number where the chain has no such atom."""
    n_aligned: int
    """Residues of the protein that the chain's observed residues were aligned to."""
    n_different: int
    """Of these, residues with another letter in the chain: mutations, or the wrong chain."""


def contacts_of(coordinates: NDArray[np.floating], *, below: float = CONTACT_DISTANCE) -> KnownContacts:
    """Return which residues are nearer than `below` angstrom, from one atom each, (N, 3), NaN where it is missing."""
    is_known = np.isfinite(coordinates).all(1)
    places = np.flatnonzero(is_known)
    is_contact = np.zeros((len(coordinates), len(coordinates)), np.bool_)
    for i in places:  # a row at a time: N x N x 3 would be the largest array of the pass
        is_contact[i, places] = np.linalg.norm(coordinates[places] - coordinates[i], axis=1) < below
    return KnownContacts(is_contact, is_known)


def chain_coordinates(path: Path, *, chain: str, sequence: str, atom: Atom = "CB") -> ChainCoordinates:
    """Read one atom per residue of a chain of a PDB or mmCIF file (.gz too), aligned to a protein's sequence.

    `chain` is the author's name. The first model counts, and of alternative places the first. Aligned are the residues
    that have coordinates; what the protein has beyond costs nothing at the ends and where the chain is broken.

    Raises:
        InputError: the file cannot be read, has no such chain, or the chain is no protein.
        EnvironmentFault: gemmi is not installed.
    """
    residues = list(_polymer(path, chain).first_conformer())
    letters = [_letter(residue) for residue in residues]
    found = np.full((len(sequence), 3), np.nan)
    n_aligned = n_different = 0
    for i, k in _aligned_pairs(sequence, letters, residues):
        n_aligned += 1
        n_different += letters[k] != sequence[i]
        found[i] = _position(residues[k], atom)
    return ChainCoordinates(found, n_aligned, n_different)


def _aligned_pairs(sequence: str, letters: list[str], residues: "list[gemmi.Residue]") -> list[tuple[int, int]]:
    """Return the aligned pairs: place in the sequence, place in the chain, both from 0."""
    gemmi = _gemmi()
    scoring = gemmi.AlignmentScoring()
    scoring.match, scoring.mismatch, scoring.gapo, scoring.gape = MATCH, MISMATCH, GAP, 0
    gaps = [0, *(GAP if _is_bonded(a, b) else 0 for a, b in pairwise(residues)), 0]
    alignment = gemmi.align_string_sequences(list(sequence), letters, gaps, scoring)
    columns = zip(alignment.add_gaps(sequence, 1), alignment.add_gaps("".join(letters), 2), strict=True)
    pairs, i, k = [], 0, 0
    for ours, theirs in columns:
        if ours != "-" and theirs != "-":
            pairs.append((i, k))
        i += ours != "-"
        k += theirs != "-"
    return pairs


def _letter(residue: "gemmi.Residue") -> str:
    """Return the letter of a residue, of a modified one its parent's; `X` where there is none."""
    return _gemmi().find_tabulated_residue(residue.name).one_letter_code.strip().upper() or "X"


def _is_bonded(a: "gemmi.Residue", b: "gemmi.Residue") -> bool:
    for first, second, longest in (("C", "N", PEPTIDE_BOND_MAX), ("CA", "CA", ALPHA_STEP_MAX)):
        ends = a.find_atom(first, "*"), b.find_atom(second, "*")
        if ends[0] and ends[1]:
            return bool(ends[0].pos.dist(ends[1].pos) < longest)
    return True


def _position(residue: "gemmi.Residue", atom: Atom) -> list[float]:
    name = "CA" if residue.name == "GLY" else atom
    found = residue.find_atom(name, "*")
    return list(found.pos.tolist()) if found else [np.nan] * 3


def _polymer(path: Path, chain: str) -> Any:
    """Return a protein chain's observed residues, a gemmi.ResidueSpan."""
    gemmi = _gemmi()
    try:
        structure = gemmi.read_structure(str(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"The structure {path} cannot be read.", expected="a PDB or mmCIF file", found=str(error)
        ) from error
    structure.setup_entities()
    chains = {some.name: some.get_polymer() for some in structure[0]} if len(structure) else {}
    if chain not in chains:
        raise InputError(
            f"{path} has no chain {chain}.", expected="a chain by its author's name", found=", ".join(chains)
        )
    kind = chains[chain].check_polymer_type()
    if kind not in (gemmi.PolymerType.PeptideL, gemmi.PolymerType.PeptideD):
        raise InputError(f"Chain {chain} of {path} is no protein.", found=f"{kind.name}, {len(chains[chain])} residues")
    return chains[chain]


def _gemmi() -> Any:
    try:
        import gemmi
    except ImportError as error:
        raise EnvironmentFault(
            "Structures need gemmi, which is not installed.", hint="pip install 'attlas[structures]'"
        ) from error
    return gemmi
