"""High-attention sites as tab-separated values: one row per site, provenance in columns of its own.

For `cut`, `awk` and `sort`: a row is a line and a column lies between tabs, whatever the values hold; tab, line feed,
carriage return and backslash are written `\\t`, `\\n`, `\\r` and `\\\\`, and nothing is quoted. Positions are 1-based.
"""

from typing import BinaryIO

from attlas.queries.atlas import Atlas
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import site_rows
from attlas.queries.exports.site_table import with_provenance_columns
from attlas.queries.formats import write_tsv


def write(atlas: Atlas, request: Request, sink: BinaryIO) -> None:
    """Write the sites of some proteins, or of all."""
    write_tsv(with_provenance_columns(site_rows(atlas, request.accessions), atlas), sink)
