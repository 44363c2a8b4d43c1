"""Measures of weighted pairs are those of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from attlas.pipeline.fitting.contact_measures import measure_weighted, sort_pairs

pytestmark = pytest.mark.slow


def test_weighted_measures_are_those_of_scikit_learn_with_ties() -> None:
    choose = np.random.default_rng(2)
    scores, weights = choose.integers(0, 6, 200).astype(float), choose.integers(1, 9, 200).astype(float)
    labels = choose.random(200) < 0.1 + scores / 10
    precision, area = measure_weighted(sort_pairs(scores), labels, weights)
    assert precision == pytest.approx(average_precision_score(labels, scores, sample_weight=weights))
    assert area == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights))
