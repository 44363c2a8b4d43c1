"""Every table of an atlas: columns, key and order; of an added table its command, its sources and its settings.

DuckDB comments, `TABLES.md`, empty tables, checks, notes on outdated tables and the lists of tables below all come
from these declarations: a table is told nowhere else.
Axis letters: `L` layers, `H` heads, `N` residues of a protein, `T = N + 2` tokens.
"""

import pyarrow as pa

from attlas.schema.table import Column, Command, Setting, Table

FORMAT_VERSION = 2
"""Version of the tables and of the directory; a reader refuses any other.

2: sites rank by unrounded attention; `sites.is_initiator_methionine`; settings of added tables are JSON.
"""

OLDER_FORMATS = {1: "attlas from before its first release"}
"""Which release reads an atlas of an older format version."""

EDGE_THETA = 0.3
"""Attention of a query to a key from which on the pair counts as an edge (Vig et al., ICLR 2021)."""

_PROBE = Command("probe", "DIR")
_CONTACTS = Command("contacts", "DIR")
_THETA = Setting("theta", float, "Attention of a query to a key from which on the pair counts as an edge.")
_MAX_LENGTH = Setting(
    "max_length", int, "Longest sequence computed, residues; longer ones have no rows.", is_optional=True
)


def _text(name: str, doc: str, *, is_nullable: bool = True) -> Column:
    return Column(name, pa.string(), "", doc, is_nullable=is_nullable)


def _statistic(name: str, unit: str, doc: str) -> Column:
    return Column(name, pa.float32(), unit, doc)


_SEQUENCE_ID = Column(
    "sequence_id",
    pa.int32(),
    "",
    "Number of the distinct sequence, from 0 in order of length; identical sequences share it.",
)
_ACCESSION = Column("accession", pa.string(), "", "Accession of the protein; the key of `proteins`.", is_joined=True)
_POSITION = Column(
    "position", pa.int32(), "residues", "Position in the sequence stored in `proteins`, 1-based, UniProt numbering."
)
_RESIDUE = Column("residue", pa.string(), "", "One-letter code of the residue at this position.")
_RANK = Column(
    "rank",
    pa.int32(),
    "",
    "Rank among the sites of the protein by unrounded `received`, 1 is the highest, ties by position.",
)
_STATUS = Column(
    "status", pa.string(), "", "`ok`: computed; `skipped`: not computed, by rule; `failed`: could not be computed."
)
_LAYER_OF_CONVERGENCE = Column(
    "layer",
    pa.int16(),
    "",
    "Layer of convergence, 0-based: where the attention profile has its sharpest elbow; null if no fit.",
    is_nullable=True,
)
_N_SITES = Column(
    "n_sites",
    pa.int32(),
    "sites",
    "Number of high-attention sites; 0 is an answer, null is not computed.",
    is_nullable=True,
)
_SITES_NOTE = _text(
    "sites_note",
    "Why there are no sites (`too short`, `constant profile`, `none above the elbow`), or that there are `40 or more`.",
)

PROTEINS = Table(
    name="proteins",
    doc="A protein of the input, by accession, with what became of it.",
    key=("accession",),
    sort=("accession",),
    row_group_rows=4_096,
    columns=(
        Column("accession", pa.string(), "", "UniProt accession of a UniProt header, else its first word."),
        _text("entry_name", "UniProt entry name, such as CALM1_HUMAN."),
        _text("gene", "Gene name (GN= of a UniProt header)."),
        _text("organism", "Organism name (OS=)."),
        Column("taxon_id", pa.int32(), "", "NCBI taxon id (OX=).", is_nullable=True),
        Column("sequence_version", pa.int32(), "", "UniProt sequence version (SV=).", is_nullable=True),
        _text("description", "Protein name, or the header after its first word."),
        _text("sequence", "Sequence, upper case, without a trailing `*`: what every position counts along."),
        Column("length", pa.int32(), "residues", "Number of residues of the sequence."),
        _text("md5", "MD5 of the sequence, lower-case hexadecimal."),
        _text("crc64", "CRC64 of the sequence as UniProt writes it, 16 upper-case hexadecimal digits."),
        Column(
            "n_nonstandard",
            pa.int32(),
            "residues",
            "Letters outside the 20 standard amino acids (J is read as X).",
        ),
        Column("n_records", pa.int32(), "records", "Number of input records with this accession and sequence."),
        Column("line", pa.int64(), "", "Line of the first such record in the input, from 1."),
        Column("sequence_id", pa.int32(), "", _SEQUENCE_ID.doc, is_nullable=True),
        _STATUS,
        _text("reason", "Why it was skipped or failed; null if ok."),
        _LAYER_OF_CONVERGENCE,
        _N_SITES,
        _SITES_NOTE,
    ),
)

