"""The GPU's reduction against float64 NumPy, its kernels run by Triton's interpreter on a CPU."""

import os

import numpy as np
import pytest
from helpers.default_cases import each_nth_by_default

os.environ.setdefault("TRITON_INTERPRET", "1")  # before triton is imported; with 0 the same tests run on a GPU
pytest.importorskip("triton")

import torch
from helpers.oracles import NAMES, received, statistics
from helpers.triton_interpreter import IS_INTERPRETED, emulated_products
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from attlas.pipeline.attention import triton_options, triton_pass
from attlas.pipeline.attention.definitions import STATISTICS, LayerInputs, Pack
from attlas.pipeline.attention.triton_pass import reduce_triton
from attlas.pipeline.model.precision import SPLIT

DEVICE = torch.device("cpu" if IS_INTERPRETED else "cuda")
THETA = 0.3
N_EDGES = STATISTICS.index("n_edges")
ENTROPY = STATISTICS.index("entropy")

# Keys past a sequence's end have sums that may overflow, which nobody reads, and one test has numbers that are none.
# NumPy warns, a GPU does not.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:(overflow|invalid value|All-NaN slice) encountered:RuntimeWarning"),
]


@pytest.fixture(autouse=True, scope="module")
def interpreted_products():
    """Let the interpreter multiply as a GPU does."""
    with emulated_products():
        yield


def random_pack(n_tokens, *, n_heads=2, dim=16, sharpness=1.0, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(n_heads, sum(n_tokens), dim, generator=generator) for _ in range(3))
    return Pack(tuple(n_tokens), DEVICE), *((part).to(DEVICE, dtype) for part in (q * sharpness, k, v))


def maps(q, k, *, scaling):
    scores = np.einsum("htd,hsd->hts", q.double().cpu().numpy(), k.double().cpu().numpy()) * scaling
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def wide(values):
    return values.double().cpu().numpy()


def assert_agrees(reduction, pack, q, k, v, *, scaling, relative=1e-5, output=1e-5):
    assert reduction.heads.dtype == reduction.received.dtype == torch.float32
    assert reduction.heads.shape == (len(pack.n_tokens), len(q), len(STATISTICS))
    assert reduction.received.shape == (sum(pack.n_residues),)
    profiles = reduction.received.split(pack.n_residues)
    for tokens, profile, heads in zip(pack.slices, profiles, wide(reduction.heads), strict=True):
        attention = maps(q[:, tokens], k[:, tokens], scaling=scaling)
        expected = statistics(attention, THETA)
        ideal = received(attention)
        np.testing.assert_allclose(wide(profile), ideal, atol=relative * ideal.max(), rtol=relative)
        for i, name in enumerate(NAMES):
            if name != "n_edges":
                off = np.abs(heads[:, i] - expected[:, i])
                assert (off <= relative * np.maximum(1, expected[:, i])).all(), (name, tokens, off.max())
        assert_edges(heads[:, N_EDGES], attention, relative)
        if v is not None:
            ideal = attention @ wide(v[:, tokens])
            np.testing.assert_allclose(wide(reduction.output[:, tokens]), ideal, atol=output, rtol=output)


def assert_edges(n_edges, attention, relative):
    """The count is exact, but for pairs within a rounding error of the threshold."""
    inner = attention[:, 1:-1, 1:-1]
    assert (n_edges >= (inner >= THETA * (1 + relative)).sum((1, 2))).all()
    assert (n_edges <= (inner >= THETA * (1 - relative)).sum((1, 2))).all()


def test_the_statistics_come_in_the_order_of_the_oracle():
    assert STATISTICS == NAMES


