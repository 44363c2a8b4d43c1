"""The tables that find a protein by what it is called: written when an atlas is sealed, read by lookups, no views.

A lookup bisects them: they are sorted by their first column and cut into files of a bounded number of row groups, so
that the footer of the one file that it needs stays small however many proteins there are.
"""

import pyarrow as pa

from attlas.schema.columns import STATUS, text_column
from attlas.schema.table import Column, Table

KEY_LETTERS = 64
"""Letters of a name that its key holds: Parquet keeps no statistics of very long values."""

NAMES = Table(
    name="names",
    doc="A name of a protein by which it is looked up: accession, entry name, gene, or a checksum of its sequence.",
    key=("key", "kind", "row"),
    sort=("key", "kind", "row"),
    row_group_rows=16_384,
    columns=(
        Column("key", pa.string(), "", f"First {KEY_LETTERS} letters of the name, in lower case (case-folded)."),
        Column("kind", pa.string(), "", "Column of `proteins` that holds the name, such as `gene`."),
        text_column("name", "The name as `proteins` has it; null for a checksum, which its key holds."),
        Column("accession", pa.string(), "", "Accession of the protein."),
        Column("taxon_id", pa.int32(), "", "NCBI taxon id of the protein.", is_nullable=True),
        Column("sequence_id", pa.int32(), "", "Number of its sequence in the other tables.", is_nullable=True),
        STATUS,
        Column("row", pa.int64(), "", "Row of the protein in `proteins`, from 0 in order of accession."),
    ),
)


def name_key(name: str) -> str:
    """Return the key of a name: its beginning in lower case."""
    return name.casefold()[:KEY_LETTERS]
