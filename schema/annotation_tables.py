"""The tables that `attlas annotate` adds to a sealed atlas from sources: known biology, and a caller's numbers."""

import pyarrow as pa

from attlas.schema.columns import (
    POSITION,
    RESIDUE,
    SEQUENCE_ID,
    STORED_ACCESSION,
    statistic_column,
    text_column,
)
from attlas.schema.table import Column, Command, Table

FEATURES = Table(
    name="features",
    doc="A known feature of a protein, as a source gives it; added by `attlas annotate`. Several sources, or several "
    "chains of a structure, may give one residue the same type: count distinct residues, not rows.",
    key=("accession", "type", "begin", "end", "description", "source"),
    sort=("sequence_id", "accession", "begin", "end", "type", "description", "source"),
    row_group_rows=16_384,
    columns=(
        STORED_ACCESSION,
        SEQUENCE_ID,
        text_column(
            "type",
            "Type of feature in UniProt's words, such as `Active site`; `Interface` is what structures show: residues "
            "nearer than 5 angstrom to another protein chain.",
            is_nullable=False,
        ),
        Column("begin", pa.int32(), "residues", "First residue, 1-based, in the sequence stored in `proteins`."),
        Column("end", pa.int32(), "residues", "Last residue, inclusive."),
        text_column("description", "What the source says of it; empty if nothing.", is_nullable=False),
        text_column("evidence", "Evidence codes of the source (ECO), separated by `; `."),
        text_column("source", "File it was read from.", is_nullable=False),
    ),
    added_by=Command("annotate", "DIR SOURCE"),
)

FAMILIES = Table(
    name="families",
    doc="A family, domain or other group that a protein is assigned to; added by `attlas annotate`.",
    key=("accession", "database", "family", "source"),
    sort=("sequence_id", "accession", "database", "family", "source"),
    row_group_rows=16_384,
    columns=(
        STORED_ACCESSION,
        SEQUENCE_ID,
        text_column("database", "Whose families they are, such as `Pfam`.", is_nullable=False),
        text_column("family", "Identifier of the family, such as `PF00069`.", is_nullable=False),
        text_column("name", "Name of the family, where the source gives one."),
        text_column("source", "File it was read from.", is_nullable=False),
    ),
    added_by=Command("annotate", "DIR SOURCE"),
)

COORDINATES = Table(
    name="coordinates",
    doc="Where a residue of a protein is in a structure; added by `attlas annotate`.",
    key=("accession", "source", "chain", "position"),
    sort=("sequence_id", "accession", "source", "chain", "position"),
    row_group_rows=16_384,
    columns=(
        STORED_ACCESSION,
        SEQUENCE_ID,
        text_column("source", "File of the structure.", is_nullable=False),
        text_column("chain", "The author's name of the chain.", is_nullable=False),
        POSITION,
        RESIDUE,
        text_column(
            "observed",
            "Letter in the structure, of a modified residue its parent's; another than `residue` in mutants.",
            is_nullable=False,
        ),
        *(
            Column(f"{atom}_{axis}", pa.float32(), "angstrom", f"{word}, {axis}.", is_nullable=True)
            for atom, word in (("ca", "C-alpha"), ("cb", "C-beta, of glycine C-alpha"))
            for axis in "xyz"
        ),
    ),
    added_by=Command("annotate", "DIR STRUCTURE"),
)

TRACKS = Table(
    name="tracks",
    doc="A number of one's own for a residue of a protein, such as its pLDDT or its conservation; added by "
    "`attlas annotate DIR --track NAME FILE`. Residues without a value have no row.",
    key=("accession", "name", "position", "source"),
    sort=("sequence_id", "accession", "name", "position", "source"),
    row_group_rows=65_536,
    columns=(
        STORED_ACCESSION,
        SEQUENCE_ID,
        text_column("name", "Name of the track, as whoever added it called it.", is_nullable=False),
        POSITION,
        RESIDUE,
        statistic_column("value", "as in `unit`", "The number, as a float32."),
        text_column("unit", "Unit of the number; empty where none was given.", is_nullable=False),
        text_column("source", "File it was read from.", is_nullable=False),
    ),
    added_by=Command("annotate", "DIR --track NAME FILE"),
)

VARIANTS = Table(
    name="variants",
    doc="A number of one's own for the substitution of a residue by another, such as `A123V`; added by "
    "`attlas annotate DIR --variants NAME FILE`.",
    key=("accession", "name", "position", "substitute", "source"),
    sort=("sequence_id", "accession", "name", "position", "substitute", "source"),
    row_group_rows=65_536,
    columns=(
        STORED_ACCESSION,
        SEQUENCE_ID,
        text_column("name", "Name of the set of values, as whoever added it called it.", is_nullable=False),
        POSITION,
        RESIDUE,
        text_column("substitute", "One-letter code of the residue in its place.", is_nullable=False),
        statistic_column("value", "as in `unit`", "The number, as a float32."),
        text_column("unit", "Unit of the number; empty where none was given.", is_nullable=False),
        text_column("source", "File it was read from.", is_nullable=False),
    ),
    added_by=Command("annotate", "DIR --variants NAME FILE"),
)

PARTNER_CONTACTS = Table(
    name="partner_contacts",
    doc="A contact between two protein chains: residue i of the accession and j of its partner, nearer than 8 "
    "angstrom, as a structure shows or a table says; added by `attlas annotate`. Each contact of two chains has one "
    "row, in the direction in which the source gives it. Of a homodimer the partner is the accession itself.",
    key=("accession", "partner", "i", "j", "chain", "partner_chain", "source"),
    sort=("sequence_id", "accession", "partner", "source", "chain", "partner_chain", "i", "j"),
    row_group_rows=16_384,
    columns=(
        STORED_ACCESSION,
        SEQUENCE_ID,
        text_column("partner", "Accession of the other protein.", is_nullable=False),
        Column("i", pa.int32(), "residues", "Position in the accession, 1-based."),
        Column("j", pa.int32(), "residues", "Position in the partner, 1-based."),
        Column(
            "distance",
            pa.float32(),
            "angstrom",
            "From C-beta to C-beta, of glycine from C-alpha; null where a table does not say it.",
            is_nullable=True,
        ),
        text_column("chain", "The author's name of the accession's chain; empty from a table.", is_nullable=False),
        text_column(
            "partner_chain", "The author's name of the partner's chain; empty from a table.", is_nullable=False
        ),
        text_column("source", "File it was read from.", is_nullable=False),
    ),
    added_by=Command("annotate", "DIR COMPLEX"),
)