@pytest.mark.parametrize("dim", each_nth_by_default([16, 20, 24, 32, 36, 64, 128], 6))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_every_head_dimension_and_dtype_agrees_with_float64_numpy(dim, dtype):
    pack, q, k, v = random_pack([75, 4], n_heads=1, dim=dim, sharpness=1.5, seed=dim, dtype=dtype)
    attention = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=dim**-0.5), theta=THETA)
    assert attention.output.dtype == dtype
    rounding = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}[dtype]
    assert_agrees(attention, pack, q, k, v, scaling=dim**-0.5, output=rounding)


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float16, marks=pytest.mark.thorough)], ids=str)
def test_sequences_around_the_edges_of_blocks_agree_with_float64_numpy(dtype):
    kept, walked = triton_options.choose_blocks(torch.empty(1, 1, 16, dtype=dtype), "columns")[:2]
    lengths = [3, 4, kept + walked, *(edge + off for edge in (walked, kept) for off in (-1, 0, 1, 2)), 2 * kept + 1]
    pack, q, k, v = random_pack(lengths, n_heads=1, sharpness=1.5, seed=1, dtype=dtype)
    attention = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=THETA)
    assert_agrees(attention, pack, q, k, v, scaling=0.5, output=1e-5 if dtype == torch.float32 else 3e-3)


@pytest.mark.thorough
@settings(max_examples=6, deadline=None)
@given(
    n_tokens=st.lists(st.one_of(st.integers(3, 30), st.integers(3, 200)), min_size=1, max_size=4),
    n_heads=st.sampled_from([1, 3]),
    dim=st.sampled_from([16, 24]),
    sharpness=st.sampled_from([0.01, 0.5, 1.5, 6.0]),
    seed=st.integers(0, 2**31),
)
def test_any_ragged_pack_agrees_with_float64_numpy(n_tokens, n_heads, dim, sharpness, seed):
    pack, q, k, v = random_pack(n_tokens, n_heads=n_heads, dim=dim, sharpness=sharpness, seed=seed)
    attention = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=dim**-0.5), theta=THETA)
    assert_agrees(attention, pack, q, k, v, scaling=dim**-0.5, relative=5e-5, output=1e-4)


@pytest.mark.thorough
def test_a_long_sequence_agrees_with_float64_numpy():
    pack, q, k, v = random_pack([702], n_heads=1, sharpness=2.0, seed=3)
    assert_agrees(
        reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.25), theta=THETA), pack, q, k, v, scaling=0.25
    )


@pytest.mark.thorough
def test_an_attention_along_the_diagonal_agrees_with_float64_numpy():
    """Weights that fall off with distance: every offset class has mass, and so would a mask that is off by one."""
    pack = Pack((150, 40), DEVICE)
    position = torch.cat([torch.arange(n) for n in pack.n_tokens]).double()
    q = torch.stack([position, -0.5 * torch.ones_like(position)], 1)
    k = torch.stack([position, position**2], 1)  # q k = -(i - j)^2 / 2 + i^2 / 2, of which softmax forgets the end
    q, k = (torch.nn.functional.pad(part, (0, 14)).float().to(DEVICE)[None] for part in (q, k))
    for scaling in (1 / 2, 1 / 30, 1 / 500):
        attention = reduce_triton(LayerInputs(q, k, k, pack=pack, scaling=scaling), theta=THETA)
        # Scores of thousands in float32.
        assert_agrees(attention, pack, q, k, None, scaling=scaling, relative=3e-3)


@pytest.mark.thorough
@pytest.mark.parametrize("dim", [16, 20, 64])
def test_products_of_halves_agree_with_float64_numpy(dim):
    """Under the interpreter the products of halves are emulated, three of float32 that hold bfloat16 numbers."""
    pack, q, k, v = random_pack([75, 4], n_heads=1, dim=dim, sharpness=1.5, seed=dim)
    attention = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=dim**-0.5), theta=THETA, products=SPLIT)
    assert_agrees(attention, pack, q, k, v, scaling=dim**-0.5, relative=1e-4, output=1e-4)
    plain = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=dim**-0.5), theta=THETA)
    assert not torch.equal(attention.received, plain.received)


