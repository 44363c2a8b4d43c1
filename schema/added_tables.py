"""The tables that commands add to a sealed atlas: columns, key and order, and the command, its sources and settings."""

import pyarrow as pa

from attlas.schema.annotation_tables import COORDINATES, FEATURES
from attlas.schema.built_tables import SEQUENCES
from attlas.schema.columns import (
    ACCESSION,
    CONTACT_PAIR,
    EDGE_THETA,
    HEAD,
    LAYER,
    POSITION,
    RANK,
    RESIDUE,
    SEQUENCE_ID,
    STORED_ACCESSION,
    statistic_column,
    text_column,
)
from attlas.schema.table import Column, Command, Setting, Table

PROBE_COMMAND = Command("probe", "DIR")
CONTACTS_COMMAND = Command("contacts", "DIR")
_THETA = Setting("theta", float, "Attention of a query to a key from which on the pair counts as an edge.")
_MAX_LENGTH = Setting(
    "max_length", int, "Longest sequence computed, residues; longer ones have no rows.", is_optional=True
)

LABELS = Table(
    name="labels",
    doc="A label of residues that a probe asked for, on a protein that carries it; added by `attlas probe`.",
    key=("accession", "label"),
    sort=("sequence_id", "accession", "label"),
    row_group_rows=65_536,
    columns=(
        STORED_ACCESSION,
        SEQUENCE_ID,
        text_column(
            "label",
            "Type of feature, `aa:` and a letter for an amino acid, or `residue` for every residue.",
            is_nullable=False,
        ),
        Column("n_labelled", pa.int32(), "residues", "Residues that carry the label."),
        Column("length", pa.int32(), "residues", "Residues of the protein."),
    ),
    added_by=PROBE_COMMAND,
    computed_from=(SEQUENCES, FEATURES),
    settings=(_THETA,),
)

HEAD_FEATURES = Table(
    name="head_features",
    doc="What the labelled residues of a protein receive from a head: the sums of attention against annotation.",
    key=("accession", "label", "layer", "head"),
    sort=("sequence_id", "accession", "label", "layer", "head"),
    row_group_rows=65_536,
    columns=(
        STORED_ACCESSION,
        SEQUENCE_ID,
        text_column("label", "As in `labels`.", is_nullable=False),
        LAYER,
        HEAD,
        Column("n_edges", pa.int32(), "pairs", "Edges into labelled residues, at the probe's theta."),
        statistic_column("edge_mass", "attention", "Sum of the attention of these edges."),
        statistic_column("mass", "attention", "Sum of all attention from residues to labelled residues."),
        Column(
            "auc",
            pa.float32(),
            "fraction",
            "Chance that a labelled residue receives more from the head than another residue of the protein, ties "
            "counted half. Null where all residues carry the label.",
            is_nullable=True,
        ),
    ),
    added_by=PROBE_COMMAND,
    computed_from=(SEQUENCES, FEATURES),
    settings=(_THETA,),
)

HEAD_MAX_SITES = Table(
    name="head_max_sites",
    doc="A site called as in `sites`, but of the most attention any head gives a residue, not the mean over heads.",
    key=("accession", "position"),
    sort=("sequence_id", "rank"),
    row_group_rows=65_536,
    columns=(
        ACCESSION,
        SEQUENCE_ID,
        POSITION,
        RESIDUE,
        RANK,
        Column("layer", pa.int16(), "", "Layer of convergence of these profiles, 0-based."),
        Column(
            "received",
            pa.float32(),
            "attention",
            "Attention received in that layer: sum over queries, the largest of the heads.",
        ),
        Column("share", pa.float32(), "fraction", "`received` over the largest in that layer of this protein, 0 to 1."),
    ),
    added_by=PROBE_COMMAND,
    computed_from=(SEQUENCES, FEATURES),
    settings=(_THETA,),
)

HEAD_PERIODS = Table(
    name="head_periods",
    doc="What the residues of a protein give, in a head, to the residues one period before and after them: large in "
    "heads that compare repeats, where the period is theirs. Added by `attlas probe --period N`.",
    key=("accession", "period", "layer", "head"),
    sort=("sequence_id", "period", "layer", "head"),
    row_group_rows=65_536,
    columns=(
        ACCESSION,
        SEQUENCE_ID,
        Column("period", pa.int32(), "residues", "Distance along the sequence from query to key."),
        LAYER,
        HEAD,
        statistic_column("before", "attention", "Sum of the attention to the residue one period before the query."),
        statistic_column("after", "attention", "Sum of the attention to the residue one period after the query."),
    ),
    added_by=Command("probe", "DIR --period N"),
    computed_from=(SEQUENCES,),
)

CONTACTS = Table(
    name="contacts",
    doc="A pair of residues that the model's contact head finds probable, or that is among the best of its protein.",
    key=("accession", "i", "j"),
    sort=("sequence_id", "i", "j"),
    row_group_rows=65_536,
    columns=(
        ACCESSION,
        SEQUENCE_ID,
        *CONTACT_PAIR,
        statistic_column("probability", "fraction", "Probability by the contact head: C-beta within 8 angstrom."),
    ),
    added_by=CONTACTS_COMMAND,
    computed_from=(SEQUENCES,),
    settings=(Setting("floor", float, "Probability from which on a pair is kept in any case."), _MAX_LENGTH),
    ranked_by="probability",
)

