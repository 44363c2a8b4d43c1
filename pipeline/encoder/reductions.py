"""The kernels by name, as a run records them; their libraries are loaded when they are needed."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from attlas.pipeline.attention.definitions import LayerInputs, PackAttention, Reduction, reduce_plain
from attlas.pipeline.attention.receiving import Receive, receive_by_device
from attlas.pipeline.attention.sequence_attention import attend_by_sequence
from attlas.pipeline.encoder.products import halve_scores
from attlas.pipeline.model.architectures import HOOKED, KERNELS, WHOLE_MAPS
from attlas.pipeline.model.precision import SPLIT
from attlas.schema import EnvironmentFault
from attlas.schema.run import PLAIN


class Kernels(NamedTuple):
    """What is computed of the attention of a layer on a device."""

    reduce: Reduction
    """The statistics of a build."""
    attend: Callable[[LayerInputs], Tensor | None]
    """The output alone, (H, sum of T, D); None without values."""
    receive: Receive
    """What every token receives from the residues in each head."""


def find_kernels(name: str, products: str = PLAIN) -> Kernels:
    """Return the kernels of a name: "plain", "tiled" (on CPUs) or "triton" (on GPUs).

    Where `products` is SPLIT, the kernels of a GPU multiply halves; the reductions of the others give the numbers that
    this gives.

    Raises:
        EnvironmentFault: a library of the kernels is not installed.
    """
    if name == "plain":
        reduce = halve_scores(reduce_plain) if products == SPLIT else reduce_plain
        return Kernels(reduce, attend_by_sequence, receive_by_device)
    try:
        if name == "tiled":
            from attlas.pipeline.attention.tiled import reduce_tiled

            reduce = halve_scores(reduce_tiled) if products == SPLIT else reduce_tiled
            return Kernels(reduce, attend_by_sequence, receive_by_device)
        from attlas.pipeline.attention.triton_pass import attend_triton, reduce_triton
        from attlas.pipeline.attention.triton_receive import receive_triton
    except ImportError as error:
        raise EnvironmentFault(
            f"Attention on this device is reduced by the {name} kernels, which cannot be loaded.",
            found=str(error),
            hint="install attlas[build] whole; on a GPU, a torch with Triton; or plan with --device cpu",
        ) from error
    return Kernels(
        partial(reduce_triton, products=products),
        partial(attend_triton, products=products),
        partial(receive_triton, products=products),
    )


def choose_kernels(attention: str, device: str) -> str:
    """Return the name of the kernels for a run's attention: the maps of a hooked model are reduced as they are."""
    if attention != HOOKED:
        return attention
    return WHOLE_MAPS if device == "cuda" else KERNELS[device]


def reduce_nothing(attend: Callable[[LayerInputs], Tensor | None]) -> Reduction:
    """Return a reduction that keeps nothing but the output of each layer."""

    def reduce(
        inputs: LayerInputs,
        *,
        theta: float,  # of a reduction: no edge is counted here
    ) -> PackAttention:
        nothing = inputs.q.new_empty((len(inputs.pack.n_tokens), 0, 0), dtype=torch.float32)
        return PackAttention(attend(inputs), nothing.flatten(), nothing)

    return reduce