@pytest.mark.thorough
def test_weights_at_scores_of_ten_thousand_are_as_exact_as_the_scores():
    """The scores are whole numbers, which float32 holds exactly, 10,000 to 10,003; their log-sum-exp it does not."""
    pack = Pack((70, 9), DEVICE)
    q, k = torch.zeros(2, 1, sum(pack.n_tokens), 16, device=DEVICE)
    q[..., 0] = k[..., 0] = 100
    q[..., 1], k[..., 1] = 1, torch.arange(sum(pack.n_tokens), device=DEVICE) % 4
    attention = reduce_triton(LayerInputs(q, k, k, pack=pack, scaling=1.0), theta=THETA)
    assert_agrees(attention, pack, q, k, None, scaling=1.0, relative=5e-6)


@pytest.mark.parametrize("magnitude", [50.0, pytest.param(300.0, marks=pytest.mark.thorough)])
def test_extreme_scores_stay_finite_and_right(magnitude):
    """Weights underflow to zero and rows become one-hot: 0 * log 0 and lost maxima would show here."""
    pack, q, k, v = random_pack([140, 9], n_heads=2, sharpness=magnitude, seed=5)
    attention = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA)
    assert torch.isfinite(attention.heads).all()
    assert torch.isfinite(attention.received).all()
    assert (attention.heads[..., STATISTICS.index("max_attention")] <= 1).all()
    # float32 scores of thousands carry an error of 1e-3, which is what the weights then have.
    assert_agrees(attention, pack, q, k, v, scaling=1.0, relative=5e-3, output=2e-2)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_rows_that_see_one_key_only_have_no_entropy_and_no_nan(dtype):
    n_tokens = 70
    pack = Pack((n_tokens,), DEVICE)
    q = k = torch.eye(n_tokens, 128, device=DEVICE, dtype=dtype)[None] * 100
    attention = reduce_triton(LayerInputs(q, k, q, pack=pack, scaling=1.0), theta=THETA)
    expected = dict.fromkeys(STATISTICS, 0.0) | {"self_share": 1, "max_attention": 1, "n_edges": 68}
    expected["received_max_share"] = 1 / 68
    np.testing.assert_allclose(wide(attention.heads)[0, 0], list(expected.values()), atol=1e-6)
    np.testing.assert_allclose(wide(attention.received), 1, atol=1e-6)


def test_a_head_that_sees_only_special_tokens_has_no_share_for_residues():
    q = torch.full((1, 40, 16), 30.0, device=DEVICE)
    k = torch.full((1, 40, 16), -30.0, device=DEVICE)
    k[:, 0] = 30.0
    attention = reduce_triton(LayerInputs(q, k, k, pack=Pack((40,), DEVICE), scaling=1.0), theta=THETA)
    heads = dict(zip(STATISTICS, attention.heads[0, 0].tolist(), strict=True))
    assert heads == dict.fromkeys(STATISTICS, 0.0) | {"cls_share": 1.0}


@pytest.mark.parametrize("n_residues", [1, 2, 64, pytest.param(200, marks=pytest.mark.thorough)])
def test_a_sequence_of_one_repeated_residue_spreads_its_attention_evenly(n_residues):
    n_tokens = n_residues + 2
    pack = Pack((n_tokens,), DEVICE)
    q = torch.ones(2, n_tokens, 16, device=DEVICE)
    attention = reduce_triton(LayerInputs(q, q, q, pack=pack, scaling=1.0), theta=THETA)
    np.testing.assert_allclose(wide(attention.received), n_residues / n_tokens, rtol=1e-5)
    np.testing.assert_allclose(wide(attention.heads[..., ENTROPY]), np.log(n_tokens), rtol=1e-5)
    assert_agrees(attention, pack, q, q, q, scaling=1.0)


@pytest.mark.thorough
def test_the_last_layer_needs_no_values():
    pack, q, k, v = random_pack([70, 131])
    whole = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=THETA)
    attention = reduce_triton(LayerInputs(q, k, None, pack=pack, scaling=0.5), theta=THETA)
    assert attention.output is None
    torch.testing.assert_close(attention.heads, whole.heads)
    torch.testing.assert_close(attention.received, whole.received)


