"""AUC of labels by ranks, against scikit-learn and scipy, with ties and without."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata
from sklearn.metrics import roc_auc_score

from attlas.pipeline.probe import auc
from attlas.pipeline.probe.pack_labels import place_labels


def compute_auc(received: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the AUC of each head and label of one sequence, from (H, N) and (F, N)."""
    of_tokens = torch.from_numpy(np.pad(received, ((0, 0), (1, 1)), constant_values=99))
    return auc.compute_auc(of_tokens, place_labels([labels], torch.device("cpu"))).numpy()


def random_case(seed: int, *, n_residues: int, n_values: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the attention of residues, (5, N), of `n_values` numbers, and labels, (4, N), one of a residue."""
    rng = np.random.default_rng(seed)
    shape = 5, n_residues
    received = rng.random(shape) if n_values is None else rng.integers(0, n_values, shape) / 4
    labels = rng.random((4, n_residues)) < 0.3
    labels[0] = np.arange(n_residues) == seed % n_residues
    return received, labels


@pytest.mark.slow
@pytest.mark.parametrize("n_values", [None, 7, 2, 1])
@pytest.mark.parametrize("n_residues", [2, 3, 40, 301])
def test_it_is_that_of_scikit_learn_and_of_scipy(n_residues: int, n_values: int | None) -> None:
    received, labels = random_case(n_residues, n_residues=n_residues, n_values=n_values)
    aucs = compute_auc(received, labels)
    assert aucs.shape == (5, 4)
    n_compared = 0
    for head, row in enumerate(received):
        for label, where in enumerate(labels):
            if where.all() or not where.any():
                assert np.isnan(aucs[head, label])
                continue
            assert aucs[head, label] == pytest.approx(roc_auc_score(where, row), abs=1e-12)
            u = mannwhitneyu(row[where], row[~where]).statistic
            assert aucs[head, label] == pytest.approx(u / (where.sum() * (~where).sum()), abs=1e-12)
            n_compared += 1
    assert n_compared >= 5


@pytest.mark.parametrize(
    ("received", "labelled", "expected"),
    [
        ([1, 2, 3, 4], [4], 1),
        ([1, 2, 3, 4], [1], 0),
        ([1, 2, 3, 4], [2], 1 / 3),
        ([5, 5, 5, 5], [2], 0.5),
        ([1, 2, 2, 3], [2], 0.5),  # above one, level with one, below one
        ([1, 2, 2, 3], [2, 4], 3.5 / 4),
        ([0, 0, 0, 9], [1, 4], 3 / 4),
    ],
)
def test_an_area_is_the_one_counted_by_hand(received: list[float], labelled: list[int], expected: float) -> None:
    where = np.isin(np.arange(1, 5), labelled)
    assert compute_auc(np.array([received], float), where[None])[0, 0] == pytest.approx(expected)


def test_without_residues_of_both_kinds_there_is_none() -> None:
    aucs = compute_auc(np.array([[1.0, 2.0]]), np.array([[True, True], [False, False], [True, False]]))
    assert np.isnan(aucs[0]).tolist() == [True, True, False]
    assert np.isnan(compute_auc(np.array([[1.0]]), np.array([[True]]))).all()


@given(st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=4), st.integers(1, 5))
def test_ranks_are_those_of_scipy_in_each_sequence(rows: list[list[int]], first_length: int) -> None:
    values = np.array(rows, np.float32)
    begins = torch.tensor([0] * first_length + [first_length] * (6 - first_length))
    ranks = auc.rank_residues(torch.from_numpy(values), begins).numpy()
    for part in (slice(0, first_length), slice(first_length, 6)):
        np.testing.assert_array_equal(ranks[:, part], rankdata(values[:, part], axis=1))


def test_turning_the_order_around_turns_the_auc_around() -> None:
    received, labels = random_case(3, n_residues=60, n_values=9)
    np.testing.assert_allclose(compute_auc(received, labels) + compute_auc(-received, labels), 1)
    np.testing.assert_allclose(compute_auc(received, labels) + compute_auc(received, ~labels), 1)
