"""Atoms as text for a viewer: PDB, and mmCIF where names or numbers do not fit into PDB's columns.

Columns of PDB are those of format 3.30. A viewer takes helices and strands from the text if it has them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from attlas.structures.secondary import HELIX, STRAND, Element

PDB_MAX_ATOMS = 99_999
PDB_NUMBERS = range(-999, 10_000)
"""Residue numbers that fit into PDB's columns."""
PDB_MIN, PDB_MAX = -999.0, 9_999.0
"""Coordinates that fit into PDB's columns, angstrom."""
BACKBONE = frozenset({"N", "CA", "C", "O"})
"""Atoms of a residue that a cartoon is drawn from."""
_ATOM_SITE = (
    "group_PDB",
    "id",
    "type_symbol",
    "auth_atom_id",
    "auth_comp_id",
    "auth_asym_id",
    "auth_seq_id",
    "pdbx_PDB_ins_code",
    "Cartn_x",
    "Cartn_y",
    "Cartn_z",
)


@dataclass(frozen=True)
class Atom:
    """An atom to be drawn."""

    is_polymer: bool
    """False in a ligand."""
    element: str
    """Its symbol, such as `C` or `Zn`."""
    name: str
    component: str
    chain: str
    number: int
    insertion: str
    """Insertion code; empty where there is none."""
    point: tuple[float, float, float]
    """Angstrom."""


@dataclass(frozen=True)
class StructureText:
    """The text of a structure."""

    format: str
    """`pdb` or `mmcif`."""
    text: str


def write_structure(atoms: Sequence[Atom], elements: Iterable[Element] = ()) -> StructureText:
    """Return atoms with helices and strands as text; mmCIF, which viewers read no helices from, if they do not fit."""
    if len(atoms) <= PDB_MAX_ATOMS and all(map(_fits_pdb, atoms)):
        chains = {atom.chain for atom in atoms}
        kept = (element for element in elements if element.chain in chains and _fits_numbers(element))
        lines = [*_pdb_elements(kept), *(_pdb_line(i, atom) for i, atom in enumerate(atoms, start=1)), "END"]
        return StructureText("pdb", "\n".join(lines) + "\n")

    header = ["data_structure", "loop_", *(f"_atom_site.{name}" for name in _ATOM_SITE)]
    lines = [*header, *(_mmcif_line(i, atom) for i, atom in enumerate(atoms, start=1)), "#"]
    return StructureText("mmcif", "\n".join(lines) + "\n")


def keep_polymer_atoms(structure: StructureText, names: frozenset[str]) -> StructureText:
    """Return a structure with those atoms of its polymers that have one of the names; ligands stay whole."""
    lines = []
    for line in structure.text.split("\n"):
        name = line[12:16].strip() if structure.format == "pdb" else _mmcif_name(line)
        if not line.startswith("ATOM ") or name in names:
            lines.append(line)
    return StructureText(structure.format, "\n".join(lines))


def keep_chains(structure: StructureText, chains: frozenset[str]) -> StructureText:
    """Return a structure with the atoms of some of its chains."""
    lines = []
    for line in structure.text.split("\n"):
        is_atom = line.startswith(("ATOM ", "HETATM"))
        if not is_atom or (line[21:22] if structure.format == "pdb" else line.split()[5].strip('"')) in chains:
            lines.append(line)
    return StructureText(structure.format, "\n".join(lines))


def _mmcif_name(line: str) -> str:
    return line.split()[3].strip('"') if line.startswith("ATOM ") else ""


def _fits_pdb(atom: Atom) -> bool:
    is_named = len(atom.name) <= 4 and len(atom.component) <= 3 and len(atom.chain) == 1
    is_plain = (atom.name + atom.component + atom.chain).isascii()
    is_near = all(PDB_MIN < value < PDB_MAX for value in atom.point)
    return is_named and is_plain and is_near and atom.number in PDB_NUMBERS


def _fits_numbers(element: Element) -> bool:
    return element.begin[0] in PDB_NUMBERS and element.end[0] in PDB_NUMBERS


def _pdb_line(serial: int, atom: Atom) -> str:
    group = "ATOM" if atom.is_polymer else "HETATM"
    # A name begins in the second of its four columns, unless its element has two letters.
    name = atom.name if len(atom.name) == 4 or len(atom.element) == 2 else f" {atom.name}"
    x, y, z = atom.point
    return (
        f"{group:<6}{serial:>5} {name:<4} {atom.component:>3} {atom.chain}{atom.number:>4}{atom.insertion or ' '}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {atom.element.upper():>2}"
    )


def _pdb_elements(elements: Iterable[Element]) -> Iterator[str]:
    for i, element in enumerate(elements):
        serial = i % 999 + 1
        (begin, begin_code), (end, end_code), chain = element.begin, element.end, element.chain
        begin_code, end_code = begin_code or " ", end_code or " "
        if element.type == HELIX:
            residues = f"    {chain} {begin:>4}{begin_code}     {chain} {end:>4}{end_code}"
            yield f"HELIX  {serial:>3} {serial:>3} {residues} 1"
        elif element.type == STRAND:
            yield f"SHEET  {serial:>3} {serial:>3} 1     {chain}{begin:>4}{begin_code}     {chain}{end:>4}{end_code} 0"


def _mmcif_line(serial: int, atom: Atom) -> str:
    group = "ATOM" if atom.is_polymer else "HETATM"
    texts = (atom.element or "X", atom.name, atom.component, atom.chain, str(atom.number), atom.insertion or "?")
    x, y, z = atom.point
    return f"{group} {serial} {' '.join(map(_mmcif_text, texts))} {x:.3f} {y:.3f} {z:.3f}"


def _mmcif_text(text: str) -> str:
    """Return a value as mmCIF has it: in quotes where a reader would take it for more than one, or for none."""
    is_plain = text and not any(character.isspace() or character in "'\"#;_$[]" for character in text)
    return text if is_plain else f'"{text}"'
