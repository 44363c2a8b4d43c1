"""High-attention sites as GFF3: one feature of type `amino_acid` per site, 1-based, along the protein.

Every computed protein has its `##sequence-region`, also one without sites; one that was not computed has a comment
with the reason. These stand at the head, and the features after them by protein and position, as tabix indexes them:
`bgzip FILE && tabix -p gff FILE.gz`.

Texts are percent-encoded as the specification asks (github.com/The-Sequence-Ontology/Specifications, gff3.md): in
column 1 all but its own alphabet, in column 9 control characters and `% ; = & ,`.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import outcome_rows, protein_rows
from attlas.queries.exports.site_text import site_name
from attlas.queries.formats import json_rows
from attlas.queries.provenance import EVIDENCE, provenance_values
from attlas.queries.store import Store
from attlas.schema import Manifest

FEATURE = "amino_acid"
"""Sequence Ontology term SO:0001237: one residue. A site is no claim of function, so never `active_site`."""
UNIPROT_ACCESSION = re.compile(r"([OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9]([A-Z][A-Z0-9]{2}[0-9]){1,2})(-\d+)?")
"""UniProt's own pattern (uniprot.org/help/accession_numbers), with an isoform's number."""
SEQID_ALPHABET = ".:^*$@!+_?-|"


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all."""
    for line in _header(atlas.manifest):
        sink.write(f"{line}\n".encode())

    # A first pass over the proteins alone, so that no comment stands among the features: tabix reads none there.
    for protein in outcome_rows(atlas, request.accessions):
        sink.write(f"{_region_line(protein)}\n".encode())

    for protein in json_rows(protein_rows(atlas, request.accessions)):
        for line in _feature_lines(protein):
            sink.write(f"{line}\n".encode())


def _header(manifest: Manifest) -> Iterator[str]:
    yield "##gff-version 3"
    for name, value in provenance_values(manifest).items():
        yield f"# {name}: {attribute(value)}"
    counts = manifest.counts
    computed = f"{counts.n_ok} of {counts.n_requested} proteins computed"
    yield f"# atlas: {computed}, {counts.n_skipped} skipped, {counts.n_failed} failed"
    yield "# score: attention received in the layer of convergence (0-based), mean over heads of the sum over queries"


def _region_line(protein: dict[str, Any]) -> str:
    seqid = quote_seqid(protein["accession"])
    if protein["status"] != "ok":
        return f"# {seqid} not computed, {protein['status']}: {attribute(protein['reason'] or '')}"
    return f"##sequence-region {seqid} 1 {protein['length']}"


def quote_seqid(accession: str) -> str:
    """Return an accession as column 1 may hold it."""
    return quote(accession, safe=SEQID_ALPHABET)


def _feature_lines(protein: dict[str, Any]) -> Iterator[str]:
    seqid = quote_seqid(protein["accession"])
    for site in sorted(protein["sites"] or [], key=lambda site: site["position"]):
        at, score = str(site["position"]), str(site["received"])
        columns = [seqid, "attlas", FEATURE, at, at, score, ".", ".", _attributes(protein, site)]
        yield "\t".join(columns)


def _attributes(protein: dict[str, Any], site: dict[str, Any]) -> str:
    accession = protein["accession"]
    values = {"ID": f"{accession}.ha{site['position']}", "Name": site_name(site)}
    if UNIPROT_ACCESSION.fullmatch(accession):
        values["Dbxref"] = f"UniProtKB:{accession}"

    values["Ontology_term"] = EVIDENCE
    # Attributes of our own begin in lower case: the specification keeps upper case for itself.
    values |= {name: str(site[name]) for name in ("residue", "rank", "layer", "share")}
    values |= {"nonstandard": "true"} if site["is_nonstandard"] else {}
    values |= {"initiator_methionine": "true"} if site["is_initiator_methionine"] else {}
    values |= {name: protein[name] for name in ("gene", "organism", "md5") if protein[name]}

    return ";".join(f"{name}={attribute(value)}" for name, value in values.items())


def attribute(text: str) -> str:
    """Return a value of column 9 with its special characters percent-encoded; all else, UTF-8, as it is."""
    return "".join(quote(c, safe="") if c in "%;=&," or not c.isprintable() else c for c in text)
