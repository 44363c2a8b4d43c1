"""Our place in transformers' attention interface: every layer's q, k and v, positions applied, go to the pass at hand.

Importing this file registers the attention function and its masks with transformers, under the name INTERFACE.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from attlas.pipeline.honoured import refuse_unhonoured
from attlas.pipeline.offline import transformers

INTERFACE = "attlas"
"""Our name in transformers' attention interface."""


class AddLayer(Protocol):
    """What takes the attention of a pass, layer by layer."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, *, scaling: float) -> Tensor:
        """Take a layer's q, k and v of shape (H, sum of T, D), and return its output of the same shape."""
        ...


_in_this_thread = threading.local()


@contextmanager
def attending(add_layer: AddLayer) -> Iterator[None]:
    """Give the attention of every layer that runs in this thread to `add_layer`.

    Not an argument of the model: a compiled layer would be compiled again for every new one.
    """
    _in_this_thread.add_layer = add_layer
    try:
        yield
    finally:
        del _in_this_thread.add_layer


@torch.library.custom_op("attlas::attend", mutates_args=())
def _attend_op(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    """Attend within each sequence of the pack: (1, H, sum of T, D) each in, (1, sum of T, H, D) out, contiguous.

    An operator of its own, so that torch.compile fuses what is around it and does not look inside.
    """
    return _attend_in_pack(query, key, value, scaling)


def _attend_in_pack(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    add_layer: AddLayer = _in_this_thread.add_layer
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
        EnvironmentFault: the model asks for attention that is not computed here (see `honoured`).
    """
    # Compiled code has none of these checks: every model has passed them, uncompiled, when it was loaded.
    if torch.compiler.is_compiling():
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        return _attend_op(query, key, value, scale), None

    refuse_unhonoured(module, query, key, value, attention_mask, scaling, keywords)

    # An operator costs its dispatch, and the layer that ends the pass raises through it: only compiled code needs one.
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return _attend_in_pack(query, key, value, scale), None


def _mask(*_: object, mask_function: object = None, attention_mask: object = None, **__: object) -> Tensor | None:
    """Return no mask where every token may attend to every other: a pack's sequences are told apart by their lengths.

    Else one that `_attend` refuses. Some models ask for masks that none of their layers uses.
    """
    is_bidirectional = mask_function is transformers.masking_utils.bidirectional_mask_function
    return None if is_bidirectional and attention_mask is None else torch.zeros(1, 1, 1, 1, dtype=torch.bool)


transformers.AttentionInterface.register(INTERFACE, _attend)
transformers.masking_utils.AttentionMaskInterface.register(INTERFACE, _mask)
