"""The tables that a build writes: columns, key and order.

Axis letters: `L` layers, `H` heads, `N` residues of a protein, `T = N + 2` tokens.
"""

import pyarrow as pa

from attlas.schema.columns import (
    ACCESSION,
    EDGE_THETA,
    HEAD,
    LAYER,
    LAYER_OF_CONVERGENCE,
    N_SITES,
    POSITION,
    RANK,
    RESIDUE,
    SEQUENCE_ID,
    SITES_NOTE,
    STATUS,
    statistic_column,
    text_column,
)
from attlas.schema.table import Column, Table

PROTEINS = Table(
    name="proteins",
    doc="A protein of the input, by accession, with what became of it.",
    key=("accession",),
    sort=("accession",),
    row_group_rows=4_096,
    columns=(
        Column("accession", pa.string(), "", "UniProt accession of a UniProt header, else its first word."),
        text_column("entry_name", "UniProt entry name, such as CALM1_HUMAN."),
        text_column("gene", "Gene name (GN= of a UniProt header)."),
        text_column("organism", "Organism name (OS=)."),
        Column("taxon_id", pa.int32(), "", "NCBI taxon id (OX=).", is_nullable=True),
        Column("sequence_version", pa.int32(), "", "UniProt sequence version (SV=).", is_nullable=True),
        text_column("description", "Protein name, or the header after its first word."),
        text_column("sequence", "Sequence, upper case, without a trailing `*`: what every position counts along."),
        Column("length", pa.int32(), "residues", "Number of residues of the sequence."),
        text_column("md5", "MD5 of the sequence, lower-case hexadecimal."),
        text_column("crc64", "CRC64 of the sequence as UniProt writes it, 16 upper-case hexadecimal digits."),
        Column(
            "n_nonstandard",
            pa.int32(),
            "residues",
            "Letters outside the 20 standard amino acids (J is read as X).",
        ),
        Column("n_records", pa.int32(), "records", "Number of input records with this accession and sequence."),
        Column(
            "n_members",
            pa.int32(),
            "sequences",
            "Members of a cluster of UniRef (n= of its header); null for others.",
            is_nullable=True,
        ),
        Column("line", pa.int64(), "", "Line of the first such record in the input, from 1; files are joined."),
        Column("sequence_id", pa.int32(), "", SEQUENCE_ID.doc, is_nullable=True),
        STATUS,
        text_column("reason", "Why it was skipped or failed; null if ok."),
        LAYER_OF_CONVERGENCE,
        N_SITES,
        SITES_NOTE,
    ),
)

SEQUENCES = Table(
    name="sequences",
    doc="A distinct sequence that was computed: the outcome, once, however many accessions share it.",
    key=("sequence_id",),
    sort=("sequence_id",),
    row_group_rows=65_536,
    columns=(
        SEQUENCE_ID,
        Column("length", pa.int32(), "residues", "Number of residues."),
        STATUS,
        text_column("reason", "Why it failed; null if ok."),
        LAYER_OF_CONVERGENCE,
        N_SITES,
        SITES_NOTE,
    ),
)

SITES = Table(
    name="sites",
    doc="A high-attention (HA) site: a residue above the elbow in the layer of convergence (Nayar et al. 2025).",
    key=("accession", "position"),
    sort=("sequence_id", "rank"),
    row_group_rows=65_536,
    columns=(
        ACCESSION,
        SEQUENCE_ID,
        POSITION,
        RESIDUE,
        RANK,
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
        ACCESSION,
        SEQUENCE_ID,
        POSITION,
        RESIDUE,
        Column(
            "received",
            pa.float32(),
            "attention",
            "Attention received per layer (first is layer 0): mean over heads of the sum over residue queries; rounded "
            "to the digits of a float16.",
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
        ACCESSION,
        SEQUENCE_ID,
        LAYER,
        HEAD,
        statistic_column("entropy", "nats", "Mean entropy of a residue's attention over all tokens."),
        statistic_column(
            "distance", "residues", "Mean of attention times sequence separation |i - j|, over residue keys."
        ),
        statistic_column("cls_share", "fraction", "Mean attention to the <cls> token."),
        statistic_column("eos_share", "fraction", "Mean attention to the <eos> token."),
        statistic_column("self_share", "fraction", "Mean attention of a residue to itself."),
        statistic_column("adjacent_share", "fraction", "Mean attention to the neighbours, |i - j| = 1."),
        statistic_column("helix_share", "fraction", "Mean attention to |i - j| = 3 and 4, one turn of a helix."),
        statistic_column("beyond6_share", "fraction", "Mean attention to residues with |i - j| >= 6."),
        statistic_column("beyond24_share", "fraction", "Mean attention to residues with |i - j| >= 24."),
        statistic_column("max_attention", "attention", "Largest attention of a residue to a residue."),
        Column("n_edges", pa.int32(), "pairs", f"Residue pairs (i, j) with attention of at least {EDGE_THETA}."),
        statistic_column(
            "received_max_share",
            "fraction",
            "Largest column sum over the sum of all column sums: near 1 for a head that looks at one residue.",
        ),
    ),
)
