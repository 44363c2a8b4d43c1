"""High-attention sites as UniProt features: the JSON of the Proteins API, which ProtVista and Nightingale read.

As ebi.ac.uk/proteins/api/features answers: an object for one accession, an array for several; `begin` and `end` are
texts, 1-based. Sites have the type SITE, UniProt's for a single residue that is of interest, and never ACT_SITE or
BINDING: a high-attention site is no claim of function, as its evidence code says. Three keys are ours, passed over by
readers: `outcome` and `reason` tell a protein without sites from one not computed, `provenance` where it is all from.
"""

from typing import Any, BinaryIO

from attlas.queries.answers.one_id import name_outcome
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import protein_rows
from attlas.queries.exports.site_text import site_text
from attlas.queries.formats import dump_json, json_rows
from attlas.queries.provenance import EVIDENCE, provenance_values
from attlas.queries.store import Store
from attlas.schema import Manifest

TYPE, CATEGORY = "SITE", "DOMAINS_AND_SITES"
OPTIONAL = {"entryName": "entry_name", "sequenceChecksum": "crc64", "taxid": "taxon_id"}
"""Keys of the API that are left out where the input did not say them, and their columns."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write some proteins, or all."""
    rows = json_rows(protein_rows(atlas, request.accessions))
    objects = (dump_json(_protein(row, atlas.manifest)) for row in rows)
    if request.accessions is not None and len(request.accessions) == 1:
        sink.writelines(line + b"\n" for line in objects)
        return

    sink.write(b"[")
    sink.writelines((b",\n" if i else b"\n") + line for i, line in enumerate(objects))
    sink.write(b"\n]\n")


def _protein(row: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    sites = sorted(row["sites"] or [], key=lambda site: site["position"])
    return {
        "accession": row["accession"],
        **{key: row[name] for key, name in OPTIONAL.items() if row[name] is not None},
        "sequence": row["sequence"],
        "outcome": name_outcome(row["status"], len(sites)),
        **({"reason": reason} if (reason := row["reason"] or row["sites_note"]) else {}),
        "features": [_feature(row["accession"], site, len(sites), manifest) for site in sites],
        "provenance": provenance_values(manifest),
    }


def _feature(accession: str, site: dict[str, Any], n_sites: int, manifest: Manifest) -> dict[str, Any]:
    share = f"share of the layer's largest attention {site['share']:.3f}"
    return {
        "type": TYPE,
        "category": CATEGORY,
        "ftId": f"{accession}.ha{site['position']}",
        "description": f"{site_text(site, n_sites)}, {share} ({manifest.run.model}, {manifest.run.rule})",
        "begin": str(site["position"]),
        "end": str(site["position"]),
        "evidences": [{"code": EVIDENCE, "source": {"name": "attlas", "id": manifest.atlas_id}}],
    }