SEQUENCES = Table(
    name="sequences",
    doc="A distinct sequence that was computed: the outcome, once, however many accessions share it.",
    key=("sequence_id",),
    sort=("sequence_id",),
    row_group_rows=65_536,
    columns=(
        _SEQUENCE_ID,
        Column("length", pa.int32(), "residues", "Number of residues."),
        _STATUS,
        _text("reason", "Why it failed; null if ok."),
        _LAYER_OF_CONVERGENCE,
        _N_SITES,
        _SITES_NOTE,
    ),
)

SITES = Table(
    name="sites",
    doc="A high-attention (HA) site: a residue above the elbow in the layer of convergence (Nayar et al. 2025).",
    key=("accession", "position"),
    sort=("sequence_id", "rank"),
    row_group_rows=65_536,
    columns=(
        _ACCESSION,
        _SEQUENCE_ID,
        _POSITION,
        _RESIDUE,
        _RANK,
        Column("layer", pa.int16(), "", "Layer of convergence the site was called in, 0-based."),
        Column(
            "received",
            pa.float32(),
            "attention",
            "Attention received in that layer: sum over queries, mean over heads.",
        ),
        Column("share", pa.float32(), "fraction", "`received` over the largest in that layer of this protein, 0 to 1."),
        Column("is_nonstandard", pa.bool_(), "", "The site falls on a letter outside the 20 standard amino acids."),
        Column(
            "is_initiator_methionine",
            pa.bool_(),
            "",
            "The site is a methionine at position 1, to which the start of the sequence may draw attention: 11 % of "
            "the sites of B. subtilis are such.",
        ),
    ),
)

RESIDUES = Table(
    name="residues",
    doc="A residue with the attention it receives in every layer.",
    key=("accession", "position"),
    sort=("sequence_id", "position"),
    row_group_rows=8_192,
    columns=(
        _ACCESSION,
        _SEQUENCE_ID,
        _POSITION,
        _RESIDUE,
        Column(
            "received",
            pa.float16(),
            "attention",
            "Attention received per layer (first is layer 0): mean over heads of the sum over residue queries.",
            is_per_layer=True,
        ),
    ),
)

HEADS = Table(
    name="heads",
    doc="A head of the model on one protein: how it spreads its attention. Means are over residues as queries.",
    key=("accession", "layer", "head"),
    sort=("sequence_id", "layer", "head"),
    row_group_rows=16_384,
    columns=(
        _ACCESSION,
        _SEQUENCE_ID,
        Column("layer", pa.int16(), "", "Layer, 0-based."),
        Column("head", pa.int16(), "", "Head within the layer, 0-based."),
        _statistic("entropy", "nats", "Mean entropy of a residue's attention over all tokens."),
        _statistic("distance", "residues", "Mean of attention times sequence separation |i - j|, over residue keys."),
        _statistic("cls_share", "fraction", "Mean attention to the <cls> token."),
        _statistic("eos_share", "fraction", "Mean attention to the <eos> token."),
        _statistic("self_share", "fraction", "Mean attention of a residue to itself."),
        _statistic("adjacent_share", "fraction", "Mean attention to the neighbours, |i - j| = 1."),
        _statistic("helix_share", "fraction", "Mean attention to |i - j| = 3 and 4, one turn of a helix."),
        _statistic("beyond6_share", "fraction", "Mean attention to residues with |i - j| >= 6."),
        _statistic("beyond24_share", "fraction", "Mean attention to residues with |i - j| >= 24."),
        _statistic("max_attention", "attention", "Largest attention of a residue to a residue."),
        Column("n_edges", pa.int32(), "pairs", f"Residue pairs (i, j) with attention of at least {EDGE_THETA}."),
        _statistic(
            "received_max_share",
            "fraction",
            "Largest column sum over the sum of all column sums: near 1 for a head that looks at one residue.",
        ),
    ),
)

