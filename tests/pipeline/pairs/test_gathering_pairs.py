"""The sums of pairs tile by tile: host and device agree, whatever the tiles, and a pack changes nothing."""

import numpy as np
import pytest
import torch
from helpers.device_rows import reduce_pairs_in_rows
from helpers.link_oracle import choose_by_rule
from helpers.packed_layer import pack_layer

from attlas.pipeline.attention.tiled import reduce_tiled
from attlas.pipeline.contacts.contact_head import ContactHead
from attlas.pipeline.model.letters import ESM2_VOCABULARY
from attlas.pipeline.pairs.gathering import JoinedAttention, PairReduction, ReduceToPairs
from attlas.pipeline.pairs.joining import FORMS, JoinedInput, join_sequences

pytestmark = pytest.mark.slow

N_HEADS, N_LAYERS, WIDTH, THETA, FLOOR = 3, 2, 8, 0.3, 0.1
LENGTHS = [(1, 1), (7, 7), (40, 3), (25, 60)]


def make_inputs() -> list[JoinedInput]:
    return [
        join_sequences(("A" * length, "C" * partner_length), form, vocabulary=ESM2_VOCABULARY, filler=0)
        for (length, partner_length), form in zip(LENGTHS, FORMS, strict=True)
    ]


def reduce(inputs: list[JoinedInput]) -> list[JoinedAttention | None]:
    weights = torch.linspace(-1, 2, N_LAYERS * N_HEADS).view(N_LAYERS, N_HEADS)
    settings = PairReduction(THETA, FLOOR, 2, ContactHead(weights, 0.5), ContactHead(torch.eye(3)[:N_LAYERS], 0.0))
    mirrored = [chain_lengths(joined)[0] == chain_lengths(joined)[1] for joined in inputs]
    reduction = ReduceToPairs(inputs, mirrored, settings, n_layers=N_LAYERS)
    for layer in range(N_LAYERS):
        projections = [project(joined, layer) for joined in inputs]
        q, k, v = (torch.cat(parts, dim=1) for parts in zip(*projections, strict=True))
        output = reduction(pack_layer(q, k, v, map(len, inputs)), theta=THETA)
        expected = reduce_tiled(pack_layer(q, k, v, map(len, inputs)), theta=THETA)
        assert torch.allclose(output.output, expected.output, atol=1e-5)
    return reduction.results()


def chain_lengths(joined: JoinedInput) -> list[int]:
    return [chain.stop - chain.start for chain in joined.chains]


def project(joined: JoinedInput, layer: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1000 * layer + len(joined))
    return tuple(torch.randn(N_HEADS, len(joined), WIDTH, generator=generator) * 1.5 for _ in range(3))


def assert_same(attention: JoinedAttention, expected: JoinedAttention) -> None:
    np.testing.assert_allclose(attention.heads, expected.heads, atol=2e-5)
    np.testing.assert_allclose(attention.received, expected.received, atol=2e-5)
    np.testing.assert_allclose(attention.probability, expected.probability, atol=2e-5)
    np.testing.assert_allclose(attention.score, expected.score, atol=2e-5)
    for name in ("head_index", "i", "j"):
        np.testing.assert_array_equal(getattr(attention.links, name), getattr(expected.links, name))
    np.testing.assert_allclose(attention.links.weight, expected.links.weight, atol=2e-6)


def test_a_pack_of_inputs_gives_what_each_gives_alone() -> None:
    inputs = make_inputs()
    together = reduce(inputs)
    for joined, attention in zip(inputs, together, strict=True):
        (alone,) = reduce([joined])
        assert_same(alone, attention)
    assert np.isfinite(together[1].heads[..., -1]).all()  # chains of one sequence have a correlation
    assert np.isnan(together[2].heads[..., -1]).all()


@pytest.mark.parametrize("n_elements", [1, 1_000, 1 << 26])
def test_tiles_of_rows_as_on_a_gpu_give_the_same(n_elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    on_host = reduce(make_inputs())
    reduce_pairs_in_rows(monkeypatch, tile_elements=n_elements)
    for by_tiles, by_rows in zip(on_host, reduce(make_inputs()), strict=True):
        assert_same(by_tiles, by_rows)


def test_links_are_chosen_among_those_across_by_the_rule_of_links() -> None:
    far, attention = 10**6, reduce(make_inputs())[3]
    joined = make_inputs()[3]
    candidates = {}
    for layer in range(N_LAYERS):
        q, k, _ = project(joined, layer)
        maps = torch.softmax(q @ k.transpose(1, 2), -1).numpy()
        for head, chain in np.ndindex(N_HEADS, 2):
            queries, keys = (range(*joined.chains[n].indices(len(joined))) for n in (chain, 1 - chain))
            for key in keys:
                strong = [i for i in queries if maps[head, i, key] >= FLOOR]
                for i in sorted(strong, key=lambda i: (-maps[head, i, key], i))[:5]:
                    candidates[layer, head, i, key + far] = maps[head, i, key]
    expected = choose_by_rule(candidates, n_residues=85, per_residue=2, theta=THETA)
    links = attention.links
    layers, heads = np.divmod(links.head_index, N_HEADS)
    chosen_links = set(zip(layers.tolist(), heads.tolist(), links.i.tolist(), (links.j + far).tolist(), strict=True))
    assert len(chosen_links) == 2 * 85
    assert chosen_links == set(expected)


def test_what_is_not_finite_has_no_result_and_the_others_have() -> None:
    inputs = make_inputs()
    settings = PairReduction(THETA, FLOOR, 2, None, None)
    reduction = ReduceToPairs(inputs, [False] * 4, settings, n_layers=1)
    q, k, _ = (torch.cat(parts, dim=1) for parts in zip(*(project(joined, 0) for joined in inputs), strict=True))
    q[0, len(inputs[0]) + 3] = torch.nan
    reduction(pack_layer(q, k, None, map(len, inputs)), theta=THETA)
    assert [attention is None for attention in reduction.results()] == [False, True, False, False]
