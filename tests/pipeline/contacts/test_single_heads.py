"""What single heads say of a structure, against sums by hand and transformers' own correction."""

import numpy as np
import pytest
import torch
from helpers.contact_oracles import corrected, eager_layers, folded, pairs_of
from helpers.contact_oracles import head_sums as sums_by_hand
from helpers.packed_layer import draw_layer, pack_layer

from attlas.pipeline.attention.tiled import reduce_tiled
from attlas.pipeline.contacts.single_heads import MEASURES, ReduceToHeadContacts, measure_head, score_pairs
from attlas.pipeline.contacts.structure_contacts import find_contacts

pytestmark = pytest.mark.slow


def test_heads_are_symmetrised_and_corrected_as_transformers_does() -> None:
    from transformers.models.esm.modeling_esm import average_product_correct, symmetrize

    attention = np.random.default_rng(10).random((4, 30, 30)).astype(np.float32)
    expected = average_product_correct(symmetrize(torch.from_numpy(attention).double())).numpy()
    for weights, expected_scores in zip(attention, expected, strict=True):
        np.testing.assert_allclose(score_pairs(weights), expected_scores, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(corrected(weights), expected_scores, rtol=1e-10, atol=1e-12)
    assert not score_pairs(np.zeros((9, 9), np.float32)).any()


@pytest.mark.thorough
def test_every_head_says_what_is_counted_by_hand_on_real_weights(encoder, weights, sequences) -> None:
    """Two chains of a protein in one pass, one of them with a gap."""
    sequence = sequences[3]
    places = [folded(len(sequence), seed=11), folded(len(sequence), seed=12, step=1.5)]
    places[0][5:15] = np.nan
    reduce = ReduceToHeadContacts(tuple(find_contacts(coordinates) for coordinates in places))
    _, sums = encoder.start([sequence], reduce=reduce, theta=0.3).stack_results()
    sums = sums.reshape(encoder.n_layers, 20, 2, len(MEASURES))
    n_top = 0
    for layer, attention in enumerate(eager_layers(weights, sequence)):
        for head in range(0, 20, 3):
            for chain in range(2):
                numbers = dict(zip(MEASURES, sums[layer, head, chain].tolist(), strict=True))
                expected = sums_by_hand(attention[head], places[chain], 0.3)
                assert expected["near"] == 0
                assert {name: numbers[name] for name in MEASURES} == pytest.approx(
                    {name: expected[name] for name in MEASURES} | {"n_top_contacts": numbers["n_top_contacts"]},
                    rel=2e-4, abs=1e-4,
                )  # fmt: skip
                scores = corrected(attention[head])
                ranked = sorted((scores[pair] for pair in pairs_of(places[chain], "long")), reverse=True)
                last = ranked[min(expected["n_top"], len(ranked)) - 1]
                near = sum(abs(score - last) < 1e-6 + 1e-5 * abs(last) for score in ranked) - 1
                assert abs(numbers["n_top_contacts"] - expected["n_top_contacts"]) <= near
                n_top += expected["n_top_contacts"]
    assert n_top > 100


def test_the_output_of_a_layer_is_that_of_the_build() -> None:
    q, k, v = draw_layer(40, seed=1)
    contacts = (find_contacts(folded(38, seed=1)),)
    built = reduce_tiled(pack_layer(q, k, v, [40], scaling=0.5), theta=0.3)
    layer = ReduceToHeadContacts(contacts)(pack_layer(q, k, v, [40], scaling=0.5), theta=0.3)
    torch.testing.assert_close(layer.output, built.output)
    last = ReduceToHeadContacts(contacts)(pack_layer(q, k, None, [40], scaling=0.5), theta=0.3)
    assert last.output is None
    torch.testing.assert_close(last.heads, layer.heads)


def test_attention_that_is_no_number_gives_none() -> None:
    attention = np.full((30, 30), 1 / 30, np.float32)
    contacts = [find_contacts(folded(30, seed=1)), find_contacts(np.full((30, 3), np.nan))]
    assert np.isfinite(measure_head(attention, contacts, theta=0.3)).all()
    attention[3, 4] = np.nan
    assert np.isnan(measure_head(attention, contacts, theta=0.3)).all()


def test_a_chain_without_a_residue_counts_nothing() -> None:
    nothing = measure_head(np.full((30, 30), 0.5, np.float32), [find_contacts(np.full((30, 3), np.nan))], theta=0.3)
    assert nothing.tolist() == [[0.0] * len(MEASURES)]
