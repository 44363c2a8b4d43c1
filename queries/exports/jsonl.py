"""Proteins with their high-attention sites as JSON lines: one protein per line, every protein of the atlas.

`outcome` says `sites found`, `computed, no sites found`, `skipped` or `failed`; `sites` is a list where the protein was
computed, empty if none were found, and null where it was not. Positions are 1-based. Each line carries its provenance.
"""

from typing import Any, BinaryIO

from attlas.queries.answers.one_id import name_outcome
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import protein_rows
from attlas.queries.formats import dump_json, json_rows
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write some proteins, or all."""
    provenance = provenance_values(atlas.manifest)
    for row in json_rows(protein_rows(atlas, request.accessions)):
        sink.write(dump_json({**_protein(row), "provenance": provenance}) + b"\n")


def _protein(row: dict[str, Any]) -> dict[str, Any]:
    sites = row.pop("sites") or []
    outcome = name_outcome(row["status"], len(sites))
    return {**row, "outcome": outcome, "sites": sites if row["status"] == "ok" else None}
