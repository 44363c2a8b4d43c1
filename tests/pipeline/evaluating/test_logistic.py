"""The logistic model is scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from attlas.pipeline.evaluating.logistic import fit_logistic


@pytest.mark.parametrize("penalty", [300.0, 3.0])
def test_coefficients_are_those_of_scikit_learn(penalty: float) -> None:
    generator = np.random.default_rng(0)
    columns = generator.normal(2, 3, (600, 12)).astype(np.float32)
    columns[:, 3] = 1  # does not vary
    labels = generator.random(600) < 1 / (1 + np.exp(3 - columns[:, 0] / 3))
    model = fit_logistic(columns, labels, np.ones(600), penalty=penalty)

    scaled = StandardScaler().fit_transform(columns.astype(float))
    oracle = LogisticRegression(C=1 / penalty, tol=1e-9, max_iter=1000).fit(scaled, labels)
    assert model.coefficients == pytest.approx(oracle.coef_[0], abs=2e-4)
    assert model.score(columns) == pytest.approx(oracle.decision_function(scaled), abs=2e-3)


def test_a_weight_of_three_is_a_row_three_times() -> None:
    generator = np.random.default_rng(1)
    columns, labels = generator.normal(size=(200, 4)), generator.random(200) < 0.3
    weights = generator.integers(1, 4, 200)
    once = fit_logistic(columns, labels, weights.astype(float), penalty=5.0)
    places = np.repeat(np.arange(200), weights)
    repeated = fit_logistic(columns[places], labels[places], np.ones(len(places)), penalty=5.0)
    assert once.score(columns) == pytest.approx(repeated.score(columns), abs=1e-3)


def test_it_does_not_matter_where_it_begins() -> None:
    generator = np.random.default_rng(2)
    columns = generator.normal(size=(500, 30))
    labels = columns[:, :3].sum(1) > 1.5
    strong = fit_logistic(columns, labels, np.ones(500), penalty=300.0)
    warm = fit_logistic(columns, labels, np.ones(500), penalty=0.1, start=strong)
    cold = fit_logistic(columns, labels, np.ones(500), penalty=0.1)
    assert warm.score(columns) == pytest.approx(cold.score(columns), rel=1e-2, abs=1e-2)