LINKS = Table(
    name="links",
    doc="One of the strongest attention weights between two residues of a protein: residue i attends to residue j; "
    "of j to i it says nothing. A choice of them by a rule (docs/science.md), some below 0.3: `heads.n_edges` counts "
    "all edges of a head, those of a residue to itself included. Added by `attlas links`.",
    key=("accession", "layer", "head", "i", "j"),
    sort=("sequence_id", "layer", "head", "i", "j"),
    row_group_rows=65_536,
    columns=(
        ACCESSION,
        SEQUENCE_ID,
        LAYER,
        HEAD,
        Column("i", pa.int32(), "residues", "Position of the residue that attends (query), 1-based."),
        Column("j", pa.int32(), "residues", "Position of the residue attended to (key), 1-based; never i."),
        statistic_column("weight", "attention", "Attention of i to j in this head."),
    ),
    added_by=Command("links", "DIR"),
    computed_from=(SEQUENCES,),
    settings=(
        Setting("floor", float, "Attention from which on a pair may be kept."),
        Setting(
            "per_residue",
            int,
            "Links of a protein for each of its residues; more only so that every head with an edge has one.",
        ),
        _MAX_LENGTH,
    ),
    ranked_by="weight",
)

FUSED_CONTACTS = Table(
    name="fused_contacts",
    doc="A pair of residues that is among the best of its protein by the mean of a few chosen heads, for any model.",
    key=("accession", "i", "j"),
    sort=("sequence_id", "i", "j"),
    row_group_rows=65_536,
    columns=(
        ACCESSION,
        SEQUENCE_ID,
        *CONTACT_PAIR,
        statistic_column(
            "score",
            "attention",
            "Mean over the chosen heads of A + A^T less the average product. No probability: it ranks the pairs of one "
            "protein, and may be negative.",
        ),
        Column(
            "chose_heads",
            pa.bool_(),
            "",
            "The heads were chosen on a structure of this sequence, so that it cannot judge them.",
        ),
    ),
    added_by=Command("contacts", "DIR --heads HEADS"),
    computed_from=(SEQUENCES,),
    settings=(
        Setting("heads", str, "The heads in order of rank, as layer-head, both 0-based, such as `5-3 4-17`."),
        Setting(
            "chosen_on",
            str,
            "Proteins on whose structures the heads were chosen; none where they were given by hand.",
            is_optional=True,
        ),
        _MAX_LENGTH,
    ),
    ranked_by="score",
)

HEAD_CONTACTS = Table(
    name="head_contacts",
    doc="How a head's attention on a protein agrees with the contacts of a structure; added by `attlas contacts`.",
    key=("accession", "source", "chain", "layer", "head"),
    sort=("sequence_id", "accession", "source", "chain", "layer", "head"),
    row_group_rows=65_536,
    columns=(
        STORED_ACCESSION,
        SEQUENCE_ID,
        text_column("source", "File of the structure.", is_nullable=False),
        text_column("chain", "The author's name of the chain.", is_nullable=False),
        LAYER,
        HEAD,
        Column(
            "n_edges",
            pa.int32(),
            "pairs",
            f"Edges (i, j) of residues with coordinates: attention {EDGE_THETA} or more.",
        ),
        Column("n_contact_edges", pa.int32(), "pairs", "Of these, contacts: nearer than 8 angstrom and |i - j| >= 6."),
        statistic_column("edge_mass", "attention", "Sum of the attention of these edges."),
        statistic_column("contact_edge_mass", "attention", "Of this, of edges between residues in contact."),
        statistic_column("mass", "attention", "Sum of all attention between residues with coordinates."),
        statistic_column("contact_mass", "attention", "Of this, between residues in contact."),
        Column("n_pairs", pa.int64(), "pairs", "Ordered pairs of residues with coordinates: the background."),
        Column("n_contact_pairs", pa.int64(), "pairs", "Of these, contacts."),
        Column(
            "n_top",
            pa.int32(),
            "pairs",
            "Long-range pairs (|i - j| >= 24) looked at: those of highest symmetrised, product-corrected attention, as "
            "many as residues have coordinates.",
        ),
        Column("n_top_contacts", pa.int32(), "pairs", "Of these, contacts: over `n_top` it is the head's P@L."),
        Column("n_long_pairs", pa.int64(), "pairs", "All long-range pairs with coordinates, each once."),
        Column("n_long_contacts", pa.int64(), "pairs", "Of these, contacts: what a random score would find."),
    ),
    added_by=CONTACTS_COMMAND,
    computed_from=(SEQUENCES, COORDINATES),
    settings=(
        _THETA,
        Setting("atom", str, "Atom between which distances are measured, `ca` or `cb`."),
        _MAX_LENGTH,
    ),
)
