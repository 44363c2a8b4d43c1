"""Every protein with its outcome, as tab-separated values: beside a file that names only proteins with sites.

A protein that is not in such a file was computed and has no sites, was skipped, or failed: `outcome` says which and
`reason` why. `n_sites` is 0 where none were found and empty where nothing was computed.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from attlas.queries.answers.one_id import name_outcome
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import protein_rows
from attlas.queries.exports.site_table import with_provenance_columns
from attlas.queries.formats import write_tsv
from attlas.queries.spreadsheets import defuse_formulas
from attlas.queries.store import Store

SCHEMA = pa.schema(
    [
        ("accession", pa.string()),
        ("entry_name", pa.string()),
        ("length", pa.int32()),
        ("md5", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("n_sites", pa.int32()),
        ("layer", pa.int16()),
        ("n_nonstandard", pa.int32()),
    ]
)


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write some proteins, or all."""
    batches = (_batch(batch) for batch in protein_rows(atlas, request.accessions))
    rows = with_provenance_columns(pa.RecordBatchReader.from_batches(SCHEMA, batches), atlas)
    write_tsv(defuse_formulas(rows) if request.is_safe_for_spreadsheets else rows, sink)


def _batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    rows = batch.select([name for name in batch.schema.names if name != "sequence"]).to_pylist()
    return pa.RecordBatch.from_pylist(list(_add_coverage(rows)), SCHEMA)


def _add_coverage(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        n_sites = len(row["sites"] or []) if row["status"] == "ok" else None
        outcome, reason = name_outcome(row["status"], n_sites or 0), row["reason"] or row["sites_note"]
        values = {**row, "outcome": outcome, "reason": reason, "n_sites": n_sites}
        yield {name: values[name] for name in SCHEMA.names}
