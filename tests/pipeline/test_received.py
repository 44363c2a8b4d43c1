"""What labelled residues receive from each head, tile by tile and by the definitions, and against counting by hand."""

import numpy as np
import pytest
import torch

from attlas.pipeline.attention import Pack
from attlas.pipeline.kernels.tiled import reduce_tiled
from attlas.pipeline.probe.received import MEASURES, ReduceToLabels, received_plain, received_tiled

N_HEADS, WIDTH, THETA = 3, 8, 0.3


def projections(n_tokens: int, seed: int, sharpness: float = 1.5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(N_HEADS, n_tokens, WIDTH, generator=generator) * sharpness for _ in range(3))


def by_hand(q: torch.Tensor, k: torch.Tensor, labels: np.ndarray, theta: float) -> np.ndarray:
    """Count with loops, in float64: (H, F, 3) of one sequence."""
    scores = np.einsum("hid,hjd->hij", q.double().numpy(), k.double().numpy())
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    inner = weights[:, 1:-1, 1:-1]
    sums = np.zeros((len(inner), len(labels), 3))
    for head, attention in enumerate(inner):
        for label, where in enumerate(labels):
            for row in attention:
                for weight in row[where]:
                    sums[head, label] += (weight >= theta, weight * (weight >= theta), weight)
    return sums


@pytest.mark.parametrize("lengths", [(1,), (30,), (12, 1, 57), (200,)])
def test_the_sums_are_those_counted_by_hand(lengths: tuple[int, ...]) -> None:
    pack = Pack(tuple(n + 2 for n in lengths), torch.device("cpu"))
    q, k, v = projections(sum(pack.n_tokens), seed=sum(lengths))
    rng = np.random.default_rng(1)
    labels = tuple(rng.random((4, n)) < 0.3 for n in lengths)
    reduced = ReduceToLabels(labels)(q, k, v, pack=pack, scaling=1.0, theta=THETA)
    assert MEASURES == ("edges", "edge_mass", "mass")
    for i, (tokens, some) in enumerate(zip(pack.slices, labels, strict=True)):
        expected = by_hand(q[:, tokens], k[:, tokens], some, THETA)
        found = reduced.heads[0].numpy().reshape(N_HEADS, -1, 3)[:, 4 * i : 4 * i + 4]
        assert (found[..., 0] == expected[..., 0]).all()
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


def test_the_output_and_the_profile_are_those_of_the_build() -> None:
    pack = Pack((40, 102, 7), torch.device("cpu"))
    q, k, v = projections(149, seed=3)
    ours = ReduceToLabels(tuple(np.ones((1, n), bool) for n in pack.n_residues))(
        q, k, v, pack=pack, scaling=1.0, theta=THETA
    )
    built = reduce_tiled(q, k, v, pack=pack, scaling=1.0, theta=THETA)
    torch.testing.assert_close(ours.output, built.output)
    torch.testing.assert_close(ours.received, built.received)


def test_tiles_and_definitions_agree_on_every_residue() -> None:
    pack = Pack((302,), torch.device("cpu"))
    q, k, v = projections(302, seed=4)
    tiled_output, tiled = received_tiled(q, k, v, pack=pack, scaling=1.0, theta=THETA)
    plain_output, plain = received_plain(q, k, v, pack=pack, scaling=1.0, theta=THETA)
    torch.testing.assert_close(tiled_output, plain_output, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(tiled[:, :, 1:-1], plain[:, :, 1:-1], rtol=2e-5, atol=2e-5)


def test_without_values_only_the_sums_are_computed() -> None:
    pack = Pack((20,), torch.device("cpu"))
    q, k, _ = projections(20, seed=5)
    reduced = ReduceToLabels((np.ones((1, 18), bool),))(q, k, None, pack=pack, scaling=1.0, theta=THETA)
    assert reduced.output is None
    assert reduced.heads.shape == (1, N_HEADS, 3)
