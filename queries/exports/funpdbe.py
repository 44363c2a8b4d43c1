"""High-attention sites as FunPDBe JSON, the exchange format of PDBe-KB, for one entry of the PDB.

Schema: github.com/PDBe-KB/funpdbe-schema. Residues are named as the entry's author does. The class of confidence is
`null`, which the schema has for it: attention is no calibrated confidence, and the top site of any protein has share 1.
"""

import json
import re
from datetime import datetime
from typing import Any, BinaryIO

from attlas.queries.answers.stored_rows import SiteRow
from attlas.queries.exports.annotation import Annotation, annotate
from attlas.queries.exports.request import Request
from attlas.queries.provenance import EVIDENCE
from attlas.queries.store import Store
from attlas.schema import InputError, QuestionError
from attlas.structures.chains import Residue
from attlas.structures.mapping import StructureMatch

PDB_ID = re.compile(r"[1-9][a-z0-9]{3}")
EXTENDED = "pdb_0000"
"""How the twelve characters of an extended PDB id begin where the last four are the id of old."""
NO_ENTRY = ("", "xxxx")
"""What files say that are no entry of the PDB, or not yet."""
SITE = 1


def write(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the entry; return notes on it.

    Raises:
        QuestionError: neither the request nor the structure has a PDB id, or none of four characters.
        InputError: the structure says it is another entry, or none of the sites is on it.
    """
    if request.pdb_id is not None:
        four_letter_id(request.pdb_id)  # refused before the work

    annotation = annotate(atlas, request)
    match = annotation.match
    assert match is not None  # check_request has seen to it
    pdb_id = _entry_id(request.pdb_id, match)

    chains = _chains(annotation)
    if not chains:
        message = f"No site of {match.accession} is on {match.file.name}."
        raise InputError(message, expected="one at least: FunPDBe has no entry without", offenders=annotation.notes())

    entry = _entry(atlas, annotation, pdb_id, chains)
    sink.write(json.dumps(entry, ensure_ascii=False, indent=1).encode() + b"\n")
    return annotation.notes()


def four_letter_id(pdb_id: str) -> str:
    """Return a PDB id as FunPDBe writes it, four characters in lower case.

    Raises:
        QuestionError: it cannot be written so.
    """
    short = pdb_id.strip().lower().removeprefix(EXTENDED)
    if not PDB_ID.fullmatch(short):
        raise QuestionError(
            f"FunPDBe has no way to write the PDB id {pdb_id}.", expected="four characters, as 1nmw or pdb_00001nmw"
        )
    return short


def _entry_id(pdb_id: str | None, match: StructureMatch) -> str:
    """Return the PDB id of the structure: that of the request, else the one that the file states.

    Raises:
        QuestionError: neither is one, as for a model that is no entry of the PDB.
        InputError: the two differ.
    """
    entry = match.file.entry
    in_file = entry.lower().removeprefix(EXTENDED)

    if pdb_id is None:
        if not PDB_ID.fullmatch(in_file):
            raise QuestionError(
                f"{match.file.name} does not say which entry of the PDB it is, and FunPDBe is about one.",
                found=entry or None,
                hint="name it with --pdb-id, such as --pdb-id 1nmw",
            )
        return in_file

    pdb_id = four_letter_id(pdb_id)
    if in_file not in NO_ENTRY and in_file != pdb_id:
        raise InputError(f"{match.file.name} is another entry than --pdb-id says.", expected=pdb_id, found=entry)
    return pdb_id


def _entry(atlas: Store, annotation: Annotation, pdb_id: str, chains: list[dict[str, Any]]) -> dict[str, Any]:
    run, protein = atlas.manifest.run, annotation.protein
    sealed = datetime.fromisoformat(atlas.manifest.created)
    names = ("accession", "entry_name", "description", "organism", "length", "md5", "crc64", "layer")
    site = {
        "site_id": SITE,
        "label": "high-attention residues of a protein language model",
        "source_database": "UniProtKB" if protein.entry_name else "input",
        "source_accession": protein.accession,
        "additional_site_annotations": {
            "raw_score": "attention received in the layer of convergence: sum over queries, mean over heads",
            "confidence": "none: attention is not calibrated, and is no claim of function",
        },
    }

    return {
        "data_resource": "attlas",
        "resource_version": atlas.manifest.atlas_id,
        "software_version": run.attlas_version,
        "release_date": f"{sealed:%d/%m/%Y}",
        "pdb_id": pdb_id,
        "chains": chains,
        "sites": [site],
        "evidence_code_ontology": [{"eco_code": EVIDENCE.replace(":", "_")}],
        "additional_entry_annotations": {
            **annotation.provenance,
            **{name: getattr(protein, name) for name in names},
            "notes": list(annotation.notes()),
        },
    }


def _chains(annotation: Annotation) -> list[dict[str, Any]]:
    """Return the chains with sites, each with its residues by position."""
    by_chain: dict[str, list[tuple[SiteRow, Residue]]] = {}
    for site, residue in annotation.site_residues():
        by_chain.setdefault(residue.chain, []).append((site, residue))
    return [
        {"chain_label": chain, "residues": [_residue(*site_on) for site_on in sorted(sites_on_chain, key=_position)]}
        for chain, sites_on_chain in by_chain.items()
    ]


def _position(site_on: tuple[SiteRow, Residue]) -> int:
    return int(site_on[0].position)


def _residue(site: SiteRow, residue: Residue) -> dict[str, Any]:
    data = {"site_id_ref": SITE, "raw_score": site.received, "confidence_classification": "null"}
    additional = {
        name: getattr(site, name) for name in ("position", "residue", "rank", "share", "is_initiator_methionine")
    }
    return {
        "pdb_res_label": residue.numbered,
        "aa_type": residue.names[0],
        "additional_residue_annotations": additional,
        "site_data": [data],
    }
