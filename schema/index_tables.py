"""The tables that find a protein by what it is called, read by lookups: `names` and `words`, which a build writes and
no view shows, and `members`, which `attlas annotate` adds.

A lookup bisects them: they are sorted by their first column and cut into files of a bounded number of row groups, so
that the footer of the one file that it needs stays small however many proteins there are.
"""

import pyarrow as pa

from attlas.schema.columns import STATUS, text_column
from attlas.schema.letter_case import fold_case
from attlas.schema.table import Column, Command, Table

KEY_LETTERS = 64
"""Letters of a name that its key holds: Parquet keeps no statistics of very long values."""
WORD_RANKS = 1 << 16
"""Ranks of the proteins that have a word in one kind of place; longer descriptions share the last."""

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

WORDS = Table(
    name="words",
    doc="A word of the accession, the names or the organism of a protein, by which `attlas find` finds it.",
    key=("key", "row"),
    sort=("key", "rank", "row"),
    row_group_rows=65_536,
    columns=(
        Column("key", pa.string(), "", "The word in lower case (case-folded), or 64 letters of a longer one."),
        Column(
            "rank",
            pa.int32(),
            "",
            "Place of the protein among those with the word, the likeliest at 0: letters of its description; and "
            f"{WORD_RANKS:,} more if the word is not its whole accession, entry name or gene, as much again if it does "
            "not stand in the description either.",
        ),
        Column("row", pa.int64(), "", "Row of the protein in `proteins`, from 0 in order of accession."),
    ),
)

INDEX_TABLES = (NAMES, WORDS)
"""The indexes of the names that a build writes."""

MEMBERS = Table(
    name="members",
    doc="A member of a cluster, such as one of UniRef, that is not in the atlas itself, and the protein that stands "
    "for it. Added by `attlas annotate --members`.",
    key=("member", "accession"),
    sort=("member", "accession"),
    row_group_rows=65_536,
    columns=(
        Column("member", pa.string(), "", "Accession of the member, as its source writes it."),
        Column("accession", pa.string(), "", "Accession of the cluster in the atlas; the key of `proteins`."),
    ),
    added_by=Command("annotate", "DIR FILE --members"),
)

KEY_COLUMNS = {NAMES.name: "key", WORDS.name: "key", MEMBERS.name: "member"}
"""The column by which a table is bisected: the manifest has its first and last value of each file."""


def name_key(name: str) -> str:
    """Return the key of a name: its beginning in lower case."""
    return fold_case(name)[:KEY_LETTERS]
