"""Measures of a ranking against scikit-learn and plain loops, and scores across against a whole corrected map."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from attlas.pipeline.contacts.single_heads import score_pairs
from attlas.pipeline.interfaces.across_maps import AcrossMap, cut_across_map
from attlas.pipeline.interfaces.known_interface import make_known_interface
from attlas.pipeline.interfaces.measures import MEASURES, measure_map, rank_positives


def draw_map(n_tokens: int, *, seed: int) -> torch.Tensor:
    scores = torch.randn(n_tokens, n_tokens, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.softmax(2 * scores, dim=1)


@pytest.mark.thorough
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=40))
def test_areas_with_many_ties_are_those_of_scikit_learn(things: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in things], float)
    labels = np.array([is_positive for _, is_positive in things])
    ranking = rank_positives(scores, np.flatnonzero(labels), cuts=(1, 5))

    if labels.all() or not labels.any():
        assert np.isnan([ranking.auroc, ranking.auprc, *ranking.hits]).all()
    else:
        assert ranking.auroc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert ranking.auprc == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 6, 9])
def test_hits_are_the_mean_over_all_orders_of_tied_things(cut: int) -> None:
    scores, positives = np.array([2.0, 1.0, 2.0, 0.0, 1.0, 1.0]), np.array([2, 4])
    hits = []
    for order in itertools.permutations(range(len(scores))):
        highest = sorted(order, key=lambda place: -scores[place])[:cut]  # a stable sort keeps the order of ties
        hits.append(len(set(highest) & set(positives.tolist())))

    assert rank_positives(scores, positives, cuts=(cut,)).hits == pytest.approx((np.mean(hits),))


def test_scores_across_are_the_block_of_the_joined_inner_map_corrected_as_a_whole() -> None:
    # <cls>, 5 residues, 3 tokens of a linker, 4 residues, <eos>.
    attention = draw_map(14, seed=1)
    residues = [*range(1, 6), *range(9, 13)]
    whole = score_pairs(attention.numpy()[np.ix_(residues, residues)].astype(np.float32))

    across = cut_across_map(attention, slice(1, 6), slice(9, 13))
    np.testing.assert_allclose(across.score("joined"), whole[:5, 5:], atol=1e-6)


def test_the_correction_over_the_block_across_leaves_sums_of_nothing() -> None:
    attention = draw_map(12, seed=2)
    across = cut_across_map(attention, slice(1, 6), slice(7, 11))
    scores = across.score("across")
    block = attention[1:6, 7:11].numpy() + attention[7:11, 1:6].numpy().T

    np.testing.assert_allclose(scores, block - np.outer(block.sum(1), block.sum(0)) / block.sum(), atol=1e-7)
    np.testing.assert_allclose(scores.sum(0), 0, atol=1e-6)


def test_the_mean_of_maps_is_the_map_of_their_mean() -> None:
    maps = [draw_map(12, seed=seed) for seed in range(3)]
    mean = AcrossMap.average([cut_across_map(attention, slice(1, 6), slice(6, 11)) for attention in maps])
    direct = cut_across_map(torch.stack(maps).mean(0), slice(1, 6), slice(6, 11))
    for name in AcrossMap.__dataclass_fields__:
        np.testing.assert_allclose(getattr(mean, name), getattr(direct, name), atol=1e-6)


def test_a_map_is_measured_on_observed_residues_alone() -> None:
    attention = draw_map(26, seed=3)
    protein, partner = slice(1, 13), slice(13, 25)
    observed, partner_observed = [1, 2, 4, 5, 6, 7, 9, 12], [2, 3, 4, 5, 8, 9, 10, 11, 12]
    contacts = [(2, 3), (2, 4), (9, 11), (9, 11)]
    interface = make_known_interface(contacts, lengths=(12, 12), observed=observed, partner_observed=partner_observed)
    across = cut_across_map(attention, protein, partner)
    scores = across.score("joined")
    measured = dict(zip(MEASURES, measure_map(across, interface, scores=scores), strict=True))

    # Plain loops over what is observed.
    pairs = [(i, j) for i in observed for j in partner_observed]
    labels, values = [pair in contacts for pair in pairs], [scores[i - 1, j - 1] for i, j in pairs]
    best = sorted(zip(values, labels, strict=True), reverse=True)
    received = [float(attention[partner, i].sum()) for i in observed]
    partner_received = [float(attention[protein, 12 + j].sum()) for j in partner_observed]

    assert interface.n_pairs == 72
    assert measured["auroc"] == pytest.approx(roc_auc_score(labels, values))
    assert measured["auprc"] == pytest.approx(average_precision_score(labels, values))
    assert measured["hits_10"] == sum(is_contact for _, is_contact in best[:10])
    assert measured["hits_l10"] == measured["hits_1"] == best[0][1]
    assert measured["interface_auroc"] == pytest.approx(roc_auc_score([i in (2, 9) for i in observed], received))
    is_partner_interface = [j in (3, 4, 11) for j in partner_observed]
    assert measured["partner_interface_auprc"] == pytest.approx(
        average_precision_score(is_partner_interface, partner_received)
    )


def test_a_swapped_partner_is_judged_on_its_interface_alone() -> None:
    interface = make_known_interface([(1, 2)], lengths=(5, 5)).exchange_partner(
        make_known_interface([(3, 1), (2, 4)], lengths=(9, 5))
    )
    across = cut_across_map(draw_map(12, seed=4), slice(1, 6), slice(6, 11))
    measured = measure_map(across, interface, scores=across.score("joined"))

    assert np.isnan(measured[:6]).all()
    assert np.isfinite(measured[6:]).all()
    assert interface.partner_interface.tolist() == [0, 3]


def test_attention_that_is_not_finite_has_no_measures() -> None:
    attention = draw_map(12, seed=5)
    attention[3, 4] = float("nan")
    across = cut_across_map(attention, slice(1, 6), slice(6, 11))
    interface = make_known_interface([(1, 2)], lengths=(5, 5))
    assert np.isnan(measure_map(across, interface, scores=across.score("joined"))).all()


def test_a_contact_of_a_residue_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="structure does not show"):
        make_known_interface([(1, 6)], lengths=(5, 5))
