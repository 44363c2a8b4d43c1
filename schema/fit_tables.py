"""The table of the probing classifiers, which `attlas fit` adds: columns, key and order, and their settings."""

import pyarrow as pa

from attlas.schema.annotation_tables import COORDINATES, FAMILIES, FEATURES, TRACKS
from attlas.schema.built_tables import SEQUENCES
from attlas.schema.columns import statistic_column, text_column
from attlas.schema.table import Column, Command, Setting, Table

FITS_BY = ("family", "cluster40", "none")
"""What folds hold out together: connected families, clusters, or single sequences."""


def _measure(name: str, doc: str, *, unit: str = "fraction") -> tuple[Column, Column, Column]:
    """Declare the columns of a measure and of its interval."""
    interval = (
        f"95 % interval of `{name}` by the jackknife over families, with quantiles of Student's t, no wider than the "
        "range of the measure; null with fewer than five."
    )
    return (
        Column(name, pa.float32(), unit, doc, is_nullable=True),
        Column(f"{name}_low", pa.float32(), unit, f"Lower end of the {interval}", is_nullable=True),
        Column(f"{name}_high", pa.float32(), unit, f"Upper end of the {interval}", is_nullable=True),
    )


FITS = Table(
    name="fits",
    doc="How well a linear probe of one kind of input tells residues with a label from others, on families that it was "
    "not fitted on; added by `attlas fit`.",
    key=("label", "weights", "input", "layer"),
    sort=("label", "weights", "input", "layer"),
    row_group_rows=65_536,
    columns=(
        text_column(
            "label",
            "Type of feature; `track:` and the name of a track; or `contacts`, of pairs of residues 6 or more apart.",
            is_nullable=False,
        ),
        text_column(
            "weights",
            "`trained`: those of the model; `random`: of a model of its shape before training.",
            is_nullable=False,
        ),
        text_column(
            "input",
            "What the probe reads: `letter`; `window`, letters from 7 before to 7 after; `profile`, attention "
            "received; `attention`, received from each head; `embedding`, the output of the layer; `both`, it and the "
            "attention of all heads. Of contacts: `separation`, the residues between; `attention pairs`, the symmetric "
            "map of each head less its average product; `embedding pairs`, products of the first 32 principal "
            "directions of the layer.",
            is_nullable=False,
        ),
        Column("layer", pa.int16(), "", "Layer, 0-based; -1: of letters and separations no layer, of attention all."),
        *_measure("auprc", "Average precision of all residues together, ties grouped. Null for a track."),
        *_measure("auprc_protein", "Mean over proteins with the label of the average precision of their residues."),
        *_measure(
            "precision_l2",
            "Of contacts: the mean over proteins of the share of contacts among the L/2 pairs with the highest scores, "
            "24 or more apart, L being the residues with coordinates. Null for other labels.",
        ),
        *_measure("auroc", "Chance that a residue with the label scores higher than one without, ties counted half."),
        *_measure("mcc", "Matthews' correlation, at a threshold chosen on the training folds."),
        *_measure("f1", "F1 at the same threshold, the one of the largest F1 on the training folds."),
        *_measure("r2", "Of a track: 1 less the squared error over that of the mean. Null for a feature."),
        *_measure("spearman", "Of a track: the correlation of the ranks of scores and numbers."),
        Column(
            "control",
            pa.float32(),
            "fraction",
            "The same (`auprc`, of a track `r2`) of the control task, in which every trimer draws a label at its "
            "letter's rate; of contacts two letters at a separation, at the rate of the separation.",
            is_nullable=True,
        ),
        Column(
            "selectivity",
            pa.float32(),
            "fraction",
            "`auprc`, of a track `r2`, less `control`: what neither letters nor trimers learnt by heart explain.",
            is_nullable=True,
        ),
        Column(
            "permuted",
            pa.float32(),
            "fraction",
            "The same with the labels permuted within protein and letter (contacts: protein and separation): the null.",
            is_nullable=True,
        ),
        statistic_column(
            "prevalence", "as the label", "Mean of the label over its residues: what `auprc` is by chance."
        ),
        statistic_column("penalty", "per residue", "Ridge penalty per training residue, the median over folds."),
        Column(
            "n_labelled",
            pa.int64(),
            "residues",
            "Residues with the label (contacts: pairs); of a track those with a number.",
        ),
        Column(
            "n_residues",
            pa.int64(),
            "residues",
            "Residues that count (contacts: pairs): of proteins annotated for the label.",
        ),
        Column("n_sequences", pa.int32(), "sequences", "Distinct sequences that they are of."),
        Column("n_groups", pa.int32(), "groups", "Families, clusters or single sequences that they are of."),
    ),
    added_by=Command("fit", "DIR"),
    computed_from=(SEQUENCES, FEATURES, FAMILIES, COORDINATES, TRACKS),
    settings=(
        Setting("by", str, f"What folds hold out: {', '.join(FITS_BY)}."),
        Setting("groups", str, "How the families or clusters were made."),
        Setting("folds", int, "Number of folds."),
        Setting("seed", int, "Seed of the folds, the control task and the permutations."),
    ),
)
