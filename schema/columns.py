"""Columns that several tables share, and functions that declare the usual kinds of columns."""

from dataclasses import replace

import pyarrow as pa

from attlas.schema.table import Column

EDGE_THETA = 0.3
"""Attention of a query to a key from which on the pair counts as an edge (Vig et al., ICLR 2021)."""
LONG_RANGE = 6
"""Separation |i - j| from which on a link is of long range, as for contacts; nearer ones follow from the chain."""


def text_column(name: str, doc: str, *, is_nullable: bool = True) -> Column:
    """Declare a column of texts."""
    return Column(name, pa.string(), "", doc, is_nullable=is_nullable)


def statistic_column(name: str, unit: str, doc: str) -> Column:
    """Declare a column of numbers with a unit."""
    return Column(name, pa.float32(), unit, doc)


SEQUENCE_ID = Column(
    "sequence_id",
    pa.int32(),
    "",
    "Number of the distinct sequence, from 0 in order of length; identical sequences share it.",
)
ACCESSION = Column("accession", pa.string(), "", "Accession of the protein; the key of `proteins`.", is_joined=True)
STORED_ACCESSION = replace(ACCESSION, is_joined=False)
"""The same in tables whose files hold it: proteins of one sequence may have different rows."""
POSITION = Column(
    "position", pa.int32(), "residues", "Position in the sequence stored in `proteins`, 1-based, UniProt numbering."
)
RESIDUE = Column("residue", pa.string(), "", "One-letter code of the residue at this position.")
CONTACT_PAIR = (
    Column("i", pa.int32(), "residues", "Position of the first residue, 1-based."),
    Column("j", pa.int32(), "residues", "Position of the second residue; j - i is 6 or more."),
)
LAYER = Column("layer", pa.int16(), "", "Layer, 0-based.")
HEAD = Column("head", pa.int16(), "", "Head within the layer, 0-based.")
RANK = Column(
    "rank",
    pa.int32(),
    "",
    "Rank among the sites of the protein by unrounded `received`, 1 is the highest, ties by position.",
)
STATUS = Column(
    "status", pa.string(), "", "`ok`: computed; `skipped`: not computed, by rule; `failed`: could not be computed."
)
LAYER_OF_CONVERGENCE = Column(
    "layer",
    pa.int16(),
    "",
    "Layer of convergence, 0-based: where the attention profile has its sharpest elbow; null if no fit.",
    is_nullable=True,
)
N_SITES = Column(
    "n_sites",
    pa.int32(),
    "sites",
    "Number of high-attention sites; 0 is an answer, null is not computed.",
    is_nullable=True,
)
SITES_NOTE = text_column(
    "sites_note",
    "Why there are no sites (`too short`, `constant profile`, `none above the elbow`), or that there are `40 or more`.",
)