@pytest.mark.thorough
def test_the_same_pack_gives_the_same_bits_and_leaves_its_inputs_as_they_are():
    pack, q, k, v = random_pack([3, 70, 5, 131], sharpness=2.0)
    before = [part.clone() for part in (q, k, v)]
    earlier = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=THETA)
    reduce_triton(LayerInputs(*random_pack([200])[1:], pack=Pack((200,), DEVICE), scaling=0.5), theta=THETA)
    again = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=THETA)
    for values, other in (
        (earlier.output, again.output),
        (earlier.heads, again.heads),
        (earlier.received, again.received),
    ):
        assert torch.equal(values, other)
    assert all(torch.equal(values, other) for values, other in zip((q, k, v), before, strict=True))


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_sequence_gives_the_same_bits_alone_and_in_company(dtype):
    pack, q, k, v = random_pack([3, 70, 5, 131], sharpness=2.0, dtype=dtype)
    together = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=THETA)
    profiles = together.received.split(pack.n_residues)
    for n, tokens, profile, heads in zip(pack.n_tokens, pack.slices, profiles, together.heads, strict=True):
        part = (q[:, tokens], k[:, tokens], v[:, tokens])
        alone = reduce_triton(LayerInputs(*part, pack=Pack((n,), DEVICE), scaling=0.5), theta=THETA)
        assert torch.equal(alone.heads[0], heads)
        assert torch.equal(alone.received, profile)
        assert torch.equal(alone.output, together.output[:, tokens])


@pytest.mark.thorough
@pytest.mark.parametrize("poison", [float("inf"), float("nan")])
def test_an_overflow_spoils_its_own_sequence_and_no_other(poison):
    pack, q, k, v = random_pack([70, 40, 66])
    clean = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=THETA)
    for part in (q, k, v):
        part[:, 75] = poison
    attention = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=THETA)
    assert not torch.isfinite(attention.heads[1]).any()
    assert torch.equal(attention.heads[[0, 2]], clean.heads[[0, 2]])
    assert torch.equal(attention.received[:68], clean.received[:68])
    assert torch.equal(attention.received[106:], clean.received[106:])


@pytest.mark.thorough
@pytest.mark.parametrize("error", [0.02, np.log(2), -np.log(2)])
def test_rows_that_do_not_sum_to_one_leave_no_number_behind(monkeypatch, error):
    pack, q, k, v = random_pack([40, 70])
    softmax = triton_pass._compute_softmax

    def wrong(*arguments, **options):
        result = softmax(*arguments, **options)
        result.mass[0, :40] += error / np.log(2)  # one head of one sequence
        return result

    monkeypatch.setattr(triton_pass, "_compute_softmax", wrong)
    heads = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=THETA).heads
    assert torch.isnan(heads[0, 0]).all()
    assert torch.isfinite(heads[0, 1]).all()
    assert torch.isfinite(heads[1]).all()


@pytest.mark.thorough
def test_rows_that_are_off_by_rounding_keep_their_weights_below_one(monkeypatch):
    q = torch.eye(70, 128, device=DEVICE)[None] * 100
    softmax = triton_pass._compute_softmax

    def rounded(*arguments, **options):
        result = softmax(*arguments, **options)
        return result._replace(mass=result.mass - 5e-3)

    monkeypatch.setattr(triton_pass, "_compute_softmax", rounded)
    heads = reduce_triton(LayerInputs(q, q, None, pack=Pack((70,), DEVICE), scaling=1.0), theta=THETA).heads
    assert heads[0, 0, STATISTICS.index("max_attention")] == 1
    assert heads[0, 0, ENTROPY] == 0


def log_sum_exp(q, k, pack):
    softmax = triton_pass._compute_softmax(LayerInputs(q, k, None, pack=pack, scaling=1.0))
    return softmax.mass * np.log(2) - softmax.shift


