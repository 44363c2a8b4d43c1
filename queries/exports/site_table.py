"""The sites as one table, for the formats that are tables: with provenance in columns, or in the metadata."""

import json
from collections.abc import Iterator
from dataclasses import asdict

import pyarrow as pa

from attlas.queries.engine.views import view_schema
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import site_rows
from attlas.queries.provenance import EVIDENCE, provenance_values
from attlas.queries.store import Store
from attlas.schema import PROTEINS, SITES
from attlas.schema.parquet_file import PROVENANCE_KEY, provenance
from attlas.schema.published_weights import describe_weights


def with_provenance_columns(rows: pa.RecordBatchReader, atlas: Store) -> pa.RecordBatchReader:
    """Return the rows with a column for each value of the provenance."""
    facts = provenance_values(atlas.manifest)
    schema = pa.schema([*rows.schema, *(pa.field(name, pa.string()) for name in facts)])
    return pa.RecordBatchReader.from_batches(schema, _with_columns(rows, facts, schema))


def documented_sites(atlas: Store, request: Request) -> pa.RecordBatchReader:
    """Return one row per site, with the docs of the columns and the provenance in the metadata of the schema.

    The key `attlas` holds the run as in the atlas's own files, with the counts of proteins and the evidence code.
    """
    rows = site_rows(atlas, request.accessions)
    schema = _document(rows.schema, atlas)
    batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in rows)
    return pa.RecordBatchReader.from_batches(schema, batches)


def _with_columns(rows: pa.RecordBatchReader, facts: dict[str, str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        constants = [pa.repeat(value, batch.num_rows) for value in facts.values()]
        yield pa.RecordBatch.from_arrays([*batch.columns, *constants], schema=schema)


def _document(schema: pa.Schema, atlas: Store) -> pa.Schema:
    docs = {field.name: field.metadata for table in (PROTEINS, SITES) for field in view_schema(table, atlas.n_layers)}
    facts = json.loads(provenance(atlas.manifest.run, atlas.manifest.atlas_id)[PROVENANCE_KEY])
    facts |= {"weights": describe_weights(atlas.manifest.run)}
    facts |= {"evidence": EVIDENCE, "counts": asdict(atlas.manifest.counts)}
    metadata = {PROVENANCE_KEY: json.dumps(facts, sort_keys=True).encode(), b"doc": SITES.doc.encode()}
    return pa.schema([field.with_metadata(docs[field.name]) for field in schema], metadata=metadata)
