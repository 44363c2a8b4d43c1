"""Intervals, tests and power of differences: planted effects are found, none is found where there is none."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from attlas.pipeline.evaluating.differences import (
    SMALLEST_EFFECT,
    adjust_holm,
    bootstrap_means,
    compare_pairs,
    draw_family_counts,
    find_detectable_effect,
    find_power,
)


def test_p_values_are_adjusted_as_statsmodels_does_by_holm() -> None:
    p = np.random.default_rng(0).random(12) ** 3
    assert adjust_holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_families_are_drawn_whole_and_as_many_as_there_are() -> None:
    counts = draw_family_counts(["a", "a", "b", "c"], seed=1, n_draws=500)
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, [0, 2, 3]].sum(1) == 3).all()
    assert counts.mean(0) == pytest.approx(1, abs=0.15)


def test_the_interval_is_that_of_scipys_bootstrap_where_every_protein_is_its_own_family() -> None:
    values = np.random.default_rng(3).gamma(1, 0.1, 80)
    (difference,) = compare_pairs(values[None], [str(i) for i in range(80)], seed=0)
    interval = stats.bootstrap((values,), np.mean, method="percentile", rng=1).confidence_interval
    assert (difference.low, difference.high) == pytest.approx((interval.low, interval.high), abs=0.002)


def test_proteins_of_one_family_do_not_make_an_interval_narrower() -> None:
    values = np.random.default_rng(4).normal(0, 1, 30)
    families = [str(i) for i in range(30)]
    alone = bootstrap_means(values[None], families, seed=0).std()
    copied = bootstrap_means(np.repeat(values, 10)[None], [name for name in families for _ in range(10)], seed=0).std()
    assert copied == pytest.approx(alone)


def test_a_planted_effect_is_found_and_noise_is_not() -> None:
    generator = np.random.default_rng(5)
    differences = np.stack([generator.normal(0.05, 0.1, 200), generator.normal(0, 0.1, 200)])
    planted, noise = compare_pairs(differences, [str(i // 2) for i in range(200)], seed=0)
    assert planted.p_holm < 0.01
    assert planted.low > 0
    assert noise.low < 0 < noise.high
    assert noise.p_holm > 0.05


@pytest.mark.thorough
def test_the_test_rejects_one_in_twenty_nulls() -> None:
    generator = np.random.default_rng(6)
    families = [str(i) for i in range(60)]
    p = [compare_pairs(generator.normal(0, 1, (1, 60)), families, seed=0, n_draws=400)[0].p for _ in range(400)]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09


def test_power_is_that_of_simulated_differences() -> None:
    error = 0.008
    estimates = np.random.default_rng(7).normal(SMALLEST_EFFECT, error, 100_000)
    critical = stats.norm.isf(0.025 / 10) * error
    assert find_power(error, n_comparisons=10) == pytest.approx((abs(estimates) > critical).mean(), abs=0.01)

    effect = find_detectable_effect(error, n_comparisons=10)
    assert find_power(error, n_comparisons=10, effect=effect) == pytest.approx(0.8, abs=1e-3)
