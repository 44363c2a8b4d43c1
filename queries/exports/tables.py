"""High-attention sites as a plain table, one row per site: CSV, TSV, Parquet and Arrow IPC.

Positions are 1-based. Proteins without sites have no row here; the coverage and JSON lines exports have every protein.

In CSV and TSV, where the sites are from stands in columns rather than in `#` lines above the header: Excel shows such
lines as data, pandas needs `comment="#"` and then cuts texts that hold a `#`; and a row copied into another file keeps
saying where it is from. Parquet and Arrow IPC (Feather 2, which `pandas.read_feather`, `polars.read_ipc` and R map into
memory as it is) have that, and the docs of the columns, in their metadata.
"""

from typing import BinaryIO

import pyarrow as pa

from attlas.queries import formats
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import site_rows
from attlas.queries.exports.site_table import documented_sites, with_provenance_columns
from attlas.queries.spreadsheets import defuse_formulas
from attlas.queries.store import Store


def write_csv(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all, as CSV."""
    formats.write_csv(_sites_with_provenance(atlas, request), sink)


def write_tsv(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all, as tab-separated values, quoted as CSV is."""
    formats.write_tsv(_sites_with_provenance(atlas, request), sink)


def write_parquet(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all, as Parquet."""
    formats.write_parquet(documented_sites(atlas, request), sink)


def write_arrow(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all, as an Arrow IPC file."""
    formats.write_arrow(documented_sites(atlas, request), sink)


def _sites_with_provenance(atlas: Store, request: Request) -> pa.RecordBatchReader:
    rows = with_provenance_columns(site_rows(atlas, request.accessions), atlas)
    return defuse_formulas(rows) if request.is_safe_for_spreadsheets else rows
