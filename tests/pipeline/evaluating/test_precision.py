"""Average precision, F1 and its threshold against scikit-learn and brute force."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from attlas.pipeline.evaluating.precision import choose_threshold, compute_average_precision, compute_f1


@pytest.mark.parametrize("n_values", [2, 5, 1000], ids=["many ties", "some ties", "hardly any ties"])
def test_average_precision_is_scikit_learns_with_ties(n_values: int) -> None:
    generator = np.random.default_rng(n_values)
    for _ in range(20):
        scores = generator.integers(0, n_values, 80).astype(float)
        labels = generator.random(80) < 0.1
        labels[3] = True
        assert compute_average_precision(scores, labels) == pytest.approx(average_precision_score(labels, scores))


def test_residues_of_equal_score_count_together_whatever_their_order() -> None:
    labels = np.array([False, False, True, False])
    assert compute_average_precision(np.zeros(4), labels) == compute_average_precision(np.zeros(4), labels[::-1]) == 0.25


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
