"""Whether probabilities are right: calibration on proteins of families that were held out. Pure, over arrays.

The calibration line is the logistic regression of the label on the log odds (Cox 1958): slope 1 and intercept 0 where
probabilities are right, a slope below 1 where they are too extreme. A line is used twice: a line fitted on left-out
training folds turns the log odds of a model into calibrated ones; and a line fitted to these on test folds judges the
probabilities that are printed.

Axis letters: `N` residues, `P` proteins, `B` draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.evaluating.differences import ALPHA, draw_family_counts

SLOPES = (0.8, 1.25)
"""Slopes of the calibration line between which probabilities are given; otherwise only ranks."""
N_BINS = 10
"""Bins of the reliability curve, of equal numbers of residues."""
LEAST_PROBABILITY = 0.1
"""Probability from which on residues count for the error of calibration: below, a constant 0 would look calibrated."""
_N_STEPS = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CalibrationLine:
    """The line from log odds to calibrated log odds."""

    slope: float
    intercept: float

    def apply(self, odds: Floats) -> Floats:
        """Return the calibrated log odds, of the shape of `odds`."""
        return self.slope * odds + self.intercept


RIGHT = CalibrationLine(1.0, 0.0)
"""The line of log odds that are calibrated already."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Residues of about one probability."""

    probability: float
    """Mean probability."""
    share_labelled: float
    n_residues: int


@dataclass(frozen=True)
class Calibration:
    """How well the probabilities of held-out proteins agree with their labels."""

    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    intercept_low: float
    intercept_high: float
    brier_skill: float
    """1 less the Brier score over that of the letter's share of labelled residues: above 0, it predicts better."""
    error: float | None
    """Mean difference of probability and share over equal-count bins of residues of 0.1 or more; None without any."""
    bins: tuple[ReliabilityBin, ...]

    @property
    def is_probability(self) -> bool:
        """Return whether the slope is such that probabilities are given."""
        return SLOPES[0] <= self.slope <= SLOPES[1]


def calibrate(
    odds: Sequence[Floats],
    labels: Sequence[NDArray[np.bool_]],
    letter_odds: Sequence[Floats],
    families: Sequence[str],
    *,
    seed: int,
    n_draws: int = 500,
) -> Calibration:
    """Return the calibration of log odds; intervals by bootstrap over families.

    Args:
        odds: log odds of each protein's residues, (N,), as they are printed; neither the model nor the line has seen
            the protein's family.
        labels: of each protein, (N,).
        letter_odds: log odds by the letter alone, from a model that has not seen the family either.
        families: of each protein.
        seed: of the draws.
        n_draws: draws of families.
    """
    all_odds, all_labels = np.concatenate(odds), np.concatenate(labels)
    owners = np.repeat(np.arange(len(odds)), [len(part) for part in odds])
    line = fit_line(all_odds, all_labels, np.ones(len(all_odds)))

    counts = draw_family_counts(families, seed=seed, n_draws=n_draws)
    drawn_lines = [fit_line(all_odds, all_labels, drawn[owners], start=line) for drawn in counts]
    pairs = np.array([(drawn_line.slope, drawn_line.intercept) for drawn_line in drawn_lines])
    (slope_low, intercept_low), (slope_high, intercept_high) = np.quantile(pairs, [ALPHA / 2, 1 - ALPHA / 2], axis=0)

    probability = make_probability(all_odds)
    by_letter = make_probability(np.concatenate(letter_odds))
    is_likely = probability >= LEAST_PROBABILITY
    likely_bins = make_bins(probability[is_likely], all_labels[is_likely])
    return Calibration(
        slope=line.slope,
        slope_low=float(slope_low),
        slope_high=float(slope_high),
        intercept=line.intercept,
        intercept_low=float(intercept_low),
        intercept_high=float(intercept_high),
        brier_skill=float(1 - np.mean((probability - all_labels) ** 2) / np.mean((by_letter - all_labels) ** 2)),
        error=find_error(likely_bins),
        bins=make_bins(probability, all_labels),
    )


def make_probability(odds: Floats) -> Floats:
    """Return the probabilities of log odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -500, 500))))


def make_bins(probability: Floats, labels: NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    """Return the reliability curve: bins of about equal numbers of residues, the lowest probability first."""
    order = np.argsort(probability, kind="stable")
    return tuple(
        ReliabilityBin(float(probability[part].mean()), float(labels[part].mean()), len(part))
        for part in np.array_split(order, N_BINS)
        if len(part)
    )


def find_error(bins: Sequence[ReliabilityBin]) -> float | None:
    """Return the mean difference between probability and share of labelled residues, weighted by residues."""
    n_residues = sum(part.n_residues for part in bins)
    if n_residues == 0:
        return None
    return sum(abs(part.probability - part.share_labelled) * part.n_residues for part in bins) / n_residues


def fit_line(
    odds: Floats, labels: NDArray[np.bool_], weights: Floats, *, start: CalibrationLine = RIGHT
) -> CalibrationLine:
    """Return the calibration line of log odds, (N,), by Newton's method with steps halved where they overshoot."""
    columns = np.stack([odds, np.ones(len(odds))], axis=1)
    beta = np.array([start.slope, start.intercept])

    def find_loss(candidate: Floats) -> float:
        calibrated = columns @ candidate
        return float(weights @ (np.logaddexp(0, calibrated) - labels * calibrated))

    loss = find_loss(beta)
    for _ in range(_N_STEPS):
        probability = make_probability(columns @ beta)
        gradient = columns.T @ (weights * (probability - labels))
        hessian = (columns * (weights * probability * (1 - probability))[:, None]).T @ columns
        step = np.linalg.solve(hessian + 1e-9 * np.eye(2), gradient)
        while find_loss(beta - step) > loss and np.abs(step).max() > 1e-9:
            step /= 2
        beta, loss = beta - step, find_loss(beta - step)
        if np.abs(step).max() < 1e-7:
            break
    return CalibrationLine(float(beta[0]), float(beta[1]))
