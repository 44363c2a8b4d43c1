"""The attention that the kernels compute: softmax(q k^T scaling + b) v within each sequence, for every head and residue.

The number b is 0 or depends on the head and on j - i alone: the relative bias of T5, or a window of attention. Query
heads may share key heads. A model that needs anything else is refused by name: other masks, caps, sinks, dropout.
transformers passes such settings to its attention functions as keywords; those without effect on the result are listed
below, and every other one must be None, False or 0.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from attlas.schema import EnvironmentFault

WITHOUT_EFFECT = (
    "position_ids",  # BERT, RoBERTa, ALBERT, LLaMA: applied earlier, to q and k or to the embeddings
    "use_cache",  # ESM-2, EuroBERT: keys of earlier calls, of which there are none
    "output_attentions",  # concerns what the model returns, not what it computes
    "output_hidden_states",
    "return_dict",
    "deterministic",  # ModernBERT: which flash-attention kernel
    "sliding_window",  # ModernBERT: for flash attention; the mask carries it, and `interface` reads it there
)
"""Keywords of transformers' attention functions that change no attention of a whole sequence."""


LENGTH_DEPENDENT_ROTARY = ("dynamic", "longrope")
"""Types of rotary positions that transformers computes anew for the longest sequence of a batch."""


def refuse_unsupported(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: object,
    keywords: Mapping[str, object],
) -> None:
    """Refuse a call of an attention function that asks for attention that is not supported here.

    `query`, `key` and `value` have the shape (1, H, sum of T, D); the keys and values may have fewer heads.

    Raises:
        EnvironmentFault: names the setting and the architecture.
    """
    if getattr(module, "is_causal", False):
        raise unsupported_attention(module, "is_causal=True: a residue attends only to those before it")
    for name, setting in keywords.items():
        if name not in WITHOUT_EFFECT and not _is_nothing(setting):
            raise unsupported_attention(module, f"{name}={_show(setting)}")

    if scaling is not None and not isinstance(scaling, (int, float)):
        raise unsupported_attention(module, f"scaling={_show(scaling)}, where one number for all heads is expected")
    if query.shape[1] % key.shape[1]:
        raise unsupported_attention(module, f"{key.shape[1]} key heads for {query.shape[1]} query heads")
    if not (query.shape[2:] == key.shape[2:] and key.shape == value.shape):
        shapes = ", ".join(str(tuple(part.shape)) for part in (query, key, value))
        raise unsupported_attention(module, f"queries, keys and values of different shapes: {shapes}")


def refuse_configuration(config: Any) -> None:
    """Refuse a configuration whose rotary positions depend on the longest sequence of a pack.

    Raises:
        EnvironmentFault: the configuration has such positions.
    """
    rotary = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    parts = [rotary, *(part for part in rotary.values() if isinstance(part, dict))] if isinstance(rotary, dict) else []
    for part in parts:
        if part.get("rope_type", part.get("type")) in LENGTH_DEPENDENT_ROTARY:
            raise EnvironmentFault(
                f"The attention of this {config.model_type} model cannot be computed right.",
                expected="positions that do not depend on how long other sequences are",
                found=f"rotary positions of the type {part.get('rope_type', part.get('type'))!r}",
                hint="use ESM-2, or another encoder in which every residue attends to every residue",
            )


def unsupported_attention(module: torch.nn.Module, setting: str) -> EnvironmentFault:
    """Return the error for an attention module with a setting that is not supported here."""
    config = getattr(module, "config", None)
    architecture = getattr(config, "model_type", None) or type(module).__name__
    return EnvironmentFault(
        f"The attention of this {architecture} model cannot be computed right.",
        expected="softmax attention of every residue to every residue, or to those within a window; added to the scores "
        "is nothing, or a number that depends on their distance",
        found=f"its {type(module).__name__} asks for {setting}",
        hint="use ESM-2, or another encoder in which every residue attends to every residue",
    )


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, (bool, int, float)) and value == 0)


def _show(value: object) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)[:60]
