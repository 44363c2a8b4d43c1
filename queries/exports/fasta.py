"""Sequences as FASTA with the high-attention sites in lower case and all other residues in upper case.

For tools that read lower case as a mask or mark. The id is the accession, the rest of the line what the header of the
input said, written as UniProt writes it, then where the sites are from, in square brackets, and whether one of them is
the initiator methionine. A protein that was not
computed is not in the file: in this format a sequence without lower case says that no site was found.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from attlas.queries.exports.escaping import percent_encode
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import protein_rows
from attlas.queries.exports.site_text import INITIATOR, site_name, sites_text
from attlas.queries.formats import json_rows
from attlas.queries.provenance import provenance_text
from attlas.queries.store import Store
from attlas.schema import Manifest

LINE_RESIDUES = 60
TAGS = {"OS": "organism", "OX": "taxon_id", "GN": "gene", "SV": "sequence_version"}
"""UniProt's header tags and the columns they came from."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write some proteins, or all that were computed."""
    for protein in json_rows(protein_rows(atlas, request.accessions)):
        if protein["status"] == "ok":
            for line in _record(protein, atlas.manifest):
                sink.write(f"{line}\n".encode())


def _record(protein: dict[str, Any], manifest: Manifest) -> Iterator[str]:
    yield f">{percent_encode(protein['accession'], also=' ')} {percent_encode(_description(protein, manifest))}"
    marked = mask_sites(protein["sequence"], [site["position"] for site in protein["sites"] or []])
    for start in range(0, len(marked), LINE_RESIDUES):
        yield marked[start : start + LINE_RESIDUES]


def mask_sites(sequence: str, positions: list[int]) -> str:
    """Return the sequence in upper case but for the positions, from 1."""
    letters = list(sequence.upper())
    for position in positions:
        letters[position - 1] = letters[position - 1].lower()
    return "".join(letters)


def _description(protein: dict[str, Any], manifest: Manifest) -> str:
    words = [protein["entry_name"], protein["description"]]
    words += [f"{tag}={protein[name]}" for tag, name in TAGS.items() if protein[name] is not None]
    sites = protein["sites"] or []
    about = [sites_text(len(sites))]
    about += [f"{site_name(site)} is the {INITIATOR}" for site in sites if site["is_initiator_methionine"]]
    about += [] if protein["layer"] is None else [f"layer {protein['layer']}"]
    words.append(f"[{', '.join(about)}; {provenance_text(manifest)}]")
    return " ".join(str(word) for word in words if word)
