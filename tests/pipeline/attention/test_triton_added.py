"""What the GPU's kernels add to scores, against float64 NumPy: a bias by j - i, windows, hidden ends, shared key heads.

They run in Triton's interpreter on a CPU, and compiled on a GPU with TRITON_INTERPRET=0.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")  # before triton is imported; with 0 the same tests run on a GPU
pytest.importorskip("triton")

import torch
from helpers.architectures import ARCHITECTURES, load
from helpers.oracles import NAMES, received, statistics
from helpers.triton_interpreter import IS_INTERPRETED, emulated_products
from helpers.verdicts import SEQUENCES, measure_difference
from hypothesis import given, settings
from hypothesis import strategies as st

from attlas.pipeline.attention import triton_options
from attlas.pipeline.attention.added_scores import MapScores, OffsetScores
from attlas.pipeline.attention.definitions import LayerInputs, Pack, PackAttention
from attlas.pipeline.attention.triton_pass import reduce_triton
from attlas.pipeline.encoder import guard
from attlas.pipeline.model.precision import SPLIT
from attlas.schema.run import PLAIN

DEVICE = torch.device("cpu" if IS_INTERPRETED else "cuda")
THETA = 0.2
SCALING = 0.5

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


@dataclass(frozen=True)
class Case:
    """A pack with random queries, keys and values, and what is added to its scores."""

    lengths: tuple[int, ...]
    n_key_heads: int = 2
    n_biases: int = 0
    """Heads of the bias: 0 for none, 1 for one that all heads share."""
    window: int | None = None
    ends: tuple[bool, bool] = (False, False)
    n_heads: int = 2
    beyond: int = 5
    """Offsets that the bias has beyond the longest sequence."""
    dtype: torch.dtype = torch.float32
    products: str = PLAIN
    has_values: bool = True

    def make_parts(self) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(sum(self.lengths))
        n_heads = (self.n_heads, self.n_key_heads, self.n_key_heads)
        parts = [torch.randn(n, sum(self.lengths), 16, generator=generator) for n in n_heads]
        return [(part * 1.5).to(DEVICE, self.dtype) for part in parts]

    def make_bias(self) -> torch.Tensor | None:
        reach = max(self.lengths) + self.beyond
        generator = torch.Generator().manual_seed(1)
        return 2 * torch.randn(self.n_biases, 2 * reach - 1, generator=generator) if self.n_biases else None

    def reduce(self) -> PackAttention:
        q, k, v = self.make_parts()
        bias = self.make_bias()
        added = OffsetScores(None if bias is None else bias.to(DEVICE), self.window, *self.ends)
        inputs = LayerInputs(q, k, v if self.has_values else None, Pack(self.lengths, DEVICE), SCALING, added)
        return reduce_triton(inputs, theta=THETA, products=self.products)

    def expected_map(self, q: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Return the map of one sequence, (H, T, T), from its queries and keys, every pair looked up by itself."""
        k = np.repeat(k, self.n_heads // self.n_key_heads, axis=0)
        scores = q @ k.transpose(0, 2, 1) * SCALING
        i, j = np.indices(scores.shape[1:])
        bias = self.make_bias()
        if bias is not None:
            scores += bias.double().numpy()[:, (bias.shape[1] - 1) // 2 + j - i]
        hidden = np.zeros_like(i, dtype=bool) if self.window is None else abs(j - i) > self.window
        hidden |= (self.ends[0] & (j == 0)) | (self.ends[1] & (j == j.max()))
        weights = np.where(hidden, 0, np.exp(scores - np.where(hidden, -np.inf, scores).max(-1, keepdims=True)))
        return weights / weights.sum(-1, keepdims=True)


def wide(values: torch.Tensor) -> np.ndarray:
    return values.double().cpu().numpy()


def assert_agrees(case: Case, *, relative: float = 1e-5, output: float = 1e-5) -> None:
    reduction = case.reduce()
    q, k, v = map(wide, case.make_parts())
    v = np.repeat(v, case.n_heads // case.n_key_heads, axis=0)
    pack = Pack(case.lengths, DEVICE)
    for tokens, profile, heads in zip(
        pack.slices, reduction.received.split(pack.n_residues), reduction.heads, strict=True
    ):
        attention = case.expected_map(q[:, tokens], k[:, tokens])
        profiles = received(attention)
        np.testing.assert_allclose(wide(profile), profiles, atol=relative * profiles.max(), rtol=relative)
        difference = np.abs(wide(heads) - statistics(attention, THETA)) / np.maximum(1, statistics(attention, THETA))
        edges = np.array(NAMES) == "n_edges"
        assert difference[:, ~edges].max() <= relative, dict(zip(NAMES, difference.max(0), strict=True))
        near = (np.abs(attention[:, 1:-1, 1:-1] - THETA) <= relative).sum((1, 2))
        assert (np.abs(wide(heads) - statistics(attention, THETA))[:, edges][:, 0] <= near).all()
        if case.has_values:
            # The filler in place of a token is no query that anybody reads.
            rows = slice(int(case.ends[0]), attention.shape[1] - int(case.ends[1]))
            expected = (attention @ v[:, tokens])[:, rows]
            np.testing.assert_allclose(wide(reduction.output[:, tokens][:, rows]), expected, atol=output, rtol=output)


CASES = {
    "a little of everything": Case((67, 3), n_key_heads=1, n_biases=2, window=9, ends=(True, True)),
    "a bias of every head": Case((70, 3, 33), n_biases=2),
    "one bias for all heads": Case((66,), n_biases=1, beyond=0),
    "a window": Case((150, 3, 33), window=8),
    "a window of one": Case((70, 4), window=1),
    "a window beyond the sequence": Case((70,), window=100),
    "no begin token": Case((70, 3, 65), ends=(True, False)),
    "neither end": Case((66, 3), ends=(True, True)),
    "shared key heads": Case((70, 5), n_heads=4),
    "one key head": Case((40,), n_heads=3, n_key_heads=1),
    "everything": Case((131, 3, 34), n_heads=4, n_biases=4, window=20, ends=(True, True)),
    "products of halves": Case((70, 5), n_biases=2, window=9, ends=(True, False), products=SPLIT),
}


# One program of the interpreter takes a tenth of a second.
@pytest.mark.parametrize(
    "name", [next(iter(CASES)), *(pytest.param(name, marks=pytest.mark.thorough) for name in [*CASES][1:])]
)
def test_what_is_added_agrees_with_float64_numpy(name: str) -> None:
    of_halves = CASES[name].products == SPLIT
    assert_agrees(CASES[name], relative=2e-4 if of_halves else 1e-5, output=1e-3 if of_halves else 1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_what_is_added_in_half_precision_agrees_with_float64_numpy(dtype: torch.dtype) -> None:
    case = Case((150, 5), n_heads=4, n_biases=1, window=30, ends=(False, True), dtype=dtype)
    assert_agrees(case, output=4e-2 if dtype == torch.bfloat16 else 5e-3)


@pytest.mark.thorough
@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.one_of(st.integers(3, 30), st.integers(3, 200)), min_size=1, max_size=3).map(tuple),
    n_key_heads=st.sampled_from([1, 2, 4]),
    n_biases=st.sampled_from([0, 1, 4]),
    window=st.one_of(st.none(), st.integers(1, 210)),
    ends=st.tuples(st.booleans(), st.booleans()),
    beyond=st.integers(0, 20),
    has_values=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_any_pack_with_anything_added_agrees_with_float64_numpy(**options: object) -> None:
    case = Case(n_heads=4, **options)  # type: ignore[arg-type]
    assert_agrees(case, relative=5e-5, output=1e-4 if case.dtype == torch.float32 else 5e-2)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["a window", "everything"])
def test_a_sequence_gives_the_same_bits_alone_and_in_company(name: str) -> None:
    together = CASES[name].reduce()
    pack = Pack(CASES[name].lengths, DEVICE)
    q, k, v = CASES[name].make_parts()
    bias = CASES[name].make_bias()
    added = OffsetScores(None if bias is None else bias.to(DEVICE), CASES[name].window, *CASES[name].ends)
    for n, tokens, profile, heads in zip(
        pack.n_tokens, pack.slices, together.received.split(pack.n_residues), together.heads, strict=True
    ):
        parts = (part[:, tokens] for part in (q, k, v))
        alone = reduce_triton(LayerInputs(*parts, Pack((n,), DEVICE), SCALING, added), theta=THETA)
        assert torch.equal(alone.heads[0], heads)
        assert torch.equal(alone.received, profile)
        assert torch.equal(alone.output, together.output[:, tokens])


@pytest.mark.thorough
def test_tiles_outside_of_a_window_are_not_read() -> None:
    """Numbers that are none, beyond the window of every residue that is looked at."""
    q, k, v = Case((600,), window=20).make_parts()
    for part in (q, k, v):
        part[:, 300:] = torch.nan
    added = OffsetScores(window=20)
    reduction = reduce_triton(
        LayerInputs(q, k, v, pack=Pack((600,), DEVICE), scaling=SCALING, added=added), theta=THETA
    )
    assert torch.isfinite(reduction.received[:190]).all()
    assert torch.isfinite(reduction.output[:, :190]).all()
    assert torch.isnan(reduction.received[300:]).all()


@pytest.mark.thorough
def test_shared_key_heads_give_the_bits_of_repeated_ones() -> None:
    q, k, v = Case((70, 5), n_heads=4).make_parts()
    inputs = LayerInputs(q, k, v, Pack((70, 5), DEVICE), SCALING)
    shared = reduce_triton(inputs, theta=THETA)
    of_every_head = replace(inputs, k=k.repeat_interleave(2, 0), v=v.repeat_interleave(2, 0))
    repeated = reduce_triton(of_every_head, theta=THETA)
    assert torch.equal(shared.heads, repeated.heads)
    assert torch.equal(shared.received, repeated.received)
    assert torch.equal(shared.output, repeated.output)


def test_what_the_kernels_do_not_add_is_refused_by_name() -> None:
    q, k, v = Case((9,)).make_parts()
    inputs = LayerInputs(q, k, v, Pack((9,), DEVICE), SCALING)
    with pytest.raises(ValueError, match="depends on j - i alone"):
        reduce_triton(replace(inputs, added=MapScores(torch.full((2, 9, 9), 1 / 9))), theta=THETA)
    with pytest.raises(ValueError, match="offsets up to 4 does not reach a sequence of 9 tokens"):
        reduce_triton(replace(inputs, added=OffsetScores(torch.zeros(2, 9))), theta=THETA)


def test_a_bias_reaches_as_far_as_any_tile_does() -> None:
    """Every load of the kernels is within the bias with its margins, which the interpreter would not notice."""
    for longest in (3, 64, 65, 129):
        for kept, walked in ((64, 32), (128, 64), (128, 32), (32, 16)):
            padded, center = triton_options._prepare_bias(torch.arange(2.0 * longest - 1)[None], longest, margin=kept)
            end = -(-longest // kept) * kept  # of the last tile
            last_walk = -(-longest // walked) * walked
            places = [center + j - i for i in (0, end - 1) for j in (0, last_walk - 1)]
            places += [center + j - i for j in (0, end - 1) for i in (0, last_walk - 1)]
            assert 0 <= min(places) <= max(places) < padded.shape[1]
            assert padded[0, center] == longest - 1


MODELS = ["T5", "ModernBERT", "EuroBERT with key heads shared", "BERT without a begin token"]


@pytest.mark.thorough
@pytest.mark.parametrize("name", MODELS)
def test_a_whole_model_agrees_with_its_own_eager_attention(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting in ("N_KNOWN_RESIDUES", "N_BEYOND_WINDOW", "N_NEIGHBOUR_RESIDUES"):
        monkeypatch.setattr(guard, setting, 20)  # the interpreter is slow
    directory = next(architecture for architecture in ARCHITECTURES if architecture.name == name).save(tmp_path)
    encoder = load(directory, device=DEVICE.type, attention="triton")
    assert measure_difference(directory, encoder, SEQUENCES) < 2e-5
