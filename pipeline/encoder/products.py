"""Float32 products by tensor cores, which multiply bfloat16: of each number a high and a low half are multiplied.

A float32 `x` is `high + low` within 2^-17 of it, both bfloat16. Of the four products of the halves of x and w, all but
low times low are added, with sums in float32: [high, high, low] times [high; low; high] is one product along a
threefold inner dimension. It differs from float64 by 1e-5, where bfloat16 differs by 3e-3 (docs/log.md).

`high` is made on the integers of which the float32 consist. A compiler may leave out a rounding to bfloat16 and back,
and `x - x.bfloat16().float()` is zero in a function that torch has compiled.

Axis letters: `T` tokens, `I` inputs and `O` outputs of a linear layer.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from attlas.pipeline.attention.definitions import LayerInputs, PackAttention, Reduction
from attlas.pipeline.encoder.loading import NOT_OF_ATTENTION

SAME_INPUT = (
    *(("query", "key", "value"), ("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj")),
    *(("q", "k", "v"), ("wi_0", "wi_1")),  # T5
)
"""Names of linear layers of one module that take the same input, which is split once for all of them."""

HALF_UNIT = 0x8000
"""Half of the last unit that a bfloat16 has, on the integers of a float32: added to round to the nearest."""

HIGH_BITS = -0x10000
"""Mask of the bits of a float32 that a bfloat16 has: all but the low 16."""

LARGEST_ROUNDED = 0x7F7F8000
"""Integer of the float32 from which on rounding up gives infinity; these are cut off instead."""

MAGNITUDE_BITS = 0x7FFFFFFF
"""Mask of the bits of a float32 other than its sign."""


def split(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the high and the low half of float32 values, both bfloat16: their sum is the value within 2^-17 of it.

    Below 1e-33 the low half underflows, and the sum is within 1e-40. What is not finite stays so: its low half is NaN.
    """
    bits = values.view(torch.int32)
    is_largest = (bits & MAGNITUDE_BITS) >= LARGEST_ROUNDED
    high = (torch.where(is_largest, bits, bits + HALF_UNIT) & HIGH_BITS).view(torch.float32)
    return high.to(torch.bfloat16), (values - high).to(torch.bfloat16)


def join_input(values: Tensor) -> Tensor:
    """Return the halves of inputs (T, I) as [high, high, low], (T, 3 I), bfloat16."""
    high, low = split(values)
    return torch.cat([high, high, low], 1)


def join_weights(weights: Tensor) -> Tensor:
    """Return the halves of weights (O, I) as [high, low, high], (O, 3 I), bfloat16."""
    high, low = split(weights)
    return torch.cat([high, low, high], 1)


def multiply_halves(inputs: Tensor, weights: Tensor) -> Tensor:
    """Return inputs (T, 3 I) times weights (O, 3 I) transposed, (T, O), float32, with sums in float32.

    A CPU multiplies float32 that hold bfloat16 numbers, which gives the same but for the order of the sums.
    """
    if inputs.is_cuda:
        return torch.mm(inputs, weights.t(), out_dtype=torch.float32)
    return torch.mm(inputs.float(), weights.t().float())


class InputHalves:
    """Splits the input of linear layers that share it once, and forgets it with the last of them.

    Threads may share it: an input is kept with its halves, so no thread takes those of another input. They only
    split more often then.
    """

    def __init__(self, n_layers: int) -> None:
        self.n_layers = n_layers
        self.n_waiting = 0
        self.input_and_halves: tuple[Tensor, Tensor] | None = None

    def forget(self) -> None:
        """Forget the input of a pass that broke off."""
        self.n_waiting, self.input_and_halves = 0, None

    def join(self, values: Tensor) -> Tensor:
        """Return the halves of the input, (..., I), as [high, high, low], (T, 3 I)."""
        # Another tensor, too, if a pass broke off between two of the layers.
        kept = self.input_and_halves
        if kept is None or kept[0] is not values:
            kept = (values, join_input(values.reshape(-1, values.shape[-1])))
            self.input_and_halves, self.n_waiting = kept, self.n_layers

        self.n_waiting -= 1
        if self.n_waiting <= 0:
            self.input_and_halves = None
        return kept[1]


class SplitLinear(nn.Module):
    """A linear layer of float32 that multiplies the halves of its inputs and weights."""

    weights: Tensor
    bias: nn.Parameter | None

    def __init__(self, linear: nn.Linear, input_halves: InputHalves) -> None:
        super().__init__()
        self.register_buffer("weights", join_weights(linear.weight.detach().float().contiguous()))
        self.bias = linear.bias
        self.input_halves = input_halves

    @property
    def weight(self) -> None:
        """None: T5 looks at the weights of a layer, and would convert its input to a dtype that they have."""
        return

    def forward(self, values: Tensor) -> Tensor:
        """Return the outputs (..., O) of inputs (..., I), float32."""
        outputs = multiply_halves(self.input_halves.join(values), self.weights)
        if self.bias is not None:
            outputs = outputs + self.bias
        return outputs.reshape(*values.shape[:-1], -1)


def split_model(model: nn.Module) -> None:
    """Let all linear layers of a model that attention depends on multiply halves."""
    for name, part in model.named_children():
        if not f"{name}.".startswith(NOT_OF_ATTENTION):
            split_linear_layers(part)


def forget_inputs(model: nn.Module) -> None:
    """Forget the inputs that linear layers of a model hold after a pass that broke off, as for want of memory."""
    for part in model.modules():
        if isinstance(part, SplitLinear):
            part.input_halves.forget()


def split_linear_layers(module: nn.Module) -> None:
    """Replace every linear layer inside a module by one that multiplies halves, on the device where the weights are."""
    for parent in list(module.modules()):
        for names in _group_linear_layers(parent):
            input_halves = InputHalves(len(names))
            for name in names:
                setattr(parent, name, SplitLinear(getattr(parent, name), input_halves))


def _group_linear_layers(parent: nn.Module) -> Iterator[tuple[str, ...]]:
    """Yield the names of the linear layers that a module has itself, those with the same input together."""
    names = [name for name, part in parent.named_children() if type(part) is nn.Linear]
    for group in SAME_INPUT:
        if set(group) <= set(names):
            yield group
            names = [name for name in names if name not in group]
    yield from ((name,) for name in names)


def halve_scores(reduce: Reduction) -> Reduction:
    """Return a reduction that multiplies halves on a CPU: what a GPU gives, for tests and benchmarks.

    Heads of threefold dimension, [high, high, low] and [high, low, high], have the scores of the halves. Of the product
    of weights and values only the values are rounded.
    """

    def reduce_halves(inputs: LayerInputs, *, theta: float) -> PackAttention:
        (q_high, q_low), (k_high, k_low) = split(inputs.q.contiguous()), split(inputs.k.contiguous())
        queries = torch.cat([q_high, q_high, q_low], 2).float()
        keys = torch.cat([k_high, k_low, k_high], 2).float()
        values = None if inputs.v is None else torch.stack(split(inputs.v.contiguous())).float().sum(0)
        return reduce(replace(inputs, q=queries, k=keys, v=values), theta=theta)

    return reduce_halves