FEATURES = Table(
    name="features",
    doc="A known feature of a protein, as a source gives it; added by `attlas annotate`. Several sources, or several "
    "chains of a structure, may give one residue the same type: count distinct residues, not rows.",
    key=("accession", "type", "begin", "end", "description", "source"),
    sort=("sequence_id", "accession", "begin", "end", "type", "description", "source"),
    row_group_rows=16_384,
    columns=(
        Column("accession", pa.string(), "", _ACCESSION.doc),
        _SEQUENCE_ID,
        _text(
            "type",
            "Type of feature in UniProt's words, such as `Active site`; `Interface` is what structures show: residues "
            "nearer than 5 angstrom to another protein chain.",
            is_nullable=False,
        ),
        Column("begin", pa.int32(), "residues", "First residue, 1-based, in the sequence stored in `proteins`."),
        Column("end", pa.int32(), "residues", "Last residue, inclusive."),
        _text("description", "What the source says of it; empty if nothing.", is_nullable=False),
        _text("evidence", "Evidence codes of the source (ECO), separated by `; `."),
        _text("source", "File it was read from.", is_nullable=False),
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
        Column("accession", pa.string(), "", _ACCESSION.doc),
        _SEQUENCE_ID,
        _text("database", "Whose families they are, such as `Pfam`.", is_nullable=False),
        _text("family", "Identifier of the family, such as `PF00069`.", is_nullable=False),
        _text("name", "Name of the family, where the source gives one."),
        _text("source", "File it was read from.", is_nullable=False),
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
        Column("accession", pa.string(), "", _ACCESSION.doc),
        _SEQUENCE_ID,
        _text("source", "File of the structure.", is_nullable=False),
        _text("chain", "The author's name of the chain.", is_nullable=False),
        _POSITION,
        _RESIDUE,
        _text(
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

LABELS = Table(
    name="labels",
    doc="A label of residues that a probe asked for, on a protein that carries it; added by `attlas probe`.",
    key=("accession", "label"),
    sort=("sequence_id", "accession", "label"),
    row_group_rows=65_536,
    columns=(
        Column("accession", pa.string(), "", _ACCESSION.doc),
        _SEQUENCE_ID,
        _text(
            "label",
            "Type of feature, `aa:` and a letter for an amino acid, or `residue` for every residue.",
            is_nullable=False,
        ),
        Column("n_labelled", pa.int32(), "residues", "Residues that carry the label."),
        Column("length", pa.int32(), "residues", "Residues of the protein."),
    ),
    added_by=_PROBE,
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
        Column("accession", pa.string(), "", _ACCESSION.doc),
        _SEQUENCE_ID,
        _text("label", "As in `labels`.", is_nullable=False),
        Column("layer", pa.int16(), "", "Layer, 0-based."),
        Column("head", pa.int16(), "", "Head within the layer, 0-based."),
        Column("n_edges", pa.int32(), "pairs", "Edges into labelled residues, at the probe's theta."),
        _statistic("edge_mass", "attention", "Sum of the attention of these edges."),
        _statistic("mass", "attention", "Sum of all attention from residues to labelled residues."),
        Column(
            "auc",
            pa.float32(),
            "fraction",
            "Chance that a labelled residue receives more from the head than another residue of the protein, ties "
            "counted half. Null where all residues carry the label.",
            is_nullable=True,
        ),
    ),
    added_by=_PROBE,
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
        _ACCESSION,
        _SEQUENCE_ID,
        _POSITION,
        _RESIDUE,
        _RANK,
        Column("layer", pa.int16(), "", "Layer of convergence of these profiles, 0-based."),
        Column(
            "received",
            pa.float32(),
            "attention",
            "Attention received in that layer: sum over queries, the largest of the heads.",
        ),
        Column("share", pa.float32(), "fraction", "`received` over the largest in that layer of this protein, 0 to 1."),
    ),
    added_by=_PROBE,
    computed_from=(SEQUENCES, FEATURES),
    settings=(_THETA,),
)

CONTACTS = Table(
    name="contacts",
    doc="A pair of residues that the model's contact head finds probable, or that is among the best of its protein.",
    key=("accession", "i", "j"),
    sort=("sequence_id", "i", "j"),
    row_group_rows=65_536,
    columns=(
        _ACCESSION,
        _SEQUENCE_ID,
        Column("i", pa.int32(), "residues", "Position of the first residue, 1-based."),
        Column("j", pa.int32(), "residues", "Position of the second residue; j - i is 6 or more."),
        _statistic("probability", "fraction", "Probability by the contact head: C-beta within 8 angstrom."),
    ),
    added_by=_CONTACTS,
    computed_from=(SEQUENCES,),
    settings=(Setting("floor", float, "Probability from which on a pair is kept in any case."), _MAX_LENGTH),
)

HEAD_CONTACTS = Table(
    name="head_contacts",
    doc="How a head's attention on a protein agrees with the contacts of a structure; added by `attlas contacts`.",
    key=("accession", "source", "chain", "layer", "head"),
    sort=("sequence_id", "accession", "source", "chain", "layer", "head"),
    row_group_rows=65_536,
    columns=(
        Column("accession", pa.string(), "", _ACCESSION.doc),
        _SEQUENCE_ID,
        _text("source", "File of the structure.", is_nullable=False),
        _text("chain", "The author's name of the chain.", is_nullable=False),
        Column("layer", pa.int16(), "", "Layer, 0-based."),
        Column("head", pa.int16(), "", "Head within the layer, 0-based."),
        Column(
            "n_edges",
            pa.int32(),
            "pairs",
            f"Edges (i, j) of residues with coordinates: attention {EDGE_THETA} or more.",
        ),
        Column("n_contact_edges", pa.int32(), "pairs", "Of these, contacts: nearer than 8 angstrom and |i - j| >= 6."),
        _statistic("edge_mass", "attention", "Sum of the attention of these edges."),
        _statistic("contact_edge_mass", "attention", "Of this, of edges between residues in contact."),
        _statistic("mass", "attention", "Sum of all attention between residues with coordinates."),
        _statistic("contact_mass", "attention", "Of this, between residues in contact."),
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
    added_by=_CONTACTS,
    computed_from=(SEQUENCES, COORDINATES),
    settings=(
        _THETA,
        Setting("atom", str, "Atom between which distances are measured, `ca` or `cb`."),
        _MAX_LENGTH,
    ),
)

TABLES = (
    PROTEINS,
    SEQUENCES,
    SITES,
    RESIDUES,
    HEADS,
    FEATURES,
    FAMILIES,
    COORDINATES,
    LABELS,
    HEAD_FEATURES,
    HEAD_MAX_SITES,
    CONTACTS,
    HEAD_CONTACTS,
)
"""Every table, in the order they are documented."""

ADDED_TABLES = tuple(table for table in TABLES if table.added_by)
"""The tables added to a sealed atlas; without files until then."""

SHARD_TABLES = tuple(table for table in TABLES if not table.added_by and table is not PROTEINS)
"""The tables a shard writes; `proteins` is written when the atlas is sealed."""


def tables_added_by(verb: str) -> tuple[Table, ...]:
    """Return the tables that a command adds, by its name, such as `probe`."""
    return tuple(table for table in ADDED_TABLES if table.added_by and table.added_by.verb == verb)
