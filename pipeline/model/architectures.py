"""The ways of attending by architecture: which kernels reduce it, what its maps take in memory, and what is refused.

A table by the model type of a configuration, so that a plan knows them without loading a model. Whether an architecture
is right, a model shows when it is loaded (`guard`).
"""

HOOKED = "hooked"
"""The attention of a run whose model does not pass transformers' attention interface: its own maps, one at a time."""

WHOLE_MAPS = "plain"
"""The attention of a run that holds the whole map of a layer of a sequence."""

KERNELS = {"cpu": "tiled", "cuda": "triton"}
"""The reduction of attention on each device where nothing is added to the scores, by the name that a run records."""

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

WITH_ADDED_SCORES = ("modernbert", "t5", "mt5", "umt5")
"""Those of them that add to the scores: a relative bias, or a window of attention."""

TEXT_ENCODERS = ("t5", "mt5", "umt5")
"""Encoder-decoders of which the encoder alone is loaded."""

REFUSED = {
    "big_bird": "its blocks of keys are drawn at random, and short sequences attend otherwise than long ones",
    "bigbird_pegasus": "its blocks of keys are drawn at random",
    "canine": "it pools characters before they attend",
    "convbert": "convolutions stand in for half of its heads",
    "funnel": "it pools residues between its layers",
    "longt5": "it attends in blocks and to summaries of blocks",
    "led": "it is an encoder-decoder",
    "mra": "its attention is an approximation by blocks",
    "nystromformer": "its attention is an approximation without a map",
    "reformer": "its keys are drawn by hashing",
    "yoso": "its keys are drawn by hashing",
}
"""Architectures whose attention is no map of every residue to every residue, with the reason."""

MAP_COPIES = 12
"""Bound on the copies of a whole map, in float32, that exist at once while a model makes it and it is reduced: 7.8 with
DeBERTa-v2, 4.2 with XLNet, 2.3 with MegatronBERT (docs/log.md)."""


def choose_attention(architecture: str, device: str, *, is_of_pieces: bool = False, has_both_ends: bool = True) -> str:
    """Return the name of the reduction for an architecture on a device, as a run records it.

    The kernels of a GPU add nothing to scores, and need a token before the residues and one after them. Where a token
    may stand for several residues, whole maps are spread out.
    """
    if is_of_pieces or architecture not in INTERFACED:
        return HOOKED
    if device == "cuda" and (architecture in WITH_ADDED_SCORES or not has_both_ends):
        return WHOLE_MAPS
    return KERNELS[device]


def predict_map_bytes(attention: str, n_heads: int, n_tokens: int) -> int:
    """Return a bound on the bytes that the map of a layer takes, for a sequence of `n_tokens`; 0 where it is tiled."""
    return MAP_COPIES * 4 * n_heads * n_tokens**2 if attention in (HOOKED, WHOLE_MAPS) else 0
