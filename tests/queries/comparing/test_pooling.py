"""Numbers over proteins that are compared, with their intervals: against scipy, statsmodels and sets."""

import random

import numpy as np
import pytest
from helpers.chance_oracle import shared_by_chance
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, ttest_1samp
from scipy.stats import t as student
from statsmodels.stats.proportion import proportion_confint

from attlas.queries.comparing.agreement import Agreement
from attlas.queries.comparing.pooling import (
    NO_INTERVAL,
    Estimate,
    Measure,
    mean_estimate,
    pooled_measures,
    ratio_estimate,
    wilson_estimate,
)


def random_agreements(n: int, seed: int) -> list[Agreement]:
    choose = random.Random(seed)
    agreements = []
    for _ in range(n):
        length = choose.randint(20, 400)
        atlas_sites, table_sites = (choose.sample(range(1, length + 1), choose.randint(0, 9)) for _ in range(2))
        table_sites = [*dict.fromkeys([*atlas_sites[: choose.randint(0, 9)], *table_sites])]
        layers = [choose.choice([None, 3, 4]) for _ in range(2)]
        hundredths = tuple(sorted((choose.randint(0, 100) for _ in atlas_sites), reverse=True))
        agreements.append(
            Agreement(length, tuple(atlas_sites), hundredths, tuple(table_sites), *layers, is_ordered=True)
        )
    return agreements


def by_name(agreements: list[Agreement]) -> dict[str, Measure]:
    return {measure.name: measure for measure in pooled_measures(agreements, near=3)}


def interval(measure: Measure) -> tuple[float | None, float | None]:
    return measure.estimate.low, measure.estimate.high


@pytest.mark.parametrize(("n_yes", "n"), [(0, 7), (7, 7), (3, 11), (500, 1009), (1, 5)])
def test_intervals_of_shares_are_those_of_statsmodels(n_yes: int, n: int) -> None:
    estimate = wilson_estimate(n_yes, n)
    assert (estimate.low, estimate.high) == pytest.approx(proportion_confint(n_yes, n, method="wilson"), abs=1e-12)


def test_shares_of_proteins_have_wilson_intervals_over_those_that_have_an_answer() -> None:
    agreements = random_agreements(200, 1)
    measures = by_name(agreements)
    layers = [(a.atlas_layer, a.table_layer) for a in agreements if None not in (a.atlas_layer, a.table_layer)]
    n_same = sum(atlas_layer == table_layer for atlas_layer, table_layer in layers)
    same_layer = measures["same_layer"]
    assert (same_layer.n, same_layer.estimate.value) == (len(layers), n_same / len(layers))
    assert interval(same_layer) == pytest.approx(proportion_confint(n_same, len(layers), method="wilson"))
    same = [a for a in agreements if {*a.atlas_sites} == {*a.table_sites}]
    assert measures["same_set"].estimate.value == len(same) / 200
    assert measures["same_order"].n == len([a for a in same if a.atlas_sites])


def test_the_number_expected_by_chance_is_the_sum_of_hypergeometric_means() -> None:
    agreements = random_agreements(50, 2)
    means = [shared_by_chance(a.length, len(a.atlas_sites), len(a.table_sites))[0] for a in agreements]
    assert by_name(agreements)["n_expected"].estimate.value == pytest.approx(sum(means))


@pytest.mark.thorough
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(20, 60),
            st.sets(st.integers(1, 20), max_size=6).map(sorted),
            st.sets(st.integers(1, 20), max_size=6).map(sorted),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_an_interval_leaves_chance_out_if_and_only_if_the_t_test_rejects_it(
    proteins: list[tuple[int, list[int], list[int]]],
) -> None:
    """scipy's one-sample t test of the linearised values, (y - ratio x) + mean of (y - x), against 0."""
    agreements = [
        Agreement(
            length, tuple(atlas_sites), (50,) * len(atlas_sites), tuple(table_sites), None, None, is_ordered=False
        )
        for length, atlas_sites, table_sites in proteins
    ]
    measures = by_name(agreements)
    enrichment = measures["enrichment"].estimate
    pairs = [(a.n_both, a.n_expected) for a in agreements if a.n_expected]
    if len(pairs) < 5:
        assert (enrichment.low, enrichment.high) == (None, None)
        return
    assert enrichment.low is not None
    assert enrichment.high is not None

    both, chance = (np.array(values, float) for values in zip(*pairs, strict=True))
    ratio = both.sum() / chance.sum()
    values = both - ratio * chance + (both - chance).mean()
    assume(values.std() > 1e-9)
    p = ttest_1samp(values, 0).pvalue
    assume(abs(p - 0.05) > 1e-6)
    assert (not enrichment.low <= 1 <= enrichment.high) == (p < 0.05)


