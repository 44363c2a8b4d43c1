"""The residues of a structure by the author's names, with their atoms: where a residue laid onto a protein is."""

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from attlas.structures.chains import Residue, StructureFile, polymers

if TYPE_CHECKING:
    import gemmi

Point = tuple[float, float, float]
"""Angstrom, in the axes of the file."""


@dataclass(frozen=True)
class PolymerResidues:
    """The residues of the polymers of a structure's first model."""

    by_name: dict[tuple[str, int, str, str], "gemmi.Residue"]
    """By chain, number, insertion code and component name."""

    @classmethod
    def of(cls, file: StructureFile) -> "PolymerResidues":
        """Return the residues of a structure; where two have the same name, the first of them."""
        by_name: dict[tuple[str, int, str, str], gemmi.Residue] = {}
        for chain in file.structure[0]:
            for residue in (residue for span in polymers(chain) for residue in span):
                by_name.setdefault((chain.name, *author_number(residue), residue.name), residue)
        return cls(by_name)

    def point(self, residue: Residue, atom: str) -> Point | None:
        """Return the coordinates of an atom, the first of alternative places; None if the residue has no such atom."""
        atom_in_file = self._find_atom(residue, atom)
        if atom_in_file is None:
            return None
        x, y, z = atom_in_file.pos.tolist()
        return (x, y, z) if all(map(isfinite, (x, y, z))) else None  # files of failed models hold `nan`

    def b_factor(self, residue: Residue, atom: str) -> float | None:
        """Return the number in the B column of an atom, of alternative places the first; None without one."""
        atom_in_file = self._find_atom(residue, atom)
        return atom_in_file.b_iso if atom_in_file is not None and isfinite(atom_in_file.b_iso) else None

    def _find_atom(self, residue: Residue, atom: str) -> "gemmi.Atom | None":
        for name in residue.names:
            in_file = self.by_name.get((residue.chain, residue.number, residue.insertion, name))
            if in_file is not None and (atom_in_file := in_file.find_atom(atom, "*")):
                return atom_in_file
        return None


def author_number(residue: "gemmi.Residue") -> tuple[int, str]:
    """Return the author's number and insertion code of a residue."""
    seqid = residue.seqid
    return (seqid.num if seqid.num is not None else 0), seqid.icode.strip()


def ca_and_cb(residues: PolymerResidues, residue: Residue) -> tuple[Point | None, Point | None]:
    """Return the coordinates of C-alpha and C-beta of a residue; for glycine, C-alpha stands for C-beta, too."""
    ca = residues.point(residue, "CA")
    return ca, ca if residue.names[0] == "GLY" else residues.point(residue, "CB")
