"""High-attention sites as Parquet: one row per site, column docs and provenance in the metadata.

Positions are 1-based. Proteins without sites have no row here; the coverage and JSON lines exports have every protein.
"""

from typing import BinaryIO

from attlas.queries.atlas import Atlas
from attlas.queries.exports.request import Request
from attlas.queries.exports.site_table import documented_sites
from attlas.queries.formats import write_parquet


def write(atlas: Atlas, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all."""
    write_parquet(documented_sites(atlas, request), sink)
