"""Our function in transformers' attention interface: it gives every layer's q, k and v to the current pass.

Importing this file registers the function and its masks with transformers, under the name INTERFACE.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

from attlas.pipeline.model.attention_support import NO_WINDOW, read_window, refuse_unsupported
from attlas.pipeline.model.offline import transformers

INTERFACE = "attlas"
"""Name of our function in transformers' attention interface."""

FARTHEST = 1 << 16
"""Tokens to each side within which the width of a window is looked for."""


class AddLayer(Protocol):
    """A function that takes the attention of a pass, layer by layer."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor, *, scaling: float, bias: Tensor | None, window: int | None
    ) -> Tensor:
        """Take a layer's q, k and v of shape (H, sum of T, D), and return its output of the same shape as `q`.

        `k` and `v` may have fewer heads, each shared by a group of query heads. `bias` and `window` are those of
        `added_scores.OffsetScores`.
        """
        ...


_thread_state = threading.local()


@contextmanager
def attending(add_layer: AddLayer) -> Iterator[None]:
    """Give the attention of every layer that runs in this thread to `add_layer`.

    It is not an argument of the model, because a compiled layer would be compiled again for every new one.
    """
    _thread_state.add_layer = add_layer
    try:
        yield
    finally:
        del _thread_state.add_layer


@torch.library.custom_op("attlas::attend", mutates_args=())
def _attend_op(
    query: Tensor, key: Tensor, value: Tensor, scaling: float, position_bias: Tensor | None, mask: Tensor | None
) -> Tensor:
    """Attend within each sequence of the pack: (1, H, sum of T, D) each in, (1, sum of T, H, D) out, contiguous.

    It is an operator, so that torch.compile fuses the code around it and does not look inside.
    """
    return _attend_in_pack(query, key, value, scaling, position_bias, mask)


def _attend_in_pack(
    query: Tensor, key: Tensor, value: Tensor, scaling: float, position_bias: Tensor | None, mask: Tensor | None
) -> Tensor:
    add_layer: AddLayer = _thread_state.add_layer
    bias = None if position_bias is None else position_bias[0, :, 0].float()
    output = add_layer(query[0], key[0], value[0], scaling=scaling, bias=bias, window=read_window(mask))
    return output.transpose(0, 1).contiguous()[None]


@_attend_op.register_fake
def _(
    query: Tensor, key: Tensor, value: Tensor, scaling: float, position_bias: Tensor | None, mask: Tensor | None
) -> Tensor:
    return value.new_empty((query.shape[0], query.shape[2], query.shape[1], value.shape[3]))


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    position_bias: Tensor | None = None,
    **keywords: object,
) -> tuple[Tensor, None]:
    """Attend in the form of transformers' attention functions: (1, H, sum of T, D) in, (1, sum of T, H, D) out.

    Args:
        module: the attention module.
        query: the queries, positions applied.
        key: the keys, of as many heads or fewer, each shared by a group of query heads.
        value: the values.
        attention_mask: None, or what `_make_mask` returns for a window of attention.
        scaling: factor of the scores; None: 1 over the square root of D.
        position_bias: None, or the table of `replace_relative_bias`.
        keywords: settings of the architecture, see `attention_support`.

    Raises:
        EnvironmentFault: the model asks for attention that is not computed here (see `attention_support`).
    """
    # Compiled code does without these checks: every model has passed them, uncompiled, when it was loaded.
    if torch.compiler.is_compiling():
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        return _attend_op(query, key, value, scale, position_bias, attention_mask), None

    refuse_unsupported(module, query, key, value, attention_mask, scaling, keywords | {"position_bias": position_bias})

    # An operator has overhead, and the layer that ends the pass raises through it: only compiled code needs one.
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return _attend_in_pack(query, key, value, scale, position_bias, attention_mask), None


def _make_mask(
    *_: object, mask_function: Callable[..., Any] | None = None, attention_mask: object = None, **__: object
) -> Tensor | None:
    """Return no mask where every token may attend to every other, else the width of the window in place of a mask.

    The width is the largest |j - i| of tokens that attend to each other, in a tensor of one number; NO_WINDOW for a
    mask of any other form, which `_attend` refuses. The lengths of a pack's sequences separate them. Some models ask
    for masks that none of their layers uses.
    """
    is_bidirectional = mask_function is transformers.masking_utils.bidirectional_mask_function
    if is_bidirectional and attention_mask is None:
        return None
    return torch.tensor([[[[_find_window(mask_function) if attention_mask is None else NO_WINDOW]]]])


def _find_window(mask_function: Callable[..., Any] | None) -> int:
    """Return the largest |j - i| that a mask lets through, NO_WINDOW where it is no window of attention."""
    if mask_function is None:
        return NO_WINDOW

    offsets = torch.arange(-FARTHEST, FARTHEST + 1)
    zero = torch.tensor(0)
    # From two places: what depends on more than j - i, such as chunks, differs between them.
    near, far = (mask_function(zero, zero, torch.tensor(i), i + offsets) for i in (FARTHEST, 3 * FARTHEST + 7))
    widest = int(offsets.abs()[near].max()) if near.any() else NO_WINDOW
    is_window = torch.equal(near, far) and torch.equal(near, offsets.abs() <= widest) and widest < FARTHEST
    return widest if is_window else NO_WINDOW


def replace_relative_bias(model: Any) -> None:
    """Let the modules that compute a relative bias, as in T5, compute one number for each offset j - i.

    Their own is a number for each pair of tokens; theirs stays in use where the model runs its own attention.
    """
    for module in model.modules():
        if hasattr(module, "compute_bias") and hasattr(module, "relative_attention_bias"):
            module.compute_bias = _compute_offset_bias(module, module.compute_bias)


def _compute_offset_bias(module: Any, compute_bias: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def compute(query_length: int, key_length: int, device: Any = None, past_seen_tokens: int = 0) -> Tensor:
        if module.config._attn_implementation != INTERFACE:
            return compute_bias(query_length, key_length, device=device, past_seen_tokens=past_seen_tokens)

        # One query at place T - 1, with keys at 0 to 2T - 2: (1, H, 1, 2T - 1).
        return compute_bias(1, 2 * query_length - 1, device=device, past_seen_tokens=query_length - 1)

    return compute


transformers.AttentionInterface.register(INTERFACE, _attend)
transformers.masking_utils.AttentionMaskInterface.register(INTERFACE, _make_mask)
