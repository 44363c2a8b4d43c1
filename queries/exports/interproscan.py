"""High-attention sites in the TSV of InterProScan: 15 columns, no header, one line per site.

For pipelines that already merge InterProScan results. Columns as in its manual (interproscan-docs.readthedocs.io,
output formats): the analysis is `attlas`, the signature is the rule by which sites are called, its description names
the site and says where it is from, the score is the share of the layer's maximum (higher is more; no E-value), and what
there is none of (InterPro entry, GO, pathways) is `-`. The date is that of the atlas, so bytes repeat. Proteins without
sites are absent, as from InterProScan's own; the coverage file beside it names every protein.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

from attlas.queries.exports.escaping import percent_encode
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import protein_rows
from attlas.queries.exports.site_text import site_text
from attlas.queries.formats import json_rows
from attlas.queries.provenance import provenance_text
from attlas.queries.store import Store
from attlas.schema import Manifest

ANALYSIS = "attlas"
IS_TRUE = "T"
MISSING = "-"


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all."""
    for protein in json_rows(protein_rows(atlas, request.accessions)):
        for line in _lines(protein, atlas.manifest):
            sink.write(f"{line}\n".encode())


def _lines(protein: dict[str, Any], manifest: Manifest) -> Iterator[str]:
    date = datetime.fromisoformat(manifest.created).strftime("%d-%m-%Y")
    sites = protein["sites"] or []

    for site in sites:
        columns = [
            *(protein["accession"], protein["md5"] or MISSING, protein["length"]),
            *(ANALYSIS, manifest.run.rule, f"{site_text(site, len(sites))}; {provenance_text(manifest)}"),
            *(site["position"], site["position"], site["share"], IS_TRUE, date),
            *[MISSING] * 4,
        ]
        yield "\t".join(percent_encode(str(column)) for column in columns)
