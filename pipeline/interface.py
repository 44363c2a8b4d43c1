"""Our function in transformers' attention interface: it gives every layer's q, k and v to the current pass.

Importing this file registers the function and its masks with transformers, under the name INTERFACE.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from attlas.pipeline.attention_support import refuse_unsupported
from attlas.pipeline.offline import transformers

INTERFACE = "attlas"
"""Name of our function in transformers' attention interface."""


class AddLayer(Protocol):
    """A function that takes the attention of a pass, layer by layer."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, *, scaling: float) -> Tensor:
        """Take a layer's q, k and v of shape (H, sum of T, D), and return its output of the same shape."""
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
def _attend_op(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    """Attend within each sequence of the pack: (1, H, sum of T, D) each in, (1, sum of T, H, D) out, contiguous.

    It is an operator, so that torch.compile fuses the code around it and does not look inside.
    """
    return _attend_in_pack(query, key, value, scaling)


def _attend_in_pack(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    add_layer: AddLayer = _thread_state.add_layer
    output = add_layer(query[0], key[0], value[0], scaling=scaling)
    return output.transpose(0, 1).contiguous()[None]


@_attend_op.register_fake
def _(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    return value.new_empty((value.shape[0], value.shape[2], value.shape[1], value.shape[3]))


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    **keywords: object,
) -> tuple[Tensor, None]:
    """Attend in the form of transformers' attention functions: (1, H, sum of T, D) in, (1, sum of T, H, D) out.

    Raises:
        EnvironmentFault: the model asks for attention that is not computed here (see `attention_support`).
    """
    # Compiled code does without these checks: every model has passed them, uncompiled, when it was loaded.
    if torch.compiler.is_compiling():
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        return _attend_op(query, key, value, scale), None

    refuse_unsupported(module, query, key, value, attention_mask, scaling, keywords)

    # An operator has overhead, and the layer that ends the pass raises through it: only compiled code needs one.
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return _attend_in_pack(query, key, value, scale), None


def _make_mask(*_: object, mask_function: object = None, attention_mask: object = None, **__: object) -> Tensor | None:
    """Return no mask where every token may attend to every other, else a mask that `_attend` refuses.

    The lengths of a pack's sequences separate them. Some models ask for masks that none of their layers uses.
    """
    is_bidirectional = mask_function is transformers.masking_utils.bidirectional_mask_function
    return None if is_bidirectional and attention_mask is None else torch.zeros(1, 1, 1, 1, dtype=torch.bool)


transformers.AttentionInterface.register(INTERFACE, _attend)
transformers.masking_utils.AttentionMaskInterface.register(INTERFACE, _make_mask)
