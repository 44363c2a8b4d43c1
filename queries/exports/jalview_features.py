"""High-attention sites as a Jalview features file, shaded by their share of the layer's maximum.

As Jalview's manual has it (jalview.org/help, Sequence Features File): the colour of each feature type, then a line per
feature: description, sequence id, -1, start, end, type, score. The format has no comments, so where the sites are from
stands in a non-positional feature (0 to 0) of each protein, which Jalview shows with the sequence's name; it also tells
a protein without sites from one not computed. Ids are accessions, or those of the alignment given, whose rows' own
numbering is followed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from attlas.queries.answers.one_id import SITES_FOUND, name_outcome
from attlas.queries.exports.alignment import AlignedRow, by_accession
from attlas.queries.exports.escaping import percent_encode
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import protein_rows
from attlas.queries.exports.site_text import site_text, sites_text
from attlas.queries.formats import json_rows
from attlas.queries.provenance import provenance_text
from attlas.queries.store import Store

SITE, ABOUT = "high-attention site", "attlas"
COLOURS = {SITE: "ffe0b3|b30000|absolute|0|1|none", ABOUT: "808080"}
"""Sites from pale to dark red by their score, which goes from 0 to 1; the other type is not drawn."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the features of some proteins, or of all."""
    group = f"attlas {atlas.manifest.atlas_id}"
    lines = [f"{type}\t{colour}" for type, colour in COLOURS.items()]
    sink.writelines(f"{line}\n".encode() for line in [*lines, f"STARTGROUP\t{group}"])

    provenance, rows = provenance_text(atlas.manifest), by_accession(request.alignment)
    for protein in json_rows(protein_rows(atlas, request.accessions)):
        for row in find_alignment_rows(protein, rows):
            sink.writelines(f"{line}\n".encode() for line in _lines(protein, row, provenance))

    sink.write(f"ENDGROUP\t{group}\n".encode())


def find_alignment_rows(protein: dict[str, Any], rows: Mapping[str, list[AlignedRow]] | None) -> list[AlignedRow]:
    """Return the rows of a protein in the user's alignment; without an alignment, one row under its accession."""
    if rows is not None:
        return rows.get(protein["accession"], [])
    accession = protein["accession"]
    # As the FASTA export names it; an id of an alignment stays as it is, or Jalview would not find it.
    name = percent_encode(accession, also=" ")
    return [AlignedRow(name, accession, begin=1, number=1, n_residues=protein["length"])]


def _lines(protein: dict[str, Any], row: AlignedRow, provenance: str) -> Iterator[str]:
    sites = [(row.number_of(site["position"]), site) for site in protein["sites"] or []]
    numbered = [(number, site) for number, site in sites if number is not None]
    yield _line(f"{_outcome(protein, len(numbered))}; {provenance}", row.name, 0, ABOUT)
    for number, site in numbered:
        yield _line(site_text(site, len(sites)), row.name, number, SITE, site["share"])


def _outcome(protein: dict[str, Any], n_here: int) -> str:
    n_sites = len(protein["sites"] or [])
    outcome = name_outcome(protein["status"], n_sites)
    if outcome == SITES_FOUND:
        outcome = sites_text(n_sites) + ("" if n_here == n_sites else f", {n_here} in this row")
    reason = protein["reason"] or protein["sites_note"]
    return f"{outcome} ({reason})" if reason else outcome


def _line(description: str, name: str, number: int, type: str, *score: float) -> str:
    columns = [percent_encode(description), name, -1, number, number, type, *score]
    return "\t".join(map(str, columns))
