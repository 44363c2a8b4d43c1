"""The ways of attending by architecture: which kernels reduce it, what its maps take in memory, and what is refused.

A table by the model type of a configuration, so that a plan knows them without loading a model. Whether an architecture
is right, a model shows when it is loaded (`guard`).
"""

HOOKED = "hooked"
"""The attention of a run whose model does not pass transformers' attention interface: its own maps, one at a time."""

WHOLE_MAPS = "plain"
"""The attention of a run that holds the whole map of a layer of a sequence."""

KERNELS = {"cpu": "tiled", "cuda": "triton"}
"""The reduction of the attention that passes the interface, on each device, by the name that a run records."""

LARGEST_DIM = 128
"""Largest head dimension that the kernels of a GPU take."""

INTERFACED = (
    "esm",
    "esmc",
    "bert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "electra",
    "albert",
    "nomic_bert",
    "eurobert",
    "distilbert",
    "modernbert",
    "t5",
    "mt5",
    "umt5",
)
"""Architectures that pass transformers' attention interface."""

TEXT_ENCODERS = ("t5", "mt5", "umt5")
"""Encoder-decoders of which the encoder alone is loaded."""

REFUSED = {
    "big_bird": "its blocks of keys are drawn at random, and short sequences attend otherwise than long ones",
    "bigbird_pegasus": "its blocks of keys are drawn at random",
    "canine": "it pools characters before they attend",
    "convbert": "convolutions stand in for half of its heads",
    "gpt2": "it is a decoder: a residue attends only to those before it",
    "funnel": "it pools residues between its layers",
    "longt5": "it attends in blocks and to summaries of blocks",
    "ibert": "it multiplies whole numbers, and its code takes the map on after it was made",
    "led": "it is an encoder-decoder",
    "mra": "its attention is an approximation by blocks",
    "nystromformer": "its attention is an approximation without a map",
    "reformer": "its keys are drawn by hashing",
    "yoso": "its keys are drawn by hashing",
}
"""Architectures whose attention is no map of every residue to every residue, with the reason."""

GLOBAL_TOKEN_HEAD = "LongformerForSequenceClassification"
"""Class in whose models `<s>` attends to all tokens and all attend to it, as transformers has it by default."""

REFUSED_HEADS = {
    "LongformerForMultipleChoice": "its separators attend to all tokens, and all attend to them",
    "LongformerForQuestionAnswering": "the tokens of a question attend to all tokens, and all attend to them",
}
"""Classes of models with a reason against them that others of their architecture do not have."""

MAP_COPIES = 12
"""Bound on the copies of a whole map, in float32, that exist at once while a model makes it and it is reduced: 7.8 with
DeBERTa-v2, 4.2 with XLNet, 2.3 with MegatronBERT (docs/log.md)."""


def choose_attention(architecture: str, device: str, *, is_of_pieces: bool = False, head_dim: int = LARGEST_DIM) -> str:
    """Return the name of the reduction for an architecture on a device, as a run records it.

    Where a token may stand for several residues, whole maps are spread out. The kernels of a GPU take heads of up to
    LARGEST_DIM.
    """
    if is_of_pieces or architecture not in INTERFACED:
        return HOOKED
    if device == "cuda" and head_dim > LARGEST_DIM:
        return WHOLE_MAPS
    return KERNELS[device]


def predict_map_bytes(attention: str, n_heads: int, n_tokens: int) -> int:
    """Return a bound on the bytes that the map of a layer takes, for a sequence of `n_tokens`; 0 where it is tiled."""
    return MAP_COPIES * 4 * n_heads * n_tokens**2 if attention in (HOOKED, WHOLE_MAPS) else 0
