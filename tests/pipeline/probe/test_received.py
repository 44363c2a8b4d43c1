"""What labelled residues receive from each head, tile by tile and by the definitions, and against counting by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from attlas.pipeline.attention import attending
from attlas.pipeline.attention.definitions import LayerInputs, Pack
from attlas.pipeline.attention.receiving import receive_by_device, receive_in_cache, receive_in_rows
from attlas.pipeline.attention.tiled import reduce_tiled
from attlas.pipeline.probe.pack_labels import place_labels
from attlas.pipeline.probe.received import MEASURES, ReduceToLabels

N_HEADS, WIDTH, THETA = 3, 8, 0.3


def projections(n_tokens: int, seed: int, sharpness: float = 1.5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(N_HEADS, n_tokens, WIDTH, generator=generator) * sharpness for _ in range(3))


def inner_attention(q: torch.Tensor, k: torch.Tensor) -> np.ndarray:
    """Return the inner attention of one sequence, (H, N, N), in float64."""
    scores = np.einsum("hid,hjd->hij", q.double().numpy(), k.double().numpy())
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return weights[:, 1:-1, 1:-1]


def by_hand(q: torch.Tensor, k: torch.Tensor, labels: np.ndarray, theta: float) -> np.ndarray:
    """Count with loops, in float64: (H, F, 3) of one sequence."""
    inner = inner_attention(q, k)
    sums = np.zeros((len(inner), len(labels), 3))
    for head, attention in enumerate(inner):
        for label, where in enumerate(labels):
            for row in attention:
                for weight in row[where]:
                    sums[head, label] += (weight >= theta, weight * (weight >= theta), weight)
    return sums


@pytest.mark.slow
@pytest.mark.parametrize("lengths", [(1,), (30,), (12, 1, 57), (200,)])
def test_the_measures_are_those_counted_by_hand(lengths: tuple[int, ...]) -> None:
    pack = Pack(tuple(n + 2 for n in lengths), torch.device("cpu"))
    q, k, v = projections(sum(pack.n_tokens), seed=sum(lengths))
    rng = np.random.default_rng(1)
    labels = tuple(rng.random((4, n)) < 0.3 for n in lengths)
    reduced = reduce_to(labels)(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA)
    assert MEASURES == ("edges", "edge_mass", "mass", "auc")
    for i, (tokens, sequence_labels) in enumerate(zip(pack.slices, labels, strict=True)):
        expected = by_hand(q[:, tokens], k[:, tokens], sequence_labels, THETA)
        measures = reduced.heads[0].numpy().reshape(N_HEADS, -1, 4)[:, 4 * i : 4 * i + 4]
        assert (measures[..., 0] == expected[..., 0]).all()
        np.testing.assert_allclose(measures[..., :3], expected, rtol=2e-5, atol=2e-5)
        columns = inner_attention(q[:, tokens], k[:, tokens]).sum(1)
        for head in range(N_HEADS):
            for label, where in enumerate(sequence_labels):
                area = measures[head, label, 3]
                if where.all() or not where.any():
                    assert np.isnan(area)
                else:
                    assert area == pytest.approx(roc_auc_score(where, columns[head]), abs=1e-6)


def reduce_to(labels: Sequence[np.ndarray]) -> ReduceToLabels:
    return ReduceToLabels(place_labels(labels, torch.device("cpu")), receive_by_device)


def whole_labels(pack: Pack) -> ReduceToLabels:
    return reduce_to([np.ones((1, n), bool) for n in pack.n_residues])


def test_the_output_is_that_of_the_build() -> None:
    pack = Pack((40, 102, 7), torch.device("cpu"))
    q, k, v = projections(149, seed=3)
    reduction = whole_labels(pack)(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA)
    torch.testing.assert_close(
        reduction.output, reduce_tiled(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA).output
    )


def test_the_profile_is_what_the_head_that_gives_most_gives() -> None:
    pack = Pack((40, 102, 7), torch.device("cpu"))
    q, k, v = projections(149, seed=3)
    received = whole_labels(pack)(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA).received.numpy()
    columns = [inner_attention(q[:, tokens], k[:, tokens]).sum(1) for tokens in pack.slices]
    np.testing.assert_allclose(received, np.concatenate([part.max(0) for part in columns]), rtol=2e-5)
    assert len({int(head) for part in columns for head in part.argmax(0)}) == N_HEADS


@pytest.mark.parametrize("n_elements", [1, 1_000, 1 << 26])
def test_rows_and_tiles_agree_on_every_residue(n_elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of one row, of some, of the whole map: what is held does not change what is found."""
    monkeypatch.setattr(attending, "GPU_TILE_ELEMENTS", n_elements)
    pack = Pack((102, 3, 60), torch.device("cpu"))
    q, k, v = projections(165, seed=4)
    tiled_output, tiled = receive_in_cache(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA)
    output, received = receive_in_rows(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA)
    torch.testing.assert_close(tiled_output, output, rtol=1e-4, atol=1e-4)
    is_residue = pack.residues.numpy()
    np.testing.assert_allclose(tiled[:, :, is_residue], received[:, :, is_residue], rtol=2e-5, atol=2e-5)
    assert (tiled[0][:, is_residue] == received[0][:, is_residue]).all()


def test_rows_hold_a_tile_and_not_a_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attending, "GPU_TILE_ELEMENTS", 3_000)
    held: list[int] = []
    softmax = torch.softmax

    def measured(scores: torch.Tensor, dim: int) -> torch.Tensor:
        held.append(scores.numel())
        return softmax(scores, dim=dim)

    monkeypatch.setattr(torch, "softmax", measured)
    pack = Pack((102,), torch.device("cpu"))
    q, k, v = projections(102, seed=4)
    receive_in_rows(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA)
    assert sum(held) == N_HEADS * 102**2
    assert max(held) <= 3_000


def test_without_values_only_the_sums_are_computed() -> None:
    pack = Pack((20,), torch.device("cpu"))
    q, k, _ = projections(20, seed=5)
    reduced = reduce_to([np.ones((1, 18), bool)])(LayerInputs(q, k, None, pack=pack, scaling=1.0), theta=THETA)
    assert reduced.output is None
    assert reduced.heads.shape == (1, N_HEADS, 4)


def test_labels_of_no_residue_and_sequences_of_no_label_have_their_places() -> None:
    pack = Pack((7, 5, 9), torch.device("cpu"))
    labels = [np.zeros((1, 5), bool), np.zeros((0, 3), bool), np.array([[True] * 7, [False] * 7, [False] * 6 + [True]])]
    q, k, v = projections(21, seed=6)
    measures = reduce_to(labels)(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA).heads[0]
    none, whole, empty, last = measures.reshape(N_HEADS, 4, 4).unbind(1)
    columns = inner_attention(q[:, 12:], k[:, 12:]).sum(1)
    for nothing in (none, empty):
        assert (nothing[:, :3] == 0).all()
    assert torch.isnan(torch.stack([none, whole, empty])[..., 3]).all()
    np.testing.assert_allclose(whole[:, 2], columns.sum(1), rtol=2e-5)
    np.testing.assert_allclose(last[:, 2], columns[:, -1], rtol=2e-5)
    np.testing.assert_allclose(last[:, 3], (columns[:, :-1] < columns[:, -1:]).mean(1), atol=1e-6)
