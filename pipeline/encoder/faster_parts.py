"""Parts of ESM-2 that are replaced, once its own attention is known, by code that passes over memory less often.

The numbers agree but for the last bit or two of a float32. In half precision they would differ more: there nothing is
replaced, but for the GELU of a mixed run.
"""

from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from attlas.pipeline.model.offline import transformers

_ROTATION = "apply_rotary_pos_emb"
"""Name under which the attention of ESM-2 calls the function that rotates queries and keys."""


def replace_parts(model: Any, *, is_rotated: bool) -> None:
    """Replace the GELU of a model's feed-forward layers and, with `is_rotated`, the rotation by positions.

    Of any model but ESM-2 nothing is replaced. The rotation is for a CPU: on a GPU, compiling fuses the model's own
    with what stands around it.
    """
    esm = transformers.models.esm.modeling_esm
    attend = _with_rotation(esm.EsmSelfAttention.forward)
    for module in list(model.modules()):
        if is_rotated and isinstance(module, esm.EsmSelfAttention):
            module.forward = attend.__get__(module)
        for name, part in module.named_children():
            if isinstance(part, esm.EsmIntermediate):
                setattr(module, name, _FeedForward(part.dense))


class _FeedForward(torch.nn.Module):
    """The first half of ESM-2's feed-forward block: a linear layer and an exact GELU, in one pass instead of five."""

    def __init__(self, dense: torch.nn.Linear) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, hidden_states: Tensor) -> Tensor:
        return torch.nn.functional.gelu(self.dense(hidden_states))


def _with_rotation(forward: FunctionType) -> FunctionType:
    """Return the model's own code of attention, in which `rotate` stands in the place of its function."""
    names = {**forward.__globals__, _ROTATION: rotate}
    function = FunctionType(forward.__code__, names, forward.__name__, forward.__defaults__, forward.__closure__)
    function.__kwdefaults__ = forward.__kwdefaults__
    return function


def rotate(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> tuple[Tensor, Tensor]:
    """Rotate queries and keys (1, H, T, D) by the angles of their positions, (1, T, D), in three passes each.

    Source: RoFormer, arXiv 2104.09864; pairs are (d, d + D / 2), as in transformers.
    """
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    return _rotate_pairs(q, cos, sin), _rotate_pairs(k, cos, sin)


def _rotate_pairs(values: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = values.shape[-1] // 2
    lower, upper = slice(None, half), slice(half, None)

    result = values * cos
    result[..., lower].addcmul_(values[..., upper], sin[..., lower], value=-1)
    result[..., upper].addcmul_(values[..., lower], sin[..., upper])
    return result
