"""The tables of pairs: two proteins that run through the model as one input, and their attention to each other.

Words: `accession` and `partner` are the two proteins; `within` is attention to residues of the own protein, `across` to
those of the other. In a row with a direction, residues of `accession` are the queries and those of `partner` the keys;
but `received_*` is what residues of `accession` receive.
"""

from dataclasses import replace

import pyarrow as pa

from attlas.schema.built_tables import SEQUENCES
from attlas.schema.columns import (
    HEAD,
    LAYER,
    POSITION,
    RESIDUE,
    SEQUENCE_ID,
    STATUS,
    STORED_ACCESSION,
    statistic_column,
    text_column,
)
from attlas.schema.table import Column, Command, Setting, Table

PAIRS_COMMAND = Command("pairs", "DIR PAIRS")

PAIR_ID = Column(
    "pair_id", pa.int32(), "", "Number of the pair, from 0: those that were computed in order of length, then others."
)
PARTNER = text_column("partner", "Accession of the other protein of the pair.", is_nullable=False)
PLACE = Column(
    "place",
    pa.int16(),
    "",
    "Place of `accession` in the line of the file of pairs: 1 before `partner`, 2 after it; it tells the two "
    "copies of a protein that is paired with itself apart.",
)
FORM = text_column(
    "form",
    "How the two were joined to one input: `gap`, `linker`, `ends` or `separators` (docs/pairs.md).",
    is_nullable=False,
)
CHAIN_ORDER = text_column(
    "chain_order",
    "Order of the two in the input: `forward` as in the file of pairs, `reverse`, or `mean` of the numbers of both.",
    is_nullable=False,
)

_FORMS = Setting("forms", str, "Forms in which the two were joined, separated by spaces.")
_ORDERS = Setting("orders", str, "Orders of the two in the input, separated by spaces.")
_GAP = Setting(
    "gap", int, "Positions without letters between the two, in the form `gap`; none without it.", is_optional=True
)
_MAX_LENGTH = Setting(
    "max_length", int, "Most residues of a pair, both proteins in sum; longer ones were skipped.", is_optional=True
)
_INPUT_SETTINGS = (_FORMS, _ORDERS, _GAP, _MAX_LENGTH)

PAIRS = Table(
    name="pairs",
    doc="Two proteins of a file of pairs, and whether they were run through the model as one input; a line of the file "
    "that names no such pair has a row, too. Added by `attlas pairs`.",
    key=("pair_id",),
    sort=("pair_id",),
    row_group_rows=65_536,
    columns=(
        PAIR_ID,
        replace(SEQUENCE_ID, doc="Number of the sequence of `accession`; null where it has none.", is_nullable=True),
        text_column(
            "accession",
            "Accession of the protein that the line names before the other; as written if unknown.",
            is_nullable=False,
        ),
        text_column("partner", "Accession of the other protein; empty where the line names none.", is_nullable=False),
        text_column("label", "Label of the pair, where the file gives one."),
        Column(
            "score", pa.float32(), "as in the file", "Score of the pair, where the file gives one.", is_nullable=True
        ),
        Column("n_residues", pa.int32(), "residues", "Residues of both; null where one is unknown.", is_nullable=True),
        text_column(
            "forms",
            "Forms in which the two were joined, separated by spaces; empty unless computed.",
            is_nullable=False,
        ),
        STATUS,
        text_column("reason", "Why the pair was not computed, null if it was."),
        text_column("source", "File it was read from.", is_nullable=False),
        Column("line", pa.int32(), "", "Line of the file, from 1."),
    ),
    added_by=PAIRS_COMMAND,
    computed_from=(SEQUENCES,),
    settings=_INPUT_SETTINGS,
)

PAIR_HEADS = Table(
    name="pair_heads",
    doc="How a head attends from one protein of a pair to both: each number is a mean over the residues of `accession` "
    "as queries, unless it says otherwise, and the four shares sum to 1. Added by `attlas pairs`.",
    key=("pair_id", "place", "form", "chain_order", "layer", "head"),
    sort=("pair_id", "form", "chain_order", "place", "layer", "head"),
    row_group_rows=65_536,
    columns=(
        PAIR_ID,
        SEQUENCE_ID,
        STORED_ACCESSION,
        PARTNER,
        PLACE,
        FORM,
        CHAIN_ORDER,
        LAYER,
        HEAD,
        statistic_column(
            "within_share", "fraction", "Attention to residues of the same protein, the query itself included."
        ),
        statistic_column("across_share", "fraction", "Attention to residues of `partner`."),
        statistic_column("special_share", "fraction", "Attention to special tokens, such as `<cls>`."),
        statistic_column("linker_share", "fraction", "Attention to the linker; 0 in forms without one."),
        statistic_column("entropy_within", "nats", "Entropy of a query's attention within, scaled to sum to 1."),
        statistic_column("entropy_across", "nats", "Entropy of a query's attention across, scaled to sum to 1."),
        statistic_column(
            "max_across", "attention", "Largest attention of a residue of `accession` to one of `partner`."
        ),
        statistic_column(
            "n_edges_across",
            "pairs",
            "Edges from `accession` to `partner`: attention 0.3 or more; of `mean`, their mean.",
        ),
        Column(
            "mirror",
            pa.float32(),
            "correlation",
            "Pearson correlation of the attention across with that within, residue by residue, where both proteins "
            "have the same sequence: near 1, the attention across only repeats that within.",
            is_nullable=True,
        ),
    ),
    added_by=PAIRS_COMMAND,
    computed_from=(SEQUENCES,),
    settings=_INPUT_SETTINGS,
)

