"""The table of vectors: what the model makes of a protein, a segment of it, or the tokens around it."""

import pyarrow as pa

from attlas.schema.built_tables import SEQUENCES
from attlas.schema.columns import ACCESSION, LAYER, SEQUENCE_ID, text_column
from attlas.schema.table import Column, Command, Setting, Table

VECTORS = Table(
    name="vectors",
    doc="A vector of a protein: the mean of the model's hidden states over its residues or over a tenth of them, or "
    "the hidden state of the token before or after them. Added by `attlas embed`.",
    key=("accession", "kind", "layer"),
    sort=("sequence_id", "layer", "kind"),
    row_group_rows=1_024,
    columns=(
        ACCESSION,
        SEQUENCE_ID,
        text_column(
            "kind",
            "`mean`: over all residues; `segment0` to `segment9`: over each tenth of them, the first ones a residue "
            "longer where the length is no multiple of ten, zeros where a tenth is empty; `cls`, `eos`: of the token "
            "before and after the residues.",
            is_nullable=False,
        ),
        Column(
            "layer",
            LAYER.type,
            "",
            "Layer of which it is the output, 0-based; that of the last layer is taken after the final norm.",
        ),
        Column(
            "vector",
            pa.float32(),
            "hidden state",
            "The vector, as many numbers as the model is wide; float32, or rounded to the digits of a float16.",
            is_list=True,
        ),
    ),
    added_by=Command("embed", "DIR"),
    computed_from=(SEQUENCES,),
    settings=(
        Setting("vectors", str, "Which vectors: some of `cls mean eos segments`, separated by spaces."),
        Setting("layers", str, "Layers whose output was taken, 0-based, separated by spaces."),
        Setting("numbers", str, "Digits of the numbers: `float32` or `float16`."),
        Setting("width", int, "Numbers of a vector: the hidden size of the model."),
        Setting("max_length", int, "Longest sequence computed, residues; longer ones have no rows.", is_optional=True),
    ),
)
