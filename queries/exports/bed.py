"""High-attention sites as BED6+5 along the proteins: the only 0-based format here, half-open, and it says so.

The columns of BED (samtools.github.io/hts-specs/BEDv1.pdf): the "chromosome" is the protein, the name is the site as
people write it (`R131`, 1-based; `M1_initiator` if it is the initiator methionine), the score is the share of the
layer's maximum times 1,000, there is no strand; then five of our own. In order of accession and position, as bedtools
and tabix want them. Accessions are percent-encoded where BED allows no such character.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from attlas.queries.exports.escaping import percent_encode
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import protein_rows
from attlas.queries.exports.site_text import SHORT_INITIATOR, site_name
from attlas.queries.formats import json_rows
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.schema import Manifest

COLUMNS = ("chrom", "chromStart", "chromEnd", "name", "score", "strand")
OWN_COLUMNS = ("residue", "rank", "layer", "received", "share")


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all."""
    for line in _header(atlas.manifest):
        sink.write(f"{line}\n".encode())
    for protein in json_rows(protein_rows(atlas, request.accessions)):
        sink.writelines(f"{line}\n".encode() for line in _lines(protein))


def _header(manifest: Manifest) -> Iterator[str]:
    yield "# BED6+5 in protein coordinates: chrom is a protein, 0-based, the end is not included"
    for name, value in provenance_values(manifest).items():
        yield f"# {name}: {percent_encode(value, is_ascii=True)}"
    yield "# " + "\t".join((*COLUMNS, *OWN_COLUMNS))


def _lines(protein: dict[str, Any]) -> Iterator[str]:
    for site in sorted(protein["sites"] or [], key=lambda site: site["position"]):
        yield _line(protein["accession"], site)


def _line(accession: str, site: dict[str, Any]) -> str:
    position = site["position"]
    fixed = [
        encode_chrom(accession),
        position - 1,
        position,
        f"{site_name(site)}_{SHORT_INITIATOR}" if site["is_initiator_methionine"] else site_name(site),
        round(site["share"] * 1000),
        ".",
    ]

    return "\t".join(str(value) for value in [*fixed, *(site[name] for name in OWN_COLUMNS)])


def encode_chrom(accession: str) -> str:
    """Return an accession as a chromosome: visible ASCII, and never the beginning of a comment or track line."""
    chrom = percent_encode(accession, also=" ", is_ascii=True)
    is_header = chrom.startswith(("#", "track", "browser"))
    return f"%{ord(chrom[0]):02X}{chrom[1:]}" if is_header else chrom
