"""A structure file, PDB or mmCIF: its bytes, and its protein chains as letters with their residues.

Chains, numbers and insertion codes are the author's (`auth_asym_id`, `auth_seq_id`, `pdbx_PDB_ins_code`), as viewers
show them. Read by gemmi. Of several models (NMR) the first one says what residues there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attlas.intake.compression import plain_name
from attlas.intake.files import MAX_BYTES, read_file
from attlas.intake.text import as_utf8
from attlas.schema import EnvironmentFault, InputError
from attlas.structures.pdb_text import blank_foreign_columns, note_atoms_behind_end
from attlas.structures.references import AccessionsOf, read_references

if TYPE_CHECKING:
    import gemmi

PEPTIDE_BOND_MAX = 2.0
"""Largest distance from C to the next N of bonded residues, angstrom; 1.33 is ideal, unfinished models are loose."""
ALPHA_STEP_MAX = 4.5
"""Angstrom from one C-alpha to the next where there is no C or N: 3.8 ideal, 2.9 in a cis peptide."""

_HEAD_BYTES = 100_000
"""Bytes in which the first line that is no comment tells mmCIF from PDB."""


@dataclass(frozen=True)
class Residue:
    """A residue with coordinates, by its author's names."""

    chain: str
    number: int
    insertion: str
    """Insertion code; empty where there is none."""
    names: tuple[str, ...]
    """Component names, such as `LYS`; several where the crystal holds several residues at one place."""

    @property
    def numbered(self) -> str:
        """Number with insertion code: `45`, `45A`, `-3`."""
        return f"{self.number}{self.insertion}"

    def __str__(self) -> str:
        return f"{self.names[0]} {self.chain}{self.numbered}"


@dataclass(frozen=True)
class Place:
    """A place of a chain's sequence."""

    letters: str
    """One letter; several where there are several residues. A modified residue has its parent's letter."""
    residue: Residue | None = None
    """None where the place has no coordinates."""
    is_bonded: bool = True
    """False where coordinates show that the chain is broken before this place."""


@dataclass(frozen=True)
class ProteinChain:
    """A protein chain: every place of its sequence, whether it has coordinates or not."""

    name: str
    """The author's name."""
    places: tuple[Place, ...]
    has_sequence: bool
    """The file states the chain's sequence (SEQRES, entity_poly_seq); else only what has coordinates is known."""
    accessions: tuple[str, ...] = ()
    """UniProt accessions that the file states for it."""
    part: str = ""
    """Its own name within the file (`label_asym_id`): two polymers may share the author's."""

    @property
    def letters(self) -> str:
        """One letter for each place."""
        return "".join(place.letters[0] for place in self.places)


@dataclass(frozen=True)
class StructureFile:
    """A structure file as read."""

    path: Path
    data: bytes
    """Its bytes, unpacked."""
    format: Literal["pdb", "mmcif"]
    structure: "gemmi.Structure"
    chains: tuple[ProteinChain, ...]
    """Protein chains of the first model."""
    block: "gemmi.cif.Block | None" = None
    """The block of an mmCIF file that holds the atoms."""
    notes: tuple[str, ...] = ()
    """What of the file is not read, and why."""

    @property
    def name(self) -> str:
        """Name of the file without its folder and without the ending of a compressed file."""
        return plain_name(self.path.name)

    @property
    def entry(self) -> str:
        """The entry id that the file states, such as `1NMW`; empty without one."""
        if self.format == "mmcif":
            return str(self.structure.info["_entry.id"]) if "_entry.id" in self.structure.info else ""
        header = self.data.split(b"\n", 1)[0].decode("ascii", "replace")
        return header[62:66].strip() if header.startswith("HEADER") else ""


def read_structure(path: Path, *, max_bytes: int = MAX_BYTES) -> StructureFile:
    """Read a structure file.

    Raises:
        InputError: it cannot be read, has more than `max_bytes`, unpacked, is neither PDB nor mmCIF, or holds no
            protein chain.
        EnvironmentFault: gemmi is not installed.
    """
    gemmi = require("gemmi")
    file = read_file(path, expected="a structure as PDB or mmCIF", max_bytes=max_bytes)
    data = as_utf8(file.data, name=file.name)
    format: Literal["pdb", "mmcif"] = "mmcif" if _is_cif(data) else "pdb"

    block, notes = None, tuple[str, ...]()
    try:
        if format == "mmcif":
            block = coordinate_block(gemmi.cif.read_string(data))
            structure = gemmi.make_structure_from_block(block)
        else:
            structure, notes = _parse_pdb(data, name=file.name)
    except InputError:
        raise
    except (ValueError, RuntimeError, IndexError) as error:
        raise InputError(f"{path} cannot be read as {format}.", found=str(error).splitlines()[0]) from error

    if len(structure) == 0 or not any(len(chain) for chain in structure[0]):
        raise InputError(f"{path} holds no coordinates.", expected="a structure as PDB or mmCIF")

    structure.setup_entities()
    if format == "pdb":
        structure.assign_label_seq_id()  # places of SEQRES; mmCIF states them

    chains = tuple(_protein_chains(structure, read_references(data, format, block)))
    if not chains:
        names = ", ".join(dict.fromkeys(chain.name for chain in structure[0]))
        raise InputError(f"{path} holds no protein chain.", found=f"chains {names}")

    return StructureFile(path, data, format, structure, chains, block, notes)


