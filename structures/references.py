"""The UniProt accessions that a structure file states for its chains: `_struct_ref` of mmCIF, DBREF of PDB.

A chain may be of several proteins (a fusion). AlphaFold's files have these records as the PDB's have.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import gemmi

AccessionsOf = Callable[[str, "gemmi.Entity | None"], tuple[str, ...]]
"""Accessions by the author's name of a chain and its entity, each once, in the order of the file."""

_UNIPROT = ("UNP", "UNIPROT", "UNIPROTKB", "SWS", "TREMBL")
"""Names that files give the database."""
_MMCIF_TAGS = {
    "_struct_ref.": ("entity_id", "db_name", "pdbx_db_accession"),
    "_ma_target_ref_db_details.": ("target_entity_id", "db_name", "db_accession"),
}
"""Categories of mmCIF that say it: of deposited structures, and of computed models."""


def read_references(data: bytes, format: Literal["pdb", "mmcif"], block: "gemmi.cif.Block | None") -> AccessionsOf:
    """Return the function that gives the accessions of a chain; `block` is that of the atoms, for mmCIF."""
    stated = _of_mmcif(block) if block is not None else _of_pdb(data)

    def of_chain(chain: str, entity: "gemmi.Entity | None") -> tuple[str, ...]:
        key = chain if format == "pdb" else entity.name if entity else ""
        by_sifts = list(entity.sifts_unp_acc) if entity else []  # PDBe's updated files
        return tuple(dict.fromkeys(text for text in [*by_sifts, *stated.get(key, [])] if text))

    return of_chain


def _of_mmcif(block: "gemmi.cif.Block") -> dict[str, list[str]]:
    """Return accessions by entity."""
    import gemmi

    accessions: dict[str, list[str]] = {}
    for category, tags in _MMCIF_TAGS.items():
        for row in block.find(category, list(tags)):
            entity, database, accession = (gemmi.cif.as_string(text) for text in row)
            if database.upper() in _UNIPROT:
                accessions.setdefault(entity, []).append(accession)
    return accessions


def _of_pdb(data: bytes) -> dict[str, list[str]]:
    """Return accessions by chain. Columns are those of the PDB format 3.30; DBREF1 and DBREF2 hold long names."""
    accessions: dict[str, list[str]] = {}
    is_uniprot = False
    for raw in data.splitlines():
        if raw.startswith((b"ATOM  ", b"HETATM")):
            break

        line = raw.decode("latin-1")
        if line.startswith("DBREF "):
            if line[26:32].strip().upper() in _UNIPROT:
                accessions.setdefault(line[12].strip(), []).append(line[33:41].strip())
        elif line.startswith("DBREF1"):
            is_uniprot = line[26:32].strip().upper() in _UNIPROT
        elif line.startswith("DBREF2") and is_uniprot:
            accessions.setdefault(line[12].strip(), []).append(line[18:40].strip())

    return accessions
