"""An oracle: the attention of a RoBERTa of fairseq, from the weights of its checkpoint, in float64 NumPy."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, softmax

Values = NDArray[np.float64]

PADDING = 1
"""Token of padding; positions begin after it."""


def attend_by_fairseq(weights: Mapping[str, Values], tokens: Sequence[int], *, n_heads: int) -> list[Values]:
    """Return the attention of every layer on a sequence of tokens, (H, T, T) each.

    Layers are normalised after their sums, as in the original transformer (`normalize_before` is false).
    """
    weights = {name.removeprefix("decoder.sentence_encoder."): values for name, values in weights.items()}

    def apply(name: str, x: Values) -> Values:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def normalise(name: str, x: Values) -> Values:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def split_heads(x: Values) -> Values:
        return x.reshape(len(x), n_heads, -1).transpose(1, 0, 2)

    positions = np.arange(len(tokens)) + PADDING + 1
    x = weights["embed_tokens.weight"][list(tokens)] + weights["embed_positions.weight"][positions]
    x = normalise("emb_layer_norm", x)

    maps = []
    n_layers = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
    for layer in (f"layers.{i}" for i in range(n_layers)):
        q, k, v = (split_heads(apply(f"{layer}.self_attn.{name}_proj", x)) for name in "qkv")
        attention = softmax(q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[2]), axis=-1)
        maps.append(attention)

        heads = (attention @ v).transpose(1, 0, 2).reshape(len(x), -1)
        x = normalise(f"{layer}.self_attn_layer_norm", x + apply(f"{layer}.self_attn.out_proj", heads))
        inner = apply(f"{layer}.fc1", x)
        inner = inner * 0.5 * (1 + erf(inner / np.sqrt(2)))
        x = normalise(f"{layer}.final_layer_norm", x + apply(f"{layer}.fc2", inner))
    return maps