PAIR_RESIDUES = Table(
    name="pair_residues",
    doc="What a residue of a protein receives, in each layer, from its own protein and from its partner: the sum over "
    "queries, the mean over heads and orders. Added by `attlas pairs`.",
    key=("pair_id", "place", "form", "position"),
    sort=("pair_id", "form", "place", "position"),
    row_group_rows=16_384,
    columns=(
        PAIR_ID,
        SEQUENCE_ID,
        STORED_ACCESSION,
        PARTNER,
        PLACE,
        FORM,
        POSITION,
        RESIDUE,
        Column(
            "received_within",
            pa.float32(),
            "attention",
            "Attention received from residues of the same protein, itself included.",
            is_per_layer=True,
        ),
        Column(
            "received_across",
            pa.float32(),
            "attention",
            "Attention received from residues of `partner`.",
            is_per_layer=True,
        ),
    ),
    added_by=PAIRS_COMMAND,
    computed_from=(SEQUENCES,),
    settings=_INPUT_SETTINGS,
)

PAIR_LINKS = Table(
    name="pair_links",
    doc="One of the strongest attention weights from a residue of a protein to one of its partner, chosen as `links` "
    "are (docs/pairs.md). Added by `attlas pairs`.",
    key=("pair_id", "place", "form", "chain_order", "layer", "head", "i", "j"),
    sort=("pair_id", "form", "chain_order", "place", "layer", "head", "i", "j"),
    row_group_rows=65_536,
    columns=(
        PAIR_ID,
        SEQUENCE_ID,
        STORED_ACCESSION,
        PARTNER,
        PLACE,
        FORM,
        CHAIN_ORDER,
        LAYER,
        HEAD,
        Column("i", pa.int32(), "residues", "Position in `accession` of the residue that attends (query), 1-based."),
        Column("j", pa.int32(), "residues", "Position in `partner` of the residue attended to (key), 1-based."),
        statistic_column("weight", "attention", "Attention of i to j in this head."),
    ),
    added_by=PAIRS_COMMAND,
    computed_from=(SEQUENCES,),
    settings=(
        *_INPUT_SETTINGS,
        Setting("floor", float, "Attention from which on a weight may be kept."),
        Setting("per_residue", int, "Links across of a pair, of both directions, for each of its residues."),
    ),
    ranked_by="weight",
)

PAIR_CONTACTS = Table(
    name="pair_contacts",
    doc="A residue of a protein and one of its partner that the model's contact head finds probable, or that are among "
    "the best of their pair by it or by the fused heads; means over the orders. Each once, `accession` as in the file "
    "of pairs. Added by `attlas pairs`.",
    key=("pair_id", "form", "i", "j"),
    sort=("pair_id", "form", "i", "j"),
    row_group_rows=65_536,
    columns=(
        PAIR_ID,
        SEQUENCE_ID,
        STORED_ACCESSION,
        PARTNER,
        FORM,
        Column("i", pa.int32(), "residues", "Position in `accession`, 1-based."),
        Column("j", pa.int32(), "residues", "Position in `partner`, 1-based."),
        Column(
            "probability",
            pa.float32(),
            "fraction",
            "Probability of a contact by the contact head on the joined map; null where the model has none.",
            is_nullable=True,
        ),
        Column(
            "score",
            pa.float32(),
            "attention",
            "Mean over the chosen heads of A + A^T less the average product, of the joined map of residues; null where "
            "no heads were given.",
            is_nullable=True,
        ),
    ),
    added_by=PAIRS_COMMAND,
    computed_from=(SEQUENCES,),
    settings=(
        *_INPUT_SETTINGS,
        Setting("heads", str, "The fused heads in order of rank, as layer-head, such as `5-3 4-17`.", is_optional=True),
    ),
)

PAIR_SEGMENTS = Table(
    name="pair_segments",
    doc="How a segment of a pair attends to another: the sum over the residues of the one attended to, the mean over "
    "heads, the residues that attend, and orders. An analogue of the attention of ESM2_AMP, which is that of an "
    "encoder of its own over vectors of segments. Added by `attlas pairs --segments`.",
    key=("pair_id", "form", "layer", "segment", "key_segment"),
    sort=("pair_id", "form", "layer", "segment", "key_segment"),
    row_group_rows=65_536,
    columns=(
        PAIR_ID,
        SEQUENCE_ID,
        STORED_ACCESSION,
        PARTNER,
        FORM,
        LAYER,
        Column(
            "segment",
            pa.int16(),
            "",
            "Segment that attends: 0 to 9 of `accession`, 10 to 19 of `partner`; empty ones have no rows.",
        ),
        Column("key_segment", pa.int16(), "", "Segment attended to, counted in the same way."),
        statistic_column("weight", "attention", "Mean attention of a residue of the one to all residues of the other."),
    ),
    added_by=PAIRS_COMMAND,
    computed_from=(SEQUENCES,),
    settings=_INPUT_SETTINGS,
)
