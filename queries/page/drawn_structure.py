"""The structure on the page of a protein: the mapped chains of a file, or the C-alpha atoms that an atlas holds.

Only what is drawn is kept: one model, one place of each atom, no water, no hydrogen. Residues keep the file's numbers.
"""

from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attlas.intake.files import MAX_BYTES
from attlas.intake.rejects import name_chains
from attlas.queries.answers.one_id import list_added_rows
from attlas.queries.answers.stored_rows import ProteinRow
from attlas.queries.page.structure_text import Atom, write_structure
from attlas.queries.store import Store
from attlas.queries.text import printable
from attlas.schema import COORDINATES, QuestionError
from attlas.structures.atoms import author_number
from attlas.structures.chains import StructureFile, read_structure
from attlas.structures.components import COMPONENTS
from attlas.structures.mapping import StructureMatch, match_structure
from attlas.structures.secondary import read_elements

if TYPE_CHECKING:
    import gemmi

TRACE_CHAIN = "A"
"""The chain of a trace whose own name has no place in the PDB format."""
COORDINATE_COLUMNS = ("source", "chain", "position", "residue", "observed", "ca_x", "ca_y", "ca_z")


def draw_file(
    path: Path, accession: str, sequence: str, *, chain: str | None = None, max_bytes: int = MAX_BYTES
) -> dict[str, Any]:
    """Return the mapped chains of a structure file, with their ligands, as `structure` of the page's data.

    Raises:
        InputError: the file cannot be read, has more than `max_bytes`, unpacked, has no such chain, or is not of this
            protein.
        EnvironmentFault: gemmi is not installed.
    """
    file = read_structure(path, max_bytes=max_bytes)
    match = match_structure(file, accession, sequence, chain=chain)
    drawn = write_structure(list(drawn_atoms(file, match)), read_elements(file)[0])

    residues_of_chain: dict[str, list[tuple[int, str]]] = {}
    for chain_match in match.chains:
        residues = [(aligned.position, aligned.residue.numbered) for aligned in chain_match.same]
        residues_of_chain.setdefault(chain_match.chain, []).extend(residues)

    return {
        "kind": "file",
        "format": drawn.format,
        "text": drawn.text,
        "name": printable(f"{file.name} {name_chains(list(residues_of_chain))}"),
        "source": file.name,
        **_describe_mapping(residues_of_chain),
        "notes": [_coverage(residues_of_chain, len(sequence)), *map(printable, match.lines())],
    }


def draw_trace(atlas: Store, protein: ProteinRow, *, chain: str | None = None) -> dict[str, Any] | None:
    """Return the C-alpha atoms of the annotated chain with the most residues, numbered as the sequence is.

    None where the atlas has no coordinates of the protein.

    Raises:
        QuestionError: no annotated structure of the protein has a chain of the name `chain`.
    """
    order = ("source", "chain", "position")
    rows = list_added_rows(atlas, COORDINATES, protein, COORDINATE_COLUMNS, by=order) or []
    rows_of_chain: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in (row for row in rows if row["ca_x"] is not None):
        rows_of_chain.setdefault((row["source"], row["chain"]), []).append(row)

    if chain is not None and all(name != chain for _, name in rows_of_chain):
        names = sorted({name for _, name in rows_of_chain})
        what = f"No structure that {protein.accession} is annotated with has a chain {chain}."
        raise QuestionError(what, expected=f"one of {', '.join(names)}" if names else "coordinates of the protein")

    candidates = {key: key_rows for key, key_rows in rows_of_chain.items() if chain in (None, key[1])}
    if not candidates:
        return None

    # The longest; of equal ones the first by name of the file, so that a page does not change.
    source, name = min(candidates, key=lambda key: (-len(candidates[key]), key))
    return _trace(candidates[source, name], source, name, protein.length)


def _trace(rows: Sequence[dict[str, Any]], source: str, chain: str, length: int) -> dict[str, Any]:
    drawn_chain = chain if len(chain) == 1 and chain.isascii() and chain.isalnum() else TRACE_CHAIN
    drawn = write_structure([_alpha_carbon(row, drawn_chain) for row in rows])

    same = [(row["position"], str(row["position"])) for row in rows if row["observed"] == row["residue"]]
    residues_of_chain = {drawn_chain: same}
    mismatches = [row for row in rows if row["observed"] != row["residue"]]
    notes = [_coverage(residues_of_chain, length), "C-alpha atoms only: all that the atlas has of a structure"]
    if mismatches:
        words = (f"{row['residue']}{row['position']} is {row['observed']}" for row in mismatches)
        notes.append(f"other letters in the structure: {', '.join(words)}")

    return {
        "kind": "trace",
        "format": drawn.format,
        "text": drawn.text,
        "name": printable(f"{source} {name_chains([chain])}"),
        "source": source,
        **_describe_mapping(residues_of_chain),
        "notes": notes,
    }


def _alpha_carbon(row: dict[str, Any], chain: str) -> Atom:
    return Atom(
        is_polymer=True,
        element="C",
        name="CA",
        component=COMPONENTS.get(row["observed"], "UNK"),
        chain=chain,
        number=row["position"],
        insertion="",
        point=(row["ca_x"], row["ca_y"], row["ca_z"]),
    )


def drawn_atoms(file: StructureFile, match: StructureMatch) -> Iterator[Atom]:
    """Yield the atoms of the mapped chains and of the ligands that the author counts to them."""
    import gemmi

    mapped_parts = {chain.part for chain in match.chains}
    mapped_names = {chain.chain for chain in match.chains}
    ligands = (gemmi.EntityType.NonPolymer, gemmi.EntityType.Branched)
    for chain in file.structure[0]:
        for span in chain.subchains() if chain.name in mapped_names else ():
            type = span[0].entity_type if len(span) else gemmi.EntityType.Unknown
            is_polymer = type == gemmi.EntityType.Polymer
            if type in ligands or (is_polymer and span.subchain_id() in mapped_parts):
                yield from _atoms(chain.name, span, is_polymer=is_polymer)


def _atoms(chain: str, span: "gemmi.ResidueSpan", *, is_polymer: bool) -> Iterator[Atom]:
    """Yield the atoms of a polymer or ligand: of alternative places the first, and no hydrogen."""
    for residue in span.first_conformer():
        number, insertion = author_number(residue)
        for atom in residue.first_conformer():
            point = (atom.pos.x, atom.pos.y, atom.pos.z)
            if not atom.is_hydrogen() and all(map(isfinite, point)):
                yield Atom(is_polymer, atom.element.name, atom.name, residue.name, chain, number, insertion, point)


def _describe_mapping(residues_of_chain: dict[str, list[tuple[int, str]]]) -> dict[str, Any]:
    chains = [
        {"chain": chain, "positions": [at for at, _ in residues], "residues": [residue for _, residue in residues]}
        for chain, residues in residues_of_chain.items()
    ]
    return {"chains": chains, "n_mapped": _count_positions(residues_of_chain)}


def _count_positions(residues_of_chain: dict[str, list[tuple[int, str]]]) -> int:
    return len({position for residues in residues_of_chain.values() for position, _ in residues})


def _coverage(residues_of_chain: dict[str, list[tuple[int, str]]], length: int) -> str:
    return f"{_count_positions(residues_of_chain):,} of {length:,} residues"
