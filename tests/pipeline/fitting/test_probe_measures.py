"""Measures are those of scikit-learn, and what they are without a block of families is what is computed without it."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from scipy.stats import t as student_t
from sklearn.metrics import average_precision_score, f1_score, matthews_corrcoef, r2_score, roc_auc_score

from attlas.pipeline.fitting.measures import (
    MOST_BLOCKS,
    CountedResidues,
    choose_threshold,
    draw_blocks,
    measure_label,
    measure_track,
)
from attlas.pipeline.fitting.ranking import JackknifeEstimate, estimate_ranking, rank

N_FOLDS = 3


@pytest.fixture(scope="module", params=["apart", "tied"])
def scores(request: pytest.FixtureRequest) -> np.ndarray:
    """Return scores without ties, and with many."""
    values = np.random.default_rng(4).normal(size=600)
    return values if request.param == "apart" else np.round(values)


@pytest.fixture(scope="module")
def residues() -> CountedResidues:
    """Return residues of 30 proteins in 10 blocks and 3 folds."""
    proteins = np.repeat(np.arange(30), 20)
    return CountedResidues(proteins, folds=proteins % N_FOLDS, blocks=proteins % 10, n_blocks=10)


@pytest.fixture(scope="module")
def is_labelled() -> np.ndarray:
    return np.random.default_rng(5).random(600) < 0.1


def jackknife(values: list[float]) -> float:
    n = len(values)
    return student_t.ppf(0.975, n - 1) * np.sqrt((n - 1) * np.var(values))


def check(estimate: JackknifeEstimate, value: float, without: list[float]) -> None:
    assert estimate.value == pytest.approx(value, abs=1e-12)
    assert estimate.high - estimate.value == pytest.approx(jackknife(without), abs=1e-9)
    assert estimate.value - estimate.low == pytest.approx(jackknife(without), abs=1e-9)


def test_precision_and_auroc_are_those_of_scikit_learn(
    scores: np.ndarray, is_labelled: np.ndarray, residues: CountedResidues
) -> None:
    precision, auroc = estimate_ranking(rank(scores, is_labelled), residues.blocks, residues.n_blocks)
    for estimate, score in ((precision, average_precision_score), (auroc, roc_auc_score)):
        kept = [residues.blocks != block for block in range(residues.n_blocks)]
        check(estimate, score(is_labelled, scores), [score(is_labelled[k], scores[k]) for k in kept])


def test_the_mean_over_proteins_leaves_out_those_without_the_label(
    scores: np.ndarray, is_labelled: np.ndarray, residues: CountedResidues
) -> None:
    inner = np.tile(scores, (N_FOLDS, 1))
    estimate = measure_label(scores, inner, is_labelled, residues).auprc_protein
    parts = [np.flatnonzero(residues.proteins == protein) for protein in range(30)]
    parts = [part for part in parts if is_labelled[part].any()]
    assert 20 < len(parts) < 30
    precisions = np.array([average_precision_score(is_labelled[part], scores[part]) for part in parts])
    blocks = np.array([residues.blocks[part[0]] for part in parts])
    check(estimate, precisions.mean(), [precisions[blocks != block].mean() for block in range(10)])


def compute_f1(is_labelled: np.ndarray, is_predicted: np.ndarray) -> float:
    """Return F1 by its definition: scikit-learn checks its input anew at each of thousands of thresholds."""
    return float(2 * (is_labelled & is_predicted).sum() / (is_labelled.sum() + is_predicted.sum()))


def test_thresholds_are_of_the_most_f1_on_the_training_folds(
    scores: np.ndarray, is_labelled: np.ndarray, residues: CountedResidues
) -> None:
    inner = np.stack([scores + np.random.default_rng(fold).normal(size=600) / 9 for fold in range(N_FOLDS)])
    measures = measure_label(scores, inner, is_labelled, residues)

    is_predicted = np.zeros(600, bool)
    for fold in range(N_FOLDS):
        training = residues.folds != fold
        candidates = np.unique(inner[fold, training])
        f1 = [compute_f1(is_labelled[training], inner[fold, training] >= threshold) for threshold in candidates]
        best = candidates[np.flatnonzero(np.array(f1) > max(f1) - 1e-12)].max()
        assert choose_threshold(inner[fold, training], is_labelled[training]) == best
        is_predicted[~training] = scores[~training] >= best

    kept = [residues.blocks != block for block in range(10)]
    for estimate, score in ((measures.f1, f1_score), (measures.mcc, matthews_corrcoef)):
        check(estimate, score(is_labelled, is_predicted), [score(is_labelled[k], is_predicted[k]) for k in kept])


def test_a_track_is_measured_by_r2_and_spearman(residues: CountedResidues) -> None:
    rng = np.random.default_rng(6)
    values = np.round(rng.normal(size=600), 1)
    scores = values * 0.5 + rng.normal(size=600) * 0.2
    measures = measure_track(scores, values, residues)
    kept = [residues.blocks != block for block in range(10)]
    check(measures.r2, r2_score(values, scores), [r2_score(values[k], scores[k]) for k in kept])
    assert measures.spearman.value == pytest.approx(spearmanr(values, scores).statistic, abs=1e-12)
    assert measures.spearman.low < measures.spearman.value < measures.spearman.high


def test_families_stay_whole_in_blocks_of_which_there_are_a_hundred_at_most() -> None:
    groups = np.arange(1_000) // 3
    blocks = draw_blocks(groups, seed=1)
    assert len(np.unique(blocks)) == MOST_BLOCKS
    assert all(len(set(blocks[groups == group])) == 1 for group in range(334))
