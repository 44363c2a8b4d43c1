"""What every token receives by the GPU's kernel, in Triton's interpreter, against the tiles of a CPU and float64 NumPy.

Compiled on a GPU with TRITON_INTERPRET=0.
"""

import os

import numpy as np
import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")  # before triton is imported; with 0 the same tests run on a GPU
pytest.importorskip("triton")

import torch
from helpers.triton_interpreter import IS_INTERPRETED, emulated_products

from attlas.pipeline.attention.added_scores import OffsetScores
from attlas.pipeline.attention.definitions import LayerInputs, Pack
from attlas.pipeline.attention.receiving import SUMS, receive_in_rows
from attlas.pipeline.attention.triton_pass import attend_triton, reduce_triton
from attlas.pipeline.attention.triton_receive import receive_triton
from attlas.pipeline.model.precision import SPLIT
from attlas.schema.run import PLAIN

DEVICE = torch.device("cpu" if IS_INTERPRETED else "cuda")
THETA = 0.3

# Keys that nobody reads may overflow. NumPy warns, a GPU does not.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:(overflow|invalid value|All-NaN slice) encountered:RuntimeWarning"),
]


@pytest.fixture(autouse=True, scope="module")
def interpreted_products():
    """Let the interpreter multiply as a GPU does."""
    with emulated_products():
        yield


def draw_inputs(lengths, *, n_key_heads=2, dim=16, dtype=torch.float32, added=None) -> LayerInputs:
    """Return two heads of queries, with keys and values of sequences of so many tokens."""
    generator = torch.Generator().manual_seed(sum(lengths) + dim)
    q, k, v = (torch.randn(n, sum(lengths), dim, generator=generator) * 1.5 for n in (2, n_key_heads, n_key_heads))
    parts = (part.to(DEVICE, dtype) for part in (q, k, v))
    return LayerInputs(*parts, pack=Pack(tuple(lengths), DEVICE), scaling=dim**-0.5, added=added)


def sum_by_definition(inputs: LayerInputs, *, theta: float) -> np.ndarray:
    """Return the SUMS of what each token receives from the residues, (3, H, sum of T), in float64."""
    q, k = (part.double().cpu().numpy() for part in (inputs.q, inputs.k))
    k = np.repeat(k, len(q) // len(k), axis=0)
    received = []
    for tokens in inputs.pack.slices:
        scores = q[:, tokens] @ k[:, tokens].transpose(0, 2, 1) * inputs.scaling
        i, j = np.indices(scores.shape[1:])
        if inputs.added is not None:
            if inputs.added.bias is not None:
                bias = inputs.added.bias.double().cpu().numpy()
                scores += bias[:, (bias.shape[1] - 1) // 2 + j - i]
            hidden = abs(j - i) > (len(i) if inputs.added.window is None else inputs.added.window)
            hidden |= (inputs.added.is_first_hidden & (j == 0)) | (inputs.added.is_last_hidden & (j == j.max()))
            scores[:, hidden] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        rows = (weights / weights.sum(-1, keepdims=True))[:, 1:-1]
        is_edge = rows >= theta
        received.append(np.stack([is_edge.sum(1), (rows * is_edge).sum(1), rows.sum(1)]))
    return np.concatenate(received, axis=2)


def assert_received(inputs: LayerInputs, *, tolerance: float = 2e-5, products: str = PLAIN) -> None:
    output, received = receive_triton(inputs, theta=THETA, products=products)
    assert received.dtype == torch.float32
    assert received.shape == (len(SUMS), *inputs.q.shape[:2])
    expected = sum_by_definition(inputs, theta=THETA)
    np.testing.assert_allclose(received.cpu(), expected, rtol=tolerance, atol=tolerance)
    assert torch.equal(output, reduce_triton(inputs, theta=THETA, products=products).output)
    assert torch.equal(output, attend_triton(inputs, products=products))


@pytest.mark.parametrize("lengths", [(75, 4, 3), pytest.param((200, 63, 64, 65), marks=pytest.mark.thorough)])
def test_the_sums_are_those_of_the_definition(lengths: tuple[int, ...]) -> None:
    assert_received(draw_inputs(lengths))


@pytest.mark.thorough
@pytest.mark.parametrize("dim", [20, 64, 128])
def test_every_head_dimension_gives_them(dim: int) -> None:
    assert_received(draw_inputs((75, 4), dim=dim))


@pytest.mark.thorough
def test_products_of_halves_give_them() -> None:
    assert_received(draw_inputs((75, 4)), products=SPLIT)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_gives_them(dtype: torch.dtype) -> None:
    """Scores of half precision are rounded nowhere: queries and keys are."""
    inputs = draw_inputs((75, 4), dtype=dtype)
    _, received = receive_triton(inputs, theta=THETA)
    np.testing.assert_allclose(received.cpu(), sum_by_definition(inputs, theta=THETA), rtol=1e-4, atol=1e-4)


BIAS = torch.randn(2, 2 * 90 - 1, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "added",
    [
        OffsetScores(BIAS, 20, is_first_hidden=True, is_last_hidden=True),
        pytest.param(OffsetScores(BIAS, None), marks=pytest.mark.thorough),
        pytest.param(OffsetScores(None, 3), marks=pytest.mark.thorough),
        pytest.param(OffsetScores(None, None, is_first_hidden=True), marks=pytest.mark.thorough),
    ],
    ids=["all", "bias", "window", "no begin token"],
)
def test_what_is_added_to_scores_counts(added: OffsetScores) -> None:
    assert_received(draw_inputs((75, 4), n_key_heads=1, added=added))


def test_the_last_layer_needs_no_values_and_gives_the_same_sums() -> None:
    inputs = draw_inputs((30, 5))
    _, received = receive_triton(inputs, theta=THETA)
    without = LayerInputs(inputs.q, inputs.k, None, inputs.pack, inputs.scaling)
    output, same = receive_triton(without, theta=THETA)
    assert output is None
    assert attend_triton(without) is None
    torch.testing.assert_close(same, received)


def test_who_wants_the_weights_is_given_tiles() -> None:
    inputs, shapes = draw_inputs((30, 5)), []
    _, received = receive_triton(inputs, theta=THETA, add_tile=lambda tile, _: shapes.append(tile.shape))
    _, expected = receive_in_rows(inputs, theta=THETA)
    assert shapes == [(2, 30, 30), (2, 5, 5)]
    residues = inputs.pack.residues
    torch.testing.assert_close(received[..., residues], expected[..., residues], rtol=2e-5, atol=2e-5)


@pytest.mark.thorough
def test_a_sequence_gives_the_same_bits_alone_and_in_company() -> None:
    inputs = draw_inputs((3, 70, 131))
    _, together = receive_triton(inputs, theta=THETA)
    for n, tokens in zip(inputs.pack.n_tokens, inputs.pack.slices, strict=True):
        parts = (part[:, tokens] for part in (inputs.q, inputs.k, inputs.v))
        _, alone = receive_triton(LayerInputs(*parts, Pack((n,), DEVICE), inputs.scaling), theta=THETA)
        assert torch.equal(alone, together[:, :, tokens])
