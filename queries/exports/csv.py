"""High-attention sites as CSV: one row per site, provenance in columns of its own.

Provenance stands in columns rather than in `#` lines above the header: Excel shows such lines as data, pandas needs
`comment="#"` and then cuts texts that hold a `#`; and a row copied into another file keeps saying where it is from.
Positions are 1-based. Proteins without sites have no row here; the JSON lines export has every protein.
"""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from attlas.queries.atlas import Atlas
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import site_rows
from attlas.queries.formats import write_csv
from attlas.queries.provenance import provenance_values


def write(atlas: Atlas, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all."""
    rows, said = site_rows(atlas, request.accessions), provenance_values(atlas.manifest)
    schema = pa.schema([*rows.schema, *(pa.field(name, pa.string()) for name in said)])
    write_csv(pa.RecordBatchReader.from_batches(schema, _with_columns(rows, said, schema)), sink)


def _with_columns(rows: pa.RecordBatchReader, said: dict[str, str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        constants = [pa.array([value] * batch.num_rows, pa.string()) for value in said.values()]
        yield pa.RecordBatch.from_arrays([*batch.columns, *constants], schema=schema)
