"""Calibration against scikit-learn and against probabilities that are right by construction."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from attlas.pipeline.evaluating.calibration import calibrate, find_error, fit_line, make_bins, make_probability


def draw(seed: int, *, n: int = 60, factor: float = 1.0) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """Return log odds that are `factor` times the true ones, labels drawn by the true ones, and families."""
    generator = np.random.default_rng(seed)
    odds = [generator.normal(-2.5, 1.5, 150) for _ in range(n)]
    labels = [generator.random(150) < make_probability(part) for part in odds]
    return [part * factor for part in odds], labels, [f"F{i // 2}" for i in range(n)]


def test_the_line_is_scikit_learns() -> None:
    odds, labels, _ = draw(0)
    x, y = np.concatenate(odds), np.concatenate(labels)
    weights = np.random.default_rng(1).integers(0, 3, len(x)).astype(float)
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(x[:, None], y, sample_weight=weights)
    line = fit_line(x, y, weights)
    assert (line.slope, line.intercept) == pytest.approx((oracle.coef_[0, 0], oracle.intercept_[0]), abs=1e-4)


def test_right_probabilities_have_a_slope_of_one_within_its_interval() -> None:
    odds, labels, families = draw(2)
    calibration = calibrate(odds, labels, [np.full(150, -2.0)] * 60, families, seed=0, n_draws=100)
    assert calibration.slope_low < 1 < calibration.slope_high
    assert calibration.intercept_low < 0 < calibration.intercept_high
    assert calibration.is_probability
    assert calibration.brier_skill > 0.1
    assert calibration.error is not None
    assert calibration.error < 0.05


def test_probabilities_that_are_too_extreme_are_told_as_ranks_alone() -> None:
    odds, labels, families = draw(3, factor=2.0)
    calibration = calibrate(odds, labels, [np.full(150, -2.0)] * 60, families, seed=0, n_draws=50)
    assert calibration.slope == pytest.approx(0.5, abs=0.05)
    assert not calibration.is_probability


def test_bins_hold_about_equal_numbers_and_their_error_is_the_mean_difference() -> None:
    probability = np.linspace(0, 1, 25)
    labels = probability > 0.5
    bins = make_bins(probability, labels)
    assert [part.n_residues for part in bins] == [3, 3, 3, 3, 3, 2, 2, 2, 2, 2]
    by_hand = sum(abs(part.probability - part.share_labelled) * part.n_residues for part in bins) / 25
    assert find_error(bins) == pytest.approx(by_hand)
    assert find_error(()) is None