def test_the_interval_of_a_ratio_is_near_that_of_a_bootstrap_over_proteins() -> None:
    agreements = random_agreements(600, 3)
    n_both, n_table_sites = (
        np.array([f(a) for a in agreements], float) for f in (lambda a: a.n_both, lambda a: len(a.table_sites))
    )
    estimate = ratio_estimate(list(n_both), list(n_table_sites))
    again = bootstrap(
        (n_both, n_table_sites), lambda y, x, axis: y.sum(axis) / x.sum(axis), paired=True, n_resamples=4000, rng=5,
        method="percentile",
    ).confidence_interval  # fmt: skip
    assert estimate.value == pytest.approx(n_both.sum() / n_table_sites.sum())
    assert (estimate.low, estimate.high) == pytest.approx((again.low, again.high), abs=0.006)
    assert by_name(agreements)["recall"].estimate == estimate


@pytest.mark.parametrize("n", [5, 10, 20])
def test_the_interval_of_a_mean_of_few_holds_what_it_is_reported_to(n: int) -> None:
    drawn = np.random.default_rng(n).normal(0.5, 0.1, (4000, n))
    estimates = [mean_estimate(list(row)) for row in drawn]
    ends = np.array([(estimate.low, estimate.high) for estimate in estimates])
    assert ((ends[:, 0] <= 0.5) & (ends[:, 1] >= 0.5)).mean() == pytest.approx(0.95, abs=0.015)
    expected = student.interval(0.95, n - 1, drawn[0].mean(), drawn[0].std(ddof=1) / np.sqrt(n))
    assert ends[0] == pytest.approx((max(0, expected[0]), expected[1]), rel=1e-9)


def test_proteins_with_nothing_to_divide_by_do_not_narrow_an_interval() -> None:
    numerators, denominators = [1.0, 2.0, 2.0, 1.0, 0.0], [2.0, 5.0, 3.0, 2.0, 1.0]
    alone = ratio_estimate(numerators, denominators)
    assert alone.low is not None
    assert ratio_estimate([*numerators, 0.0, 0.0], [*denominators, 0.0, 0.0]) == alone
    assert ratio_estimate([1.0, *[0.0] * 9], [2.0, *[0.0] * 9]) == Estimate(0.5)


def test_nothing_to_divide_by_gives_no_number_rather_than_a_wrong_one() -> None:
    empty = Agreement(30, (), (), (), 1, None, is_ordered=False)
    assert (empty.jaccard, empty.is_same_set, empty.is_same_order, empty.is_same_layer) == (None, True, None, None)
    assert {name for name, measure in by_name([empty]).items() if measure.estimate.value is None} == {
        *("precision", "recall", "jaccard", "within_3", "distance", "enrichment"),
        *("mean_jaccard", "same_order", "same_layer"),
    }


@pytest.mark.parametrize("n", [1, 2, 4])
def test_fewer_than_five_proteins_give_no_interval_and_say_so(n: int) -> None:
    agreements = [Agreement(30 + i, (1, 2), (100, 90), (1, 3), 1, 1, is_ordered=True) for i in range(n)]
    measures = by_name(agreements)
    assert [name for name, measure in measures.items() if interval(measure) != (None, None)] == []
    silent = {name for name, measure in measures.items() if NO_INTERVAL not in measure.says}
    assert silent == {"n_ours", "n_theirs", "n_both", "n_expected", "same_order"}  # counts, and what has no value
    assert measures["recall"].estimate.value == 0.5


@pytest.mark.parametrize(
    ("table_sites", "is_same"),
    [((9, 5, 3, 7), True), ((9, 3, 5, 7), True), ((9, 5, 7, 3), False), ((5, 9, 3, 7), False), ((9, 5, 3), False)],
    ids=["as ranked", "equal values the other way", "a lower value first", "the second first", "one is missing"],
)
def test_sites_of_one_rounded_value_have_no_order(table_sites: tuple[int, ...], is_same: bool) -> None:
    agreement = Agreement(30, (9, 5, 3, 7), (100, 80, 80, 60), table_sites, None, None, is_ordered=True)
    assert agreement.is_same_order is is_same
