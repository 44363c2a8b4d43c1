"""The attention that the kernels compute: softmax(q k^T scaling + b) v within each sequence, head by head.

The number b is 0 or depends on the head and on j - i alone: the relative bias of T5, or a window of attention. Query
heads may share key heads. A model that needs anything else is refused by name: other masks, caps, sinks, dropout.
transformers passes such settings to its attention functions as keywords; those without effect on the result are listed
below, and every other one must be None, False or 0.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from attlas.schema import EnvironmentFault

NO_WINDOW = -1
"""In place of the width of a window: a mask that is no window of attention."""

WITHOUT_EFFECT = (
    "position_ids",  # BERT, RoBERTa, ALBERT, LLaMA: applied earlier, to q and k or to the embeddings
    "use_cache",  # ESM-2, EuroBERT: keys of earlier calls, of which there are none
    "output_attentions",  # concerns what the model returns, not what it computes
    "output_hidden_states",
    "return_dict",
    "deterministic",  # ModernBERT: which flash-attention kernel
)
"""Keywords of transformers' attention functions that change no attention of a whole sequence."""


OTHER_ENCODER = "use ESM-2, or another encoder in which every residue attends to every residue"
"""What to do where the attention of a model is not supported."""

LENGTH_DEPENDENT_ROTARY = ("dynamic", "longrope")
"""Types of rotary positions that transformers computes anew for the longest sequence of a batch."""


def read_window(mask: Tensor | None) -> int | None:
    """Return the width of a window of attention that `interface` wrote in place of a mask; None where it is none."""
    is_window = mask is not None and mask.shape == (1, 1, 1, 1) and mask.dtype == torch.int64 and int(mask) != NO_WINDOW
    return int(mask) if mask is not None and is_window else None


def _is_offset_bias(bias: object, query: Tensor, _: Tensor | None) -> bool:
    return isinstance(bias, Tensor) and bias.shape == (1, query.shape[1], 1, 2 * query.shape[2] - 1)


HONOURED: Mapping[str, Callable[[object, Tensor, Tensor | None], bool]] = {
    "position_bias": _is_offset_bias,  # T5: the table of `interface.replace_relative_bias`
    "sliding_window": lambda _, __, mask: mask is not None,  # ModernBERT: the mask says the same
}
"""Keywords that are honoured where the setting, the queries and the mask have the form that is expected."""


def refuse_unsupported(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: object,
    keywords: Mapping[str, object],
) -> None:
    """Refuse a call of an attention function that asks for attention that is not supported here.

    `query`, `key` and `value` have the shape (1, H, sum of T, D); the keys and values may have fewer heads. `mask` is
    what `interface` makes of a mask.

    Raises:
        EnvironmentFault: names the setting and the architecture.
    """
    if getattr(module, "is_causal", False):
        raise unsupported_attention(module, "is_causal=True: a residue attends only to those before it")
    for name, setting in keywords.items():
        is_honoured = name in WITHOUT_EFFECT or (name in HONOURED and HONOURED[name](setting, query, mask))
        if not is_honoured and not _is_nothing(setting):
            raise unsupported_attention(module, f"{name}={_show(setting)}")

    if mask is not None and read_window(mask) is None:
        raise unsupported_attention(module, "a mask: some tokens may not attend to others")
    if scaling is not None and not isinstance(scaling, (int, float)):
        raise unsupported_attention(module, f"scaling={_show(scaling)}, where one number for all heads is expected")
    if query.shape[1] % key.shape[1]:
        raise unsupported_attention(module, f"{key.shape[1]} key heads for {query.shape[1]} query heads")
    if not (query.shape[2:] == key.shape[2:] and key.shape == value.shape):
        shapes = ", ".join(str(tuple(part.shape)) for part in (query, key, value))
        raise unsupported_attention(module, f"queries, keys and values of different shapes: {shapes}")


def refuse_configuration(config: Any) -> None:
    """Refuse a configuration whose positions are not computed right, by transformers or for a sequence in a pack.

    Raises:
        EnvironmentFault: its rotary positions depend on the longest sequence; it has learned relative positions of
            BERT or ESM, whose weights transformers 5 leaves out without a word; or it reads half of the sequences of a
            batch from their end.
    """
    positions = getattr(config, "position_embedding_type", None)
    if str(positions).startswith("relative"):
        raise wrong_attention(
            config.model_type,
            expected="absolute or rotary positions",
            found=f"position_embedding_type {positions!r}, which transformers no longer computes",
        )

    # A setting of XLNet's training, with which transformers cannot run a sequence alone.
    if getattr(config, "bi_data", False):
        raise wrong_attention(
            config.model_type,
            expected="every sequence read from its beginning",
            found="bi_data=True: the second half of a batch is read from its end, as in training",
            hint='set "bi_data" to false in config.json: it is for training alone',
        )

    rotary = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    parts = [rotary, *(part for part in rotary.values() if isinstance(part, dict))] if isinstance(rotary, dict) else []
    for part in parts:
        if part.get("rope_type", part.get("type")) in LENGTH_DEPENDENT_ROTARY:
            raise wrong_attention(
                config.model_type,
                expected="positions that do not depend on how long other sequences are",
                found=f"rotary positions of the type {part.get('rope_type', part.get('type'))!r}",
            )


def unsupported_attention(module: torch.nn.Module, setting: str) -> EnvironmentFault:
    """Return the error for an attention module with a setting that is not supported here."""
    config = getattr(module, "config", None)
    architecture = getattr(config, "model_type", None) or type(module).__name__
    return wrong_attention(
        architecture,
        expected="softmax attention of every residue to every residue, or to those within a window; to the scores at "
        "most a number is added that depends on the distance",
        found=f"its {type(module).__name__} asks for {setting}",
    )


def wrong_attention(architecture: str, *, expected: str, found: str, hint: str = OTHER_ENCODER) -> EnvironmentFault:
    """Return the error for a model of an architecture whose attention would not be computed right."""
    what = f"The attention of this {architecture} model cannot be computed right."
    return EnvironmentFault(what, expected=expected, found=found, hint=hint)


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, (bool, int, float)) and value == 0)


def _show(value: object) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)[:60]
