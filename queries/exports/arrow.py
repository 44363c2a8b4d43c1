"""High-attention sites as an Arrow IPC file (Feather 2): one row per site, column docs and provenance in the metadata.

For `pandas.read_feather`, `polars.read_ipc` and R's `read_feather`, which map it into memory as it is. Positions are
1-based. Proteins without sites have no row here; the coverage and JSON lines exports have every protein.
"""

from typing import BinaryIO

from attlas.queries.atlas import Atlas
from attlas.queries.exports.request import Request
from attlas.queries.exports.site_table import documented_sites
from attlas.queries.formats import write_arrow


def write(atlas: Atlas, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all."""
    write_arrow(documented_sites(atlas, request), sink)
