"""The reductions: the plain path against float64 NumPy, the tiled path against the plain one."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.oracles import NAMES, received, statistics
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attlas.pipeline.attention import tiles
from attlas.pipeline.attention.definitions import STATISTICS, LayerInputs, Pack, PackAttention, reduce_plain
from attlas.pipeline.attention.tiled import reduce_tiled

THETA = 0.3
N_EDGES = STATISTICS.index("n_edges")


def random_layer(n_tokens, *, n_heads=4, dim=8, sharpness=1.0, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(n_heads, n_tokens, dim, generator=generator) for _ in range(3))
    return (q * sharpness).to(dtype), k.to(dtype), v.to(dtype)


def maps(q, k, *, scaling):
    scores = np.einsum("htd,hsd->hts", q.double().numpy(), k.double().numpy()) * scaling
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def alone(reduce, q, k, v, *, scaling=1.0):
    """Reduce one sequence, a pack of its own: output (H, T, D), received (N,), heads (H, S)."""
    answer = reduce(LayerInputs(q, k, v, pack=Pack((q.shape[1],), q.device), scaling=scaling), theta=THETA)
    return replace(answer, heads=answer.heads[0])


def assert_agrees(reduction: PackAttention, q, k, v, *, scaling, relative=1e-5):
    attention = maps(q, k, scaling=scaling)
    expected = statistics(attention, THETA)
    np.testing.assert_allclose(reduction.output.double().numpy(), attention @ v.double().numpy(), atol=2e-4, rtol=1e-4)
    profile = received(attention)
    np.testing.assert_allclose(reduction.received.double().numpy(), profile, atol=relative * profile.max())
    for i, name in enumerate(STATISTICS):
        if name == "n_edges":
            continue
        difference = np.abs(reduction.heads[:, i].double().numpy() - expected[:, i])
        assert (difference <= relative * np.maximum(1, np.abs(expected[:, i]))).all(), (name, difference.max())
    assert_edges(reduction.heads[:, N_EDGES].numpy(), attention)


def assert_edges(n_edges, attention):
    """The count is exact, but for pairs within a rounding error of the threshold."""
    inner = attention[:, 1:-1, 1:-1]
    assert (n_edges >= (inner >= THETA * (1 + 1e-5)).sum((1, 2))).all()
    assert (n_edges <= (inner >= THETA * (1 - 1e-5)).sum((1, 2))).all()


def test_the_statistics_of_both_paths_and_of_the_table_are_the_same_in_the_same_order():
    from attlas.schema import HEADS

    assert STATISTICS == NAMES
    assert tuple(column.name for column in HEADS.columns[4:]) == STATISTICS


@pytest.mark.parametrize("n_tokens", [3, 4, 5, 12, 25, 60])
@pytest.mark.parametrize("sharpness", [0.1, 1.0, 4.0])
def test_the_plain_path_agrees_with_float64_numpy(n_tokens, sharpness):
    q, k, v = random_layer(n_tokens, sharpness=sharpness, dtype=torch.float64)
    assert_agrees(alone(reduce_plain, q, k, v, scaling=0.5), q, k, v, scaling=0.5, relative=1e-12)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n_residues=st.one_of(st.integers(1, 90), st.sampled_from([63, 64, 65, 127, 128, 129, 191, 193])),
    n_heads=st.sampled_from([1, 2, 3, 20]),
    dim=st.sampled_from([16, 24, 32, 64]),
    sharpness=st.sampled_from([0.01, 0.5, 1.5, 6.0]),
    tile_elements=st.sampled_from([64, 500, 5_000, 1 << 20]),
    seed=st.integers(0, 2**31),
)
def test_the_tiled_path_agrees_with_float64_numpy_whatever_the_tile(
    monkeypatch, n_residues, n_heads, dim, sharpness, tile_elements, seed
):
    monkeypatch.setattr(tiles, "TILE_ELEMENTS", tile_elements)
    q, k, v = random_layer(n_residues + 2, n_heads=n_heads, dim=dim, sharpness=sharpness, seed=seed)
    scaling = dim**-0.5
    assert_agrees(alone(reduce_tiled, q, k, v, scaling=scaling), q, k, v, scaling=scaling, relative=5e-5)


@pytest.mark.parametrize("n_residues", [1, 2, 64, 500])
def test_a_sequence_of_one_repeated_residue_spreads_its_attention_evenly(n_residues):
    n_tokens = n_residues + 2
    q = k = torch.ones(2, n_tokens, 16)
    v = torch.randn(2, n_tokens, 16, generator=torch.Generator().manual_seed(1))
    reduction = alone(reduce_tiled, q, k, v, scaling=1.0)
    torch.testing.assert_close(reduction.received, torch.full((n_residues,), n_residues / n_tokens))
    entropy = reduction.heads[:, STATISTICS.index("entropy")]
    torch.testing.assert_close(entropy, torch.full((2,), float(np.log(n_tokens))), atol=1e-4, rtol=0)


@pytest.mark.parametrize("magnitude", [50.0, 300.0])
def test_extreme_scores_stay_finite_and_right(magnitude):
    """Weights underflow to zero and rows become one-hot: 0 * log 0 and lost maxima would show here."""
    q, k, v = random_layer(140, n_heads=3, dim=16, sharpness=magnitude, seed=5)
    reduction = alone(reduce_tiled, q, k, v, scaling=1.0)
    assert torch.isfinite(reduction.heads).all()
    assert torch.isfinite(reduction.received).all()
    expected = statistics(maps(q, k, scaling=1.0), THETA)
    # float32 scores of thousands carry an error of 1e-3, which is what the weights then have.
    np.testing.assert_allclose(reduction.heads.double().numpy(), expected, rtol=5e-3, atol=5e-3)


def test_a_head_that_sees_only_special_tokens_has_no_share_for_residues():
    q = torch.ones(1, 40, 4) * 30
    k = torch.full((1, 40, 4), -30.0)
    k[:, 0] = 30.0
    v = torch.randn(1, 40, 4, generator=torch.Generator().manual_seed(2))
    for reduce in (reduce_plain, reduce_tiled):
        heads = dict(zip(STATISTICS, alone(reduce, q, k, v).heads[0].tolist(), strict=True))
        assert heads["cls_share"] == pytest.approx(1.0)
        assert heads["received_max_share"] == 0.0
        assert heads["entropy"] == pytest.approx(0.0, abs=1e-4)


def test_shares_of_a_head_sum_to_one():
    q, k, v = random_layer(300, n_heads=20, dim=16, seed=3)
    heads = alone(reduce_tiled, q, k, v, scaling=1.0).heads
    columns = dict(zip(STATISTICS, heads.unbind(1), strict=True))
    attention = maps(q, k, scaling=1.0)
    near = sum(np.stack([np.trace(head[1:-1, 1:-1], offset=offset) for head in attention]) for offset in range(-5, 6))
    total = columns["cls_share"] + columns["eos_share"] + columns["beyond6_share"] + torch.from_numpy(near / 298)
    np.testing.assert_allclose(total.numpy(), 1.0, atol=1e-5)


def test_half_precision_inputs_are_reduced_in_float32():
    q, k, v = random_layer(90, dtype=torch.bfloat16, seed=7)
    reduction = alone(reduce_tiled, q, k, v, scaling=0.25)
    assert reduction.output.dtype == torch.bfloat16
    assert reduction.heads.dtype == reduction.received.dtype == torch.float32
    wide = alone(reduce_plain, q.double(), k.double(), v.double(), scaling=0.25)
    torch.testing.assert_close(reduction.heads.double(), wide.heads, atol=1e-4, rtol=1e-4)


def test_the_tiled_path_leaves_its_inputs_as_they_are():
    q, k, v = random_layer(77)
    before = [part.clone() for part in (q, k, v)]
    alone(reduce_tiled, q, k, v, scaling=1.0)
    assert all(torch.equal(a, b) for a, b in zip((q, k, v), before, strict=True))


def test_the_tiled_path_gives_the_same_bits_again_after_other_lengths():
    """Buffers are kept between calls: what a longer sequence left in them must not show."""
    short = random_layer(50, n_heads=20, seed=1)
    earlier = alone(reduce_tiled, *short, scaling=1.0)
    alone(reduce_tiled, *random_layer(700, n_heads=20, sharpness=5, seed=2), scaling=1.0)
    again = alone(reduce_tiled, *short, scaling=1.0)
    assert torch.equal(earlier.heads, again.heads)
    assert torch.equal(earlier.received, again.received)


@given(n_heads=st.integers(1, 64), n_tokens=st.integers(3, 70_000))
def test_tiles_keep_to_their_size(n_heads, n_tokens):
    group, n_rows = tiles.choose_tile_shape(n_heads, n_tokens)
    assert 1 <= group <= n_heads
    assert 1 <= n_rows <= tiles.MAX_TILE_ROWS
    assert group * n_rows * n_tokens <= max(tiles.TILE_ELEMENTS, n_tokens)
    assert tiles.count_buffer_elements(n_heads, n_tokens) >= group * n_rows * n_tokens


def test_threads_change_no_bit():
    layer = random_layer(150, n_heads=5, seed=9)
    alone_answer = in_threads(1, lambda: alone(reduce_tiled, *layer))
    shared_answer = in_threads(2, lambda: alone(reduce_tiled, *layer))
    assert torch.equal(alone_answer.heads, shared_answer.heads)
    assert torch.equal(alone_answer.received, shared_answer.received)


def in_threads(n, compute):
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        return compute()
    finally:
        torch.set_num_threads(before)


def test_scores_that_are_no_numbers_come_out_as_such():
    """LLVM may sum in any order, but a NaN or an infinity in one score must not become a quiet weight of zero."""
    for bad in (float("nan"), float("inf")):
        q, k, v = random_layer(60, n_heads=2)
        q[1, 30, 0] = bad
        reduction = alone(reduce_tiled, q, k, v)
        assert torch.isfinite(reduction.heads[0]).all()
        assert not torch.isfinite(reduction.heads[1]).all(), bad


def test_without_values_the_statistics_are_the_same_and_there_is_no_output():
    q, k, v = random_layer(80)
    for reduce in (reduce_plain, reduce_tiled):
        whole, without = alone(reduce, q, k, v), alone(reduce, q, k, None)
        assert without.output is None
        assert torch.equal(whole.heads, without.heads)
        assert torch.equal(whole.received, without.received)


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(3, 150), min_size=1, max_size=6), seed=st.integers(0, 2**31))
def test_a_ragged_pack_gives_each_sequence_its_own_answer(lengths, seed):
    q, k, v = random_layer(sum(lengths), n_heads=3, seed=seed)
    pack = Pack(tuple(lengths), q.device)
    together = reduce_tiled(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=THETA)
    received = together.received.split(pack.n_residues)
    for i, tokens in enumerate(pack.slices):
        by_itself = alone(reduce_tiled, q[:, tokens], k[:, tokens], v[:, tokens], scaling=0.5)
        torch.testing.assert_close(together.heads[i], by_itself.heads)
        torch.testing.assert_close(received[i], by_itself.received)
        torch.testing.assert_close(together.output[:, tokens], by_itself.output)


@pytest.mark.thorough
def test_the_loop_is_compiled_also_where_nothing_can_be_kept_on_disk():
    environment = os.environ | {"NUMBA_CACHE_LOCATOR_CLASSES": "IPythonCacheLocator"}
    code = "from attlas.pipeline.attention.row_groups import reduce_heads; print(type(reduce_heads._cache).__name__)"
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "NullCache"
