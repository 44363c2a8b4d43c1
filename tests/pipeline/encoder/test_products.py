"""Float32 by products of bfloat16 halves: against float64, inside compiled code, and for the sites of real proteins."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.architectures import ARCHITECTURES, load, save_merging_vocabulary
from helpers.default_cases import each_nth_by_default
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from attlas.pipeline.encoder.encoder import Encoder, compile_layers
from attlas.pipeline.encoder.products import (
    InputHalves,
    SplitLinear,
    join_input,
    join_weights,
    multiply_halves,
    split,
    split_linear_layers,
)
from attlas.pipeline.model.architectures import KERNELS, choose_attention
from attlas.pipeline.model.files import find_model
from attlas.pipeline.model.precision import SPLIT, choose_dtype, choose_products, refuse_old_gpu
from attlas.pipeline.plan import order_sequences
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.pipeline.sites.calling import call_sites
from attlas.schema import EnvironmentFault
from attlas.schema.run import PLAIN

pytestmark = pytest.mark.slow

HUMAN = Path(__file__).parents[2] / "data" / "human200.fasta"
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


@pytest.mark.thorough
def test_a_compiled_model_has_the_profiles_of_the_uncompiled_one(tiny_esm):
    plain, uncompiled, compiled = (
        Encoder(find_model(str(tiny_esm)), device="cpu", dtype="float32", theta=0.3, products=products)
        for products in (PLAIN, SPLIT, SPLIT)
    )
    torch._dynamo.reset()
    compile_layers(compiled.model, compiled.n_layers, backend="aot_eager")
    for pack in (["MKWVTFISLLFLFSSAYS", "MK"], ["ACDEFGHIKLMNPQRSTVWY" * 4]):
        for exact, of_uncompiled, of_compiled in zip(
            *(of.encode(pack) for of in (plain, uncompiled, compiled)), strict=True
        ):
            np.testing.assert_allclose(of_compiled.received, of_uncompiled.received, rtol=1e-4, atol=1e-5)
            difference = np.abs(of_uncompiled.received - exact.received).max() / exact.received.max()
            assert 0 < difference < 1e-3


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["T5", "UMT5", "ModernBERT", "EuroBERT with key heads shared"])
def test_compiled_layers_add_to_scores_what_uncompiled_ones_do(name, tmp_path):
    architecture = next(architecture for architecture in ARCHITECTURES if architecture.name == name)
    architecture.save(tmp_path)
    uncompiled, compiled = load(tmp_path), load(tmp_path, products=SPLIT)
    torch._dynamo.reset()
    compile_layers(compiled.model, compiled.n_layers, backend="aot_eager")
    for pack in (["MKWVTFISLLFLFSSAYS", "MK"], ["ACDEFGHIKLMNPQRSTVWY" * 4]):
        for exact, of_compiled in zip(*(encoder.encode(pack) for encoder in (uncompiled, compiled)), strict=True):
            difference = np.abs(of_compiled.received - exact.received).max() / exact.received.max()
            assert 0 < difference < 1e-3


KERNEL_ARCHITECTURES = [
    architecture
    for architecture in ARCHITECTURES
    if architecture.refusal is None
    and choose_attention(architecture.config().model_type, "cuda") == KERNELS["cuda"]
    and architecture.save_tokenizer is not save_merging_vocabulary  # whose tokens only whole maps give to residues
]
"""Those of which a GPU multiplies halves."""


@pytest.mark.parametrize(
    "architecture", each_nth_by_default(KERNEL_ARCHITECTURES, 5), ids=lambda architecture: architecture.name
)
def test_every_architecture_that_a_gpu_reduces_runs_with_split_layers(architecture, tmp_path):
    architecture.save(tmp_path)
    plain, halves = (load(tmp_path, products=products) for products in (PLAIN, SPLIT))
    assert any(isinstance(part, SplitLinear) for part in halves.model.modules())
    (exact,), (of_halves,) = (encoder.encode(["MKWVTFISLLFLFSSAYSRGV"]) for encoder in (plain, halves))
    difference = np.abs(of_halves.received - exact.received).max() / exact.received.max()
    assert 0 < difference < 1e-3


def test_the_linear_layers_of_a_model_are_split_but_not_its_contact_head(tiny_esm):
    encoder = Encoder(find_model(str(tiny_esm)), device="cpu", dtype="float32", theta=0.3, products=SPLIT)
    split_names = {name for name, part in encoder.model.named_modules() if isinstance(part, SplitLinear)}
    assert len(split_names) == 6 * encoder.n_layers
    assert all(".layer." in name for name in split_names)
    assert type(encoder.model.contact_head.regression) is nn.Linear
    weights = encoder.model.encoder.layer[0].attention.self.query.weights
    assert (weights.dtype, weights.shape) == (torch.bfloat16, (32, 3 * 32))
    assert torch.equal(weights, join_weights(split_sum(weights)))


def split_sum(weights: torch.Tensor) -> torch.Tensor:
    """Return the weights that were joined: the sum of their halves, which itself has these halves."""
    high, low, _ = weights.float().chunk(3, dim=1)
    return high + low


@pytest.fixture(scope="module")
def human_sequences(is_thorough):
    sequences = order_sequences(read_proteome(str(HUMAN)).proteins)
    return sequences if is_thorough else sequences[4::50]


def test_sites_by_products_of_halves_are_those_of_plain_float32(weights, human_sequences):
    """On real weights and proteins; with `--thorough` on all 200."""
    plain, halves = (
        Encoder(
            find_model(str(weights)), device=DEVICE.type, dtype="float32", theta=0.3, products=products,
            attention="triton" if DEVICE.type == "cuda" else "tiled",
        )
        for products in (PLAIN, SPLIT)
    )  # fmt: skip
    n_moved, largest = 0, 0.0
    for sequence in human_sequences:
        (exact,), (of_halves,) = plain.encode([sequence]), halves.encode([sequence])
        sites = [set(call_sites(answer.received).positions.tolist()) for answer in (exact, of_halves)]
        n_moved += sites[0] != sites[1]
        scale = exact.received.max(1, keepdims=True)
        largest = max(largest, float((np.abs(of_halves.received - exact.received) / scale).max()))
    print(f"{len(human_sequences)} proteins: {n_moved} with other sites, profiles within {largest:.1e}")
    assert n_moved == 0
    assert largest < 1e-3


@pytest.mark.parametrize(
    ("dtype", "device", "is_exact", "products"),
    [
        ("auto", "cuda", False, SPLIT),
        ("float32", "cuda", False, SPLIT),
        ("auto", "cuda", True, PLAIN),
        ("auto", "cpu", False, PLAIN),
        ("auto", "cpu", True, PLAIN),
        ("bfloat16", "cuda", False, PLAIN),
        ("mixed", "cuda", False, PLAIN),
    ],
)
def test_float32_on_a_gpu_multiplies_halves_unless_it_has_to_be_exact(dtype, device, is_exact, products):
    assert choose_products(choose_dtype(dtype), device=device, is_exact=is_exact) == products


def test_a_gpu_without_products_of_bfloat16_is_refused_with_a_way_out():
    refuse_old_gpu((8, 0), dtype="float32", products=SPLIT)
    refuse_old_gpu((7, 5), dtype="float32", products=PLAIN)
    refuse_old_gpu((7, 0), dtype="mixed", products=PLAIN)
    with pytest.raises(EnvironmentFault, match=r"bfloat16 halves(.|\n)*found:    7\.5(.|\n)*--exact"):
        refuse_old_gpu((7, 5), dtype="float32", products=SPLIT)
    with pytest.raises(EnvironmentFault, match=r"old for bfloat16\.(.|\n)*--dtype mixed"):
        refuse_old_gpu((7, 5), dtype="bfloat16", products=PLAIN)


def test_products_that_are_wrong_are_seen_beside_the_models_own_layers(tiny_esm, monkeypatch):
    forward = SplitLinear.forward
    monkeypatch.setattr(SplitLinear, "forward", lambda self, x: forward(self, x) * 1.2)
    with pytest.raises(EnvironmentFault, match="a difference of"):
        load(tiny_esm, products=SPLIT)
