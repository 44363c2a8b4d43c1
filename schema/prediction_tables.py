"""The tables of predictions: columns, key and order, and the command that adds them to a sealed atlas."""

import pyarrow as pa

from attlas.schema.annotation_tables import FEATURES
from attlas.schema.built_tables import SEQUENCES, SITES
from attlas.schema.columns import POSITION, RESIDUE, SEQUENCE_ID, STORED_ACCESSION, statistic_column, text_column
from attlas.schema.table import Column, Command, Setting, Table

PREDICTION_SENTENCE = (
    "A prediction, not an annotation: the probability holds only if the protein has such a site, and says nothing of "
    "whether it has one."
)
"""What goes with every candidate site, wherever it is shown."""
PREDICTION_EVIDENCE = "ECO:0008004"
"""Term of the Evidence and Conclusion Ontology: machine learning method evidence used in automatic assertion."""

CANDIDATE_SITES = Table(
    name="candidate_sites",
    doc="A residue that a model fitted on labelled proteins ranks high in a protein without a label, given that it has "
    "such a site; added by `attlas evaluate candidates`, each type in a file of its own. " + PREDICTION_SENTENCE,
    key=("accession", "type", "position"),
    sort=("sequence_id", "accession", "type", "rank"),
    row_group_rows=65_536,
    columns=(
        STORED_ACCESSION,
        SEQUENCE_ID,
        text_column("type", "Type of site that was predicted, such as `Active site`.", is_nullable=False),
        POSITION,
        RESIDUE,
        Column("rank", pa.int32(), "", "Rank within the protein, 1 is the most likely."),
        Column(
            "probability",
            pa.float32(),
            "fraction",
            "Probability that the residue is such a site, given that the protein has one. Null where the calibration "
            "on families held out does not allow one (slope outside 0.8 to 1.25, or a predictor that no split chose).",
            is_nullable=True,
        ),
        statistic_column("score", "log odds", "Log odds of the model, before calibration: what ranks the residues."),
        text_column(
            "evidence", "What speaks for it: the kinds of columns that raise its log odds, the strongest first."
        ),
        text_column(
            "homolog", "Labelled protein whose aligned site gives the residue, of the same letter; null if none."
        ),
        Column(
            "identity",
            pa.float32(),
            "fraction",
            "Identity of the nearest labelled protein, aligned over half of the shorter one; null without one.",
            is_nullable=True,
        ),
        text_column("nearest", "That protein."),
        text_column("nearest_sites", "What is known of it: its labelled residues, such as `H57;D102`."),
    ),
    added_by=Command("evaluate", "candidates DIR --truth FILE"),
    computed_from=(SEQUENCES, SITES, FEATURES),
    settings=(
        Setting("type", str, "Type of site that was predicted."),
        Setting("truth", str, "SHA-256 of the table of labelled residues."),
        Setting("predictor", str, "The predictor, chosen by average precision on families held out."),
        Setting("slope", float, "Slope of the calibration line on families held out; 1 is right."),
        Setting("first", int, "Residues of each protein that are kept, besides those that homology gives."),
        Setting("seed", int, "Seed of the folds."),
    ),
    is_by_type=True,
    ranked_by="score",
)
"""Candidate sites of proteins that neither the truth names nor a feature."""
