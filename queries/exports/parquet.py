"""High-attention sites as Parquet: one row per site, column docs and provenance in the metadata.

Positions are 1-based. Proteins without sites have no row here; the JSON lines export has every protein. The metadata
key `attlas` holds the run as in the atlas's own files, with the counts of proteins and the evidence code.
"""

import json
from dataclasses import asdict
from typing import BinaryIO

import pyarrow as pa

from attlas.queries.atlas import Atlas
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import site_rows
from attlas.queries.formats import write_parquet
from attlas.queries.provenance import EVIDENCE
from attlas.queries.views import view_schema
from attlas.schema import PROTEINS, SITES
from attlas.schema.manifest import PROVENANCE_KEY, provenance


def write(atlas: Atlas, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all."""
    rows = site_rows(atlas, request.accessions)
    schema = _documented(rows.schema, atlas)
    batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in rows)
    write_parquet(pa.RecordBatchReader.from_batches(schema, batches), sink)


def _documented(schema: pa.Schema, atlas: Atlas) -> pa.Schema:
    docs = {field.name: field.metadata for table in (PROTEINS, SITES) for field in view_schema(table, atlas.n_layers)}
    said = json.loads(provenance(atlas.manifest.run, atlas.manifest.atlas_id)[PROVENANCE_KEY])
    said |= {"evidence": EVIDENCE, "counts": asdict(atlas.manifest.counts)}
    metadata = {PROVENANCE_KEY: json.dumps(said, sort_keys=True).encode(), b"doc": SITES.doc.encode()}
    return pa.schema([field.with_metadata(docs[field.name]) for field in schema], metadata=metadata)
