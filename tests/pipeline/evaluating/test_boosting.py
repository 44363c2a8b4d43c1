"""Boosted trees find what columns tell together, the same at every fit, and are chosen inside the training folds."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.labelled_set import make_set
from sklearn.metrics import average_precision_score

from attlas.pipeline.evaluating.boosting import fit_boosted
from attlas.pipeline.evaluating.choosing import fit_best, list_choices
from attlas.pipeline.evaluating.folds import assign_folds, split_by_fold
from attlas.pipeline.evaluating.logistic import fit_logistic
from attlas.pipeline.evaluating.precision import find_mean_precision
from attlas.pipeline.evaluating.predictors import HEADS, Predictor
from attlas.pipeline.evaluating.scoring import LabelledSet

pytestmark = pytest.mark.slow

LOGISTIC, BOOSTED = Predictor("heads", (HEADS,)), Predictor("boosted heads", (HEADS,), is_boosted=True)


def draw_product(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return three columns, and labels that the sign of the product of two of them decides."""
    columns = np.random.default_rng(seed).normal(size=(1500, 3)).astype(np.float32)
    return columns, columns[:, 0] * columns[:, 1] > 0.5


def make_set_of_products(n: int) -> LabelledSet:
    """Return proteins whose labels are where two heads, each of either sign, agree."""
    labelled = make_set(n, effect=0.0)
    columns = []
    for place, (protein, part) in enumerate(zip(labelled.proteins, labelled.columns, strict=True)):
        signs = np.random.default_rng(place).choice([-1.0, 1.0], size=part.heads.shape)
        heads = signs + np.random.default_rng(n + place).normal(size=signs.shape) / 10
        for residue in np.flatnonzero(protein.labels):
            heads[residue, 1] = abs(heads[residue, 1]) * np.sign(heads[residue, 0])
        for residue in np.flatnonzero(~protein.labels):
            heads[residue, 1] = -abs(heads[residue, 1]) * np.sign(heads[residue, 0])
        columns.append(replace(part, heads=heads.astype(np.float32)))
    return replace(labelled, columns=tuple(columns))


@pytest.mark.thorough
def test_a_product_of_two_columns_decides_for_trees_and_not_for_a_line() -> None:
    (x, y), (other_x, other_y), weights = draw_product(0), draw_product(1), np.ones(1500)
    boosted = fit_boosted(x, y, weights, penalty=1.0)
    logistic = fit_logistic(x, y, weights, penalty=1.0)
    assert average_precision_score(other_y, boosted.score(other_x)) > 0.95
    assert average_precision_score(other_y, logistic.score(other_x)) < 0.4


@pytest.mark.thorough
def test_the_same_rows_give_the_same_trees_and_a_weight_counts_as_repetitions() -> None:
    x, y = draw_product(0)
    scores = [fit_boosted(x, y, np.ones(len(x)), penalty=1.0).score(x) for _ in range(2)]
    np.testing.assert_array_equal(*scores)
    # Twice every weight is as half of the penalty.
    twice = fit_boosted(x, y, np.full(len(x), 2.0), penalty=2.0)
    np.testing.assert_allclose(twice.score(x), scores[0], rtol=1e-6)


def test_a_contribution_is_what_is_lost_where_columns_are_those_of_an_average_row() -> None:
    x, y = draw_product(0)
    model = fit_boosted(x, y, np.ones(len(x)), penalty=1.0)
    by_hand = x.copy()
    by_hand[:, 1:] = x[:, 1:].mean(0)
    np.testing.assert_allclose(model.find_contribution(x, slice(1, 3)), model.score(x) - model.score(by_hand), atol=0.2)
    is_likely = y & (model.score(x) > 2)
    assert model.find_contribution(x, slice(0, 1))[is_likely].mean() > 1
    assert abs(model.find_contribution(x, slice(2, 3))[is_likely].mean()) < 1


@pytest.mark.thorough
def test_boosting_is_chosen_where_a_product_decides_and_a_line_where_one_head_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The choice is made on training folds left out; the test fold then says how it does."""
    monkeypatch.setattr("attlas.pipeline.evaluating.boosting.N_TREES", 40)  # enough for two columns
    products = make_set_of_products(20)
    split = split_by_fold(assign_folds(products.groups, seed=0))[0]
    best = fit_best(products, split, [LOGISTIC, BOOSTED])
    assert best.predictor == BOOSTED
    labels = [products.proteins[place].labels for place in split.test]
    assert find_mean_precision([best.score(place) for place in split.test], labels) > 0.9

    assert fit_best(make_set(20, effect=2.0), split, [LOGISTIC, BOOSTED]).predictor == LOGISTIC


def test_boosted_predictors_are_among_the_choices() -> None:
    boosted = [predictor for predictor in list_choices() if predictor.is_boosted]
    assert [predictor.name for predictor in boosted] == [
        "boosted letter + attention",
        "boosted all of these + attention",
    ]
    assert all(HEADS in predictor.blocks for predictor in boosted)
