"""High-attention sites as CSV: one row per site, provenance in columns of its own.

Provenance stands in columns rather than in `#` lines above the header: Excel shows such lines as data, pandas needs
`comment="#"` and then cuts texts that hold a `#`; and a row copied into another file keeps saying where it is from.
Positions are 1-based. Proteins without sites have no row here; the coverage and JSON lines exports have every protein.
"""

from typing import BinaryIO

from attlas.queries.atlas import Atlas
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import site_rows
from attlas.queries.exports.site_table import with_provenance_columns
from attlas.queries.formats import write_csv


def write(atlas: Atlas, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all."""
    write_csv(with_provenance_columns(site_rows(atlas, request.accessions), atlas), sink)