@pytest.mark.thorough
def test_column_sums_are_the_softmax_masses_of_the_transposed_call():
    """No map at all: exp(log-sum-exp over rows of score - lse) is the sum of a column. q and k change places, and
    -lse rides along as one more dimension. The first pass so checks the second."""
    pack, q, k, _ = random_pack([3, 70, 131], n_heads=3)
    lse = log_sum_exp(q, k, pack)
    ones = torch.ones_like(lse)[..., None]
    transposed = (torch.cat([k, ones], 2), torch.cat([q, -lse[..., None]], 2))
    log_columns = log_sum_exp(*map(triton_pass._widen, transposed), pack)
    ends = torch.cat([pack.offsets[:-1], pack.offsets[1:] - 1]).tolist()
    columns = log_columns.exp()
    for tokens in pack.slices:  # those rows that no statistic counts
        for i in (i for i in ends if tokens.start <= i < tokens.stop):
            columns[:, tokens] -= ((q[:, i, None] * k[:, tokens]).sum(-1) - lse[:, i, None]).exp()
    attention = reduce_triton(LayerInputs(q, k, None, pack=pack, scaling=1.0), theta=THETA)
    torch.testing.assert_close(attention.received, columns.mean(0)[pack.residues], rtol=1e-4, atol=1e-5)


@pytest.mark.thorough
def test_views_in_any_layout_are_read_right():
    pack, q, k, v = random_pack([70, 9], dim=32)
    plain = reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=THETA)
    fused = torch.stack([q, k, v], 2).permute(1, 2, 0, 3).contiguous()  # (T, 3, H, D), as one projection gives it
    tokens_first = [part.transpose(0, 1) for part in fused.unbind(1)]
    dims_first = [part.transpose(1, 2).contiguous().transpose(1, 2) for part in (q, k, v)]
    for views in (tokens_first, dims_first, [q, tokens_first[1], dims_first[2]], [tokens_first[0], k, v]):
        attention = reduce_triton(LayerInputs(*views, pack=pack, scaling=0.5), theta=THETA)
        assert torch.equal(attention.heads, plain.heads)
        assert torch.equal(attention.received, plain.received)
        assert torch.equal(attention.output, plain.output)


def test_the_threshold_counts_edges_from_itself_on():
    """Two keys of equal score share a row: weights of exactly one half, or one fourth with four."""
    q = torch.zeros(1, 4, 16, device=DEVICE)
    for theta, n_edges in ((0.25, 4), (np.nextafter(np.float32(0.25), np.float32(1)).item(), 0), (0.2, 4)):
        attention = reduce_triton(LayerInputs(q, q, q, pack=Pack((4,), DEVICE), scaling=1.0), theta=theta)
        assert attention.heads[0, 0, N_EDGES] == n_edges


@pytest.mark.parametrize(("dtype", "dim"), [(torch.float64, 16), (torch.float32, 129)])
def test_what_the_kernels_do_not_take_is_refused_by_name(dtype, dim):
    q = torch.zeros(1, 5, dim, dtype=dtype, device=DEVICE)
    with pytest.raises(ValueError, match=rf"float16 and head dimensions up to 128, found {dtype} and {dim}"):
        reduce_triton(LayerInputs(q, q, q, pack=Pack((5,), DEVICE), scaling=1.0), theta=THETA)


def test_flash_attention_is_called_as_it_wants_to_be(monkeypatch):
    """With tensors that have shapes and no memory, for want of a GPU: torch checks the call, not the numbers."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    with FakeTensorMode():
        device = torch.device("cuda")
        q = torch.empty(75, 20, 64, dtype=torch.bfloat16, device=device).transpose(0, 1)
        pack = Pack((70, 5), device)
        pack.__dict__["offsets"] = torch.empty(3, dtype=torch.int32, device=device)
        softmax = triton_pass._compute_softmax(LayerInputs(q, q, q, pack=pack, scaling=1.0))
    assert softmax.output.shape == (20, 75, 64)
    assert softmax.output.dtype == torch.bfloat16
    assert softmax.shift.shape == (20, 75)
    assert softmax.shift.dtype == torch.float32
    assert softmax.mass is None
