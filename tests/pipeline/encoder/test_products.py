"""Float32 by products of bfloat16 halves: against float64, inside compiled code, and for the sites of real proteins."""

import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from attlas.pipeline.encoder.products import (
    InputHalves,
    SplitLinear,
    forget_inputs,
    join_input,
    multiply_halves,
    split,
    split_linear_layers,
)

pytestmark = pytest.mark.slow

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BOUND = 2**-15
"""Largest error of a product of halves, over the product of the norms of its two vectors: 2^-17 for each of the two,
2^-16 for the product of the low halves, which is left out. Of bfloat16, or where low halves are zero, it is larger."""


def relative_error(layer: nn.Linear, inputs: torch.Tensor, outputs: torch.Tensor) -> float:
    """Return the largest error of a linear layer's outputs against float64, over the norms of input and weights."""
    weights, bias = layer.weight.detach().double(), layer.bias.detach().double()
    exact = inputs.double() @ weights.T + bias
    scale = inputs.double().norm(dim=-1)[..., None] * weights.norm(dim=1)
    return float(((outputs.double() - exact).abs() / scale).max())


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_halves_of_any_number_add_up_to_it(value):
    number = torch.tensor([value], dtype=torch.float32)
    high, low = (half.double().item() for half in split(number))
    # Beside the largest number there is no room to round up; below 1e-33 the low half has fewer digits.
    unit = 2**-16 if abs(value) >= 3.39e38 else 2**-17
    assert abs(high + low - value) <= max(unit * abs(value), 1e-40)
    assert np.isfinite(high)
    assert abs(low) <= abs(value) * 2**-7


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), -float("nan")])
def test_what_is_not_finite_stays_not_finite(value):
    high, low = split(torch.tensor([value]))
    assert not torch.isfinite(high.float() + low.float()).any()


@pytest.mark.parametrize("size", [16, 320, 1280])
def test_a_split_layer_is_within_its_bound_of_float64_where_bfloat16_is_not(size):
    torch.manual_seed(size)
    layer, inputs = nn.Linear(size, 2 * size).to(DEVICE), torch.randn(1, 40, size, device=DEVICE)
    with torch.inference_mode():
        outputs = SplitLinear(layer, InputHalves(1))(inputs)
        rounded = outputs_of_high(layer, inputs)
    assert outputs.dtype == torch.float32
    assert relative_error(layer, inputs, outputs) < BOUND < relative_error(layer, inputs, rounded)


def outputs_of_high(layer: nn.Linear, inputs: torch.Tensor) -> torch.Tensor:
    """Return the outputs of a layer whose inputs have no low half."""
    return nn.functional.linear(inputs.bfloat16().float(), layer.weight, layer.bias)


def test_a_gpu_is_asked_for_one_product_of_halves_with_sums_in_float32():
    """With tensors that have shapes and no memory, for want of a GPU: torch checks the call, not the numbers."""
    with FakeTensorMode(), torch.inference_mode():
        inputs, weights = (torch.empty(n, 960, dtype=torch.bfloat16, device="cuda") for n in (40, 640))
        outputs = multiply_halves(inputs, weights)
    assert (outputs.shape, outputs.dtype, outputs.device.type) == ((40, 640), torch.float32, "cuda")


class Block(nn.Module):
    """A norm, three layers on its output, a GELU and a layer: as inside a transformer, in which the compiler fuses."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value, self.up = (nn.Linear(width, width) for _ in range(4))

    def forward(self, values):
        values = self.norm(values)
        hidden = nn.functional.gelu(self.query(values) + self.key(values) + self.value(values))
        return values, hidden, self.up(hidden)


@pytest.mark.thorough
def test_a_compiler_sees_one_split_for_layers_with_the_same_input():
    block = Block()
    split_linear_layers(block)
    assert block.query.input_halves is block.key.input_halves is block.value.input_halves
    graphs = []

    def keep_graph(module, inputs):
        graphs.append(module.graph)
        return module.forward

    torch._dynamo.reset()
    with torch.inference_mode():
        compiled = torch.compile(block, backend=keep_graph, fullgraph=True)
        torch.testing.assert_close(compiled(torch.ones(1, 5, 64)), block(torch.ones(1, 5, 64)))
    (graph,) = graphs
    assert sum(node.target is torch.cat for node in graph.nodes) == 2
    assert block.query.input_halves.input_and_halves is None


def test_a_pass_that_broke_off_leaves_no_halves_for_the_next():
    block = Block()
    split_linear_layers(block)
    values = torch.randn(2, 1, 7, 64)
    expected = block.value(values[1]), block.key(values[1]), block.query(values[1])
    block.query(values[0])  # and no further
    torch.testing.assert_close(block.query(values[1]), expected[2])
    torch.testing.assert_close(block.key(values[1]), expected[1])


def test_memory_of_a_pass_that_broke_off_is_given_back():
    block = Block()
    split_linear_layers(block)
    block.query(torch.randn(7, 64))  # and no further
    assert block.query.input_halves.input_and_halves is not None
    forget_inputs(block)
    assert block.query.input_halves.input_and_halves is None
    values = torch.randn(7, 64)
    torch.testing.assert_close(block.key(values), block.key(values))


def test_a_thread_never_takes_the_halves_of_another_threads_input():
    mine, other = torch.randn(2, 5, 64).unbind()

    class InterruptedHalves(InputHalves):
        """Halves whose other thread takes its turn as soon as the first has written an attribute."""

        is_interrupted = False

        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name not in ("n_layers", "n_waiting") and value is not None and not self.is_interrupted:
                type(self).is_interrupted = True
                torch.testing.assert_close(self.join(other), join_input(other), rtol=0, atol=0)

    halves = InterruptedHalves(3)
    for values in (mine, other, mine, other):
        torch.testing.assert_close(halves.join(values), join_input(values), rtol=0, atol=0)
    assert halves.is_interrupted


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")  # torch's own
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.thorough)])
def test_the_low_half_lives_in_compiled_code(backend):
    """A compiler may leave out a rounding to bfloat16 and back: then the low half is zero, and the error 1e-3."""
    if backend == "inductor" and DEVICE.type == "cpu" and shutil.which("g++") is None:
        pytest.skip("inductor needs a C++ compiler on a CPU, and there is no g++")
    torch.manual_seed(0)
    block = Block().to(DEVICE).eval()
    layer = block.up
    split_linear_layers(block)

    torch._dynamo.reset()
    with torch.inference_mode():
        compiled = torch.compile(block, dynamic=True, backend=backend)
        for n_tokens in (50, 33):
            _, hidden, outputs = compiled(torch.randn(1, n_tokens, 64, device=DEVICE))
            assert (
                relative_error(layer, hidden, outputs)
                < BOUND
                < relative_error(layer, hidden, outputs_of_high(layer, hidden))
            )
