"""What is added to scores before the softmax: tables by j - i, windows, hidden ends, whole maps. Tile by tile."""

import numpy as np
import pytest
import torch
from helpers.oracles import received, statistics
from helpers.packed_layer import draw_layer, pack_layer
from hypothesis import given, settings
from hypothesis import strategies as st

from attlas.pipeline.attention.added_scores import HIDDEN, MapScores, OffsetScores
from attlas.pipeline.attention.attending import attend_in_rows
from attlas.pipeline.attention.definitions import reduce_plain
from attlas.pipeline.attention.tiled import reduce_tiled
from attlas.pipeline.attention.tiles import Tile

N_HEADS, THETA = 3, 0.2
REDUCTIONS = [reduce_plain, reduce_tiled]


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def expected_map(
    q: torch.Tensor, k: torch.Tensor, table: np.ndarray, window: int | None, *, hides_first: bool, hides_last: bool
) -> np.ndarray:
    """Return the map of one sequence, (H, T, T) float64, with every pair looked up by itself."""
    scores = q.double().numpy() @ k.double().numpy().transpose(0, 2, 1) * 0.5
    n_tokens, reach = scores.shape[1], (table.shape[1] + 1) // 2
    for i in range(n_tokens):
        for j in range(n_tokens):
            scores[:, i, j] += table[:, reach - 1 + j - i]
            is_hidden = (window is not None and abs(j - i) > window) or (hides_first and j == 0)
            if is_hidden or (hides_last and j == n_tokens - 1):
                scores[:, i, j] = -1e6
    return softmax(scores)


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize(
    ("window", "hides_first", "hides_last"),
    [(None, False, False), (5, False, False), (None, True, True), (7, True, False)],
)
def test_a_pack_with_a_table_a_window_and_hidden_ends_is_reduced_as_by_float64(
    reduce, window, hides_first, hides_last, monkeypatch
):
    monkeypatch.setattr(
        "attlas.pipeline.attention.tiles.TILE_ELEMENTS", 300
    )  # several tiles of rows and heads for each sequence
    lengths, reach = (31, 9, 40), 64
    q, k, v = draw_layer(sum(lengths), 0)
    bias = torch.randn(N_HEADS, 2 * reach - 1, generator=torch.Generator().manual_seed(1))
    added = OffsetScores(bias, window, hides_first, hides_last)
    inputs = pack_layer(q, k, v, lengths, scaling=0.5, added=added)

    layer = reduce(inputs, theta=THETA)
    profiles = torch.split(layer.received, inputs.pack.n_residues)
    for tokens, profile, heads in zip(inputs.pack.slices, profiles, layer.heads, strict=True):
        attention = expected_map(
            q[:, tokens], k[:, tokens], bias.double().numpy(), window, hides_first=hides_first, hides_last=hides_last
        )
        np.testing.assert_allclose(profile, received(attention), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(heads, statistics(attention, THETA), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            layer.output[:, tokens], attention @ v[:, tokens].double().numpy(), rtol=1e-4, atol=1e-5
        )


def test_tiles_in_rows_of_any_device_add_the_same():
    q, k, v = draw_layer(50, 0)
    added = OffsetScores(torch.randn(N_HEADS, 99, generator=torch.Generator().manual_seed(1)), is_first_hidden=True)
    output = attend_in_rows(pack_layer(q, k, v, [20, 30], scaling=0.5, added=added), add=lambda tile, at: None)
    plain = reduce_plain(pack_layer(q, k, v, [20, 30], scaling=0.5, added=added), theta=THETA)
    torch.testing.assert_close(output, plain.output)


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_a_whole_map_with_zeros_is_reduced_to_what_it_holds(reduce):
    attention = softmax(np.random.default_rng(1).normal(scale=3, size=(N_HEADS, 42, 42)))
    attention[:, :, 0] = 0
    attention /= attention.sum(-1, keepdims=True)
    nothing = torch.empty(N_HEADS, 42, 0)
    added = MapScores(torch.from_numpy(attention))
    layer = reduce(
        pack_layer(nothing, nothing, None, [42], added=added),
        theta=THETA,
    )
    np.testing.assert_allclose(layer.received, received(attention), rtol=1e-5)
    np.testing.assert_allclose(layer.heads[0], statistics(attention, THETA), rtol=1e-5, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 30), st.integers(0, 10), st.data())
def test_any_rows_of_a_tile_hold_the_number_of_their_offset(n_tokens, beyond, data):
    reach = n_tokens + beyond
    first_row = data.draw(st.integers(0, n_tokens - 1))
    n_rows = data.draw(st.integers(1, n_tokens - first_row))
    table = torch.arange(2 * reach - 1, dtype=torch.float32)[None] + torch.tensor([[0.0], [1000.0]])
    cut = OffsetScores(table).select(Tile(0, slice(1, 2), slice(5, 5 + n_tokens), first_row), n_rows)
    expected = [[reach - 1 + j - i + 1000 for j in range(n_tokens)] for i in range(first_row, first_row + n_rows)]
    assert cut.tolist() == [expected]


def test_a_window_alone_is_the_same_for_all_heads():
    rows = OffsetScores(window=2).select(Tile(0, slice(0, 3), slice(5, 11), 1), 2)
    assert rows.tolist() == [[[0, 0, 0, 0, HIDDEN, HIDDEN], [0, 0, 0, 0, 0, HIDDEN]]]
