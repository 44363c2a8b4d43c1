"""Part 3: products of matrices at the shapes of 650M, rates of float32 work and errors; attention's two operators."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attlas.pipeline.encoder.products import InputHalves, SplitLinear, join_input, join_weights, multiply_halves
from gpu_parts.settings import Row, Settings
from gpu_parts.workload import Sample, describe_error, measure_s, model_shape, pack_tokens, random_proteins

N_EXACT_ROWS = 64
"""Rows of each product that are compared with float64."""


@dataclass(frozen=True)
class Product:
    """A product of inputs (T, I) and weights (O, I) transposed, in one of several ways."""

    name: str
    multiply: Callable[[], Tensor]


def measure(settings: Settings) -> Iterator[Row]:
    """Yield rate and error of every way to multiply, at each shape of a layer; then those of attention's operators."""
    shape = model_shape(settings)
    n_tokens = pack_tokens(settings)
    width, wide = shape.width, shape.feed_forward
    for n_inputs, n_outputs in ((width, width), (width, 3 * width), (width, wide), (wide, width)):
        torch.manual_seed(0)
        inputs = torch.randn(n_tokens, n_inputs, device=settings.device)
        weights = torch.randn(n_outputs, n_inputs, device=settings.device)
        exact = inputs[:N_EXACT_ROWS].double() @ weights.double().T

        for product in ways_to_multiply(settings, inputs, weights):
            yield measure_product(settings, product, exact, flops=2 * n_tokens * n_inputs * n_outputs) | {
                "inner": n_inputs,
                "outer": n_outputs,
            }
    if settings.device == "cuda":
        yield from measure_attention(settings)


@torch.inference_mode()
def measure_product(settings: Settings, product: Product, exact: Tensor, *, flops: int) -> Row:
    try:
        outputs = product.multiply()[:N_EXACT_ROWS].double()
        seconds = measure_s(settings, lambda: [product.multiply() for _ in range(5)], repeats=3) / 5
    except Exception as error:  # such as an operator that this torch lacks: an answer too
        return {"product": product.name, "outcome": describe_error(error)}
    error = float((outputs - exact).abs().max() / exact.abs().max())
    return {"product": product.name, "TFLOP/s": round(flops / seconds / 1e12, 3), "error": f"{error:.1e}"}


def ways_to_multiply(settings: Settings, inputs: Tensor, weights: Tensor) -> Iterator[Product]:
    """Yield the ways: as users know them, and of halves that were split before, by the compiler, or eagerly."""
    yield Product("plain float32", lambda: inputs @ weights.T)
    if settings.device == "cuda":
        yield Product("TF32", lambda: multiply_tf32(inputs, weights))
    half_inputs, half_weights = inputs.bfloat16(), weights.bfloat16()
    yield Product("bfloat16", lambda: half_inputs @ half_weights.T)

    joined_inputs, joined_weights = join_input(inputs), join_weights(weights)
    yield Product("halves, split before", lambda: multiply_halves(joined_inputs, joined_weights))
    yield Product("halves, split eagerly", lambda: multiply_halves(join_input(inputs), joined_weights))

    linear = nn.Linear(weights.shape[1], weights.shape[0], bias=False, device=settings.device)
    linear.weight = nn.Parameter(weights)
    compiled = torch.compile(
        SplitLinear(linear, InputHalves(1)), backend="aot_eager" if settings.is_tiny else "inductor"
    )
    yield Product("halves, split by compiled code", lambda: compiled(inputs))


@contextmanager
def allowing_tf32() -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def multiply_tf32(inputs: Tensor, weights: Tensor) -> Tensor:
    with allowing_tf32():
        return inputs @ weights.T


@torch.inference_mode()
def measure_attention(settings: Settings) -> Iterator[Row]:
    """Yield the rates of torch's flash attention and of cuDNN's on a pack of variable lengths, bfloat16, with LSE."""
    lengths = [len(sequence) + 2 for sequence in random_proteins(settings, Sample(60, 4000))]
    ends = torch.tensor([0, *lengths], device=settings.device).cumsum(0).int()
    n_tokens, longest, shape = sum(lengths), max(lengths), model_shape(settings)
    n_heads, dim = shape.n_heads, shape.width // shape.n_heads
    q, k, v = torch.randn(3, n_tokens, n_heads, dim, device=settings.device, dtype=torch.bfloat16)
    flops = 4 * n_heads * dim * sum(n * n for n in lengths)

    def flash() -> tuple[Tensor, ...]:
        return torch.ops.aten._flash_attention_forward(
            q, k, v, ends, ends, longest, longest, 0.0, False, False
        )  # fmt: skip

    def cudnn() -> tuple[Tensor, ...]:
        return torch.ops.aten._cudnn_attention_forward(
            q, k, v, None, ends, ends, longest, longest, True, 0.0, False, False
        )  # fmt: skip

    reference = flash()[0].float()
    for name, attend in (("flash attention", flash), ("cuDNN attention", cudnn)):
        try:
            difference = float((attend()[0].float() - reference).abs().max())
            seconds = measure_s(settings, lambda attend=attend: [attend() for _ in range(5)], repeats=3) / 5
        except Exception as error:
            yield {"product": name, "outcome": describe_error(error)}
            continue
        yield {"product": name, "TFLOP/s": round(flops / seconds / 1e12, 1), "error": f"{difference:.1e} from flash"}