def _parse_pdb(data: bytes, *, name: str) -> "tuple[gemmi.Structure, tuple[str, ...]]":
    """Return a PDB file as gemmi reads it, and notes on what is not read. Raises InputError, and gemmi's errors."""
    import gemmi

    end_note = note_atoms_behind_end(data, name=name)
    notes = () if end_note is None else (end_note,)
    try:
        return gemmi.read_pdb_string(data), notes
    except (ValueError, RuntimeError) as error:
        if "charge" not in str(error):
            raise

    blanked, n_atoms = blank_foreign_columns(data)
    foreign_note = f"columns 77 to 80 of {n_atoms:,} atoms hold no element and charge; not read"
    return gemmi.read_pdb_string(blanked), (*notes, foreign_note)


def require(library: str) -> Any:
    """Return an optional library, imported only now.

    Raises:
        EnvironmentFault: it is not installed; says what installs it.
    """
    import importlib
    import warnings

    try:
        with warnings.catch_warnings():
            # molviewspec 1.8 declares its models in a way that pydantic 2 calls deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(library)
    except ImportError as error:
        raise EnvironmentFault(
            f"Structures need {library}, which is not installed.", hint="pip install 'attlas[structures]'"
        ) from error


def letter_of(name: str, modified: "Sequence[gemmi.ModRes]" = ()) -> str:
    """Return the letter of a component, for a modified residue that of its parent; `X` where there is none."""
    import gemmi

    letter = gemmi.find_tabulated_residue(name).one_letter_code.strip().upper()
    if letter:
        return letter
    parents = [residue.parent_comp_id for residue in modified if residue.res_id.name == name]
    return letter_of(parents[0]) if parents and parents[0] not in ("", name) else "X"


def _is_cif(data: bytes) -> bool:
    lines = (line.strip() for line in data[:_HEAD_BYTES].splitlines())
    content = next((line for line in lines if line and not line.startswith(b"#")), b"")
    return content[:5].lower() == b"data_"


def coordinate_block(document: "gemmi.cif.Document") -> "gemmi.cif.Block":
    """Return the block of an mmCIF document that holds the atoms: the first one that does."""
    for block in document:
        if "_atom_site." in block.get_mmcif_category_names():
            return block
    raise ValueError("no block with the category _atom_site")


def polymers(chain: "gemmi.Chain") -> "Iterator[gemmi.ResidueSpan]":
    """Yield the polymers of a chain; where several chains share a name, gemmi's own polymer is of the first."""
    import gemmi

    for span in chain.subchains():
        if len(span) and span[0].entity_type == gemmi.EntityType.Polymer:
            yield span


def _protein_chains(structure: "gemmi.Structure", stated: AccessionsOf) -> Iterator[ProteinChain]:
    import gemmi

    proteins = (gemmi.PolymerType.PeptideL, gemmi.PolymerType.PeptideD)
    for chain in structure[0]:
        for span in polymers(chain):
            entity = structure.get_entity_of(span)  # none for a chain without a name
            kind = entity.polymer_type if entity else gemmi.PolymerType.Unknown
            kind = span.check_polymer_type() if kind == gemmi.PolymerType.Unknown else kind
            if kind in proteins:
                sequence = entity.full_sequence if entity else []
                protein_chain = _protein_chain(chain.name, span, sequence, structure.mod_residues)
                yield replace(protein_chain, accessions=stated(chain.name, entity), part=span.subchain_id())


def _protein_chain(
    name: str, span: "gemmi.ResidueSpan", sequence: Sequence[str], modified: "Sequence[gemmi.ModRes]"
) -> ProteinChain:
    groups = [list(group) for group in span.residue_groups()]
    if _is_placed(groups, sequence):
        by_place = {group[0].label_seq: group for group in groups}
        places = [
            _sequence_place(name, by_place.get(i), monomers.split(","), modified)
            for i, monomers in enumerate(sequence, start=1)
        ]
        return ProteinChain(name, tuple(places), has_sequence=True)

    bonded = [True, *(_is_bonded(a[0], b[0]) for a, b in pairwise(groups))]
    observed = [
        _sequence_place(name, group, [residue.name for residue in group], modified, is_bonded=is_bonded)
        for group, is_bonded in zip(groups, bonded, strict=True)
    ]
    return ProteinChain(name, tuple(observed), has_sequence=False)


def _is_placed(groups: "Sequence[Sequence[gemmi.Residue]]", sequence: Sequence[str]) -> bool:
    """Return True if every residue has its own place in the stated sequence, under the name stated there."""
    places = [group[0].label_seq for group in groups]
    is_distinct = len(set(places)) == len(places)
    if not sequence or not is_distinct or any(i is None or not 1 <= i <= len(sequence) for i in places):
        return False
    return all(group[0].name in sequence[i - 1].split(",") for i, group in zip(places, groups, strict=True) if i)


def _sequence_place(
    chain: str,
    group: "Sequence[gemmi.Residue] | None",
    monomers: Sequence[str],
    modified: "Sequence[gemmi.ModRes]",
    *,
    is_bonded: bool = True,
) -> Place:
    names = tuple(dict.fromkeys(residue.name for residue in group)) if group else tuple(monomers)
    letters = "".join(letter_of(name, modified) for name in names)
    if not group:
        return Place(letters)
    seqid = group[0].seqid
    number = seqid.num if seqid.num is not None else 0
    return Place(letters, Residue(chain, number, seqid.icode.strip(), names), is_bonded)


def _is_bonded(before: "gemmi.Residue", after: "gemmi.Residue") -> bool:
    """Return False if the atoms of two residues in a row are too far apart for a bond; True if they lack such atoms."""
    for name_before, name_after, max_distance in (("C", "N", PEPTIDE_BOND_MAX), ("CA", "CA", ALPHA_STEP_MAX)):
        atom_before, atom_after = before.find_atom(name_before, "*"), after.find_atom(name_after, "*")
        if atom_before and atom_after:
            return bool(atom_before.pos.dist(atom_after.pos) <= max_distance)
    return True
