"""Average precision, F1 and its threshold against scikit-learn and brute force."""

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from attlas.pipeline.evaluating.precision import (
    choose_threshold,
    compute_average_precision,
    compute_f1,
    compute_grouped_precision,
)


@pytest.mark.parametrize("n_values", [2, 5, 1000], ids=["many ties", "some ties", "hardly any ties"])
def test_grouped_precision_is_scikit_learns(n_values: int) -> None:
    generator = np.random.default_rng(n_values)
    for _ in range(20):
        scores = generator.integers(0, n_values, 80).astype(float)
        labels = generator.random(80) < 0.1
        labels[3] = True
        assert compute_grouped_precision(scores, labels) == pytest.approx(average_precision_score(labels, scores))


def test_average_precision_is_the_mean_over_all_orders_of_equal_scores() -> None:
    scores = np.array([2, 2, 2, 1, 1, 1.0])
    labels = np.array([True, False, False, True, True, False])
    orders = [list(top) + list(bottom) for top in permutations(range(3)) for bottom in permutations(range(3, 6))]
    # Scores that fall by place: no ties are left.
    values = [average_precision_score(labels[order], -np.arange(6)) for order in orders]
    assert compute_average_precision(scores, labels) == pytest.approx(np.mean(values))


def test_both_forms_are_equal_without_ties() -> None:
    generator = np.random.default_rng(8)
    scores, labels = generator.random(70), generator.random(70) < 0.1
    expected = average_precision_score(labels, scores)
    assert compute_average_precision(scores, labels) == pytest.approx(expected)
    assert compute_grouped_precision(scores, labels) == pytest.approx(expected)


def test_noise_that_breaks_ties_gains_nothing_where_the_ties_count_in_any_order() -> None:
    """With grouped ties it would gain a tenth: a predictor by letters could not be compared."""
    generator = np.random.default_rng(9)
    letters = generator.integers(0, 20, (300, 100)).astype(float)
    labels = [mask for mask in generator.random((300, 100)) < 0.05 * (letters == 19) + 0.01 if mask.any()]
    scores = (letters == 19)[: len(labels)].astype(float)
    noisy = scores + generator.random(scores.shape) / 10

    def gain(compute: Callable[..., float]) -> float:
        pairs = zip(noisy, scores, labels, strict=True)
        return float(np.mean([compute(new, mask) - compute(old, mask) for new, old, mask in pairs]))

    assert gain(compute_grouped_precision) > 0.02
    assert abs(gain(compute_average_precision)) < 0.01


def test_a_protein_without_a_label_has_no_average_precision_and_no_f1() -> None:
    assert np.isnan(compute_average_precision(np.arange(3.0), np.zeros(3, bool)))
    assert np.isnan(compute_f1(np.arange(3.0), np.zeros(3, bool), 1.0))


def test_f1_is_scikit_learns() -> None:
    generator = np.random.default_rng(1)
    scores, labels = generator.random(60), generator.random(60) < 0.2
    assert compute_f1(scores, labels, 0.6) == pytest.approx(f1_score(labels, scores >= 0.6))
    assert compute_f1(scores, labels, 2.0) == 0


def test_the_threshold_has_the_highest_mean_f1_of_all_labelled_scores() -> None:
    generator = np.random.default_rng(2)
    labels = [generator.random(50) < 0.15 for _ in range(9)]
    for mask in labels:
        mask[0] = True
    scores = [np.round(generator.normal(size=50) + mask, 1) for mask in labels]

    def find_mean(threshold: float) -> float:
        return float(np.mean([compute_f1(part, mask, threshold) for part, mask in zip(scores, labels, strict=True)]))

    best = max(find_mean(threshold) for threshold in np.unique(np.concatenate(scores)))
    assert find_mean(choose_threshold(scores, labels)) == pytest.approx(best)
