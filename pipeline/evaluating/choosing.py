"""The predictor of candidate sites: chosen and fitted on labelled proteins, judged on held-out families.

In each split, the predictor is chosen by its average precision on left-out training folds, where the line that
calibrates its log odds is fitted, too. Its scores on the test fold then show how the whole procedure, with the
calibration, works on families that it has not seen. The predictor for other proteins is chosen, fitted and calibrated
in the same way on all labelled proteins: with as many folds left out. What was measured is the procedure; where it
comes to a predictor that it chose in no split, no number is of this predictor, and it gives ranks alone.

Axis letters: `N` residues, `P` proteins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.evaluating.calibration import SLOPES, Calibration, CalibrationLine, calibrate, fit_line
from attlas.pipeline.evaluating.folds import ProteinSplit, assign_folds, keep_all, split_by_fold
from attlas.pipeline.evaluating.precision import find_mean_precision
from attlas.pipeline.evaluating.predictors import BASELINES, BOOSTED, LETTER, Predictor, list_comparisons
from attlas.pipeline.evaluating.scoring import LabelledSet, Model, SplitFitter, prepare_split

TOP_COUNTS = (1, 3, 5, 10)
"""Numbers of top residues of a protein for which the precision is given."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FittedPredictor:
    """A predictor that was chosen and fitted on the training proteins of a split."""

    fitter: SplitFitter
    model: Model
    line: CalibrationLine
    """From the model's log odds to calibrated ones, fitted on left-out training folds."""

    @property
    def predictor(self) -> Predictor:
        """Return the predictor, which says the columns that are fitted."""
        return self.fitter.predictor

    def score(self, place: int) -> Floats:
        """Return the log odds of the residues of a protein of the split, (N,), before calibration."""
        return self.model.score(self.fitter.join(place))


@dataclass(frozen=True)
class ChosenPredictor:
    """The predictor that is applied, and the scores of the procedure on held-out families."""

    predictor: Predictor
    model: Model
    line: CalibrationLine
    """From the model's log odds to those of the probabilities that are printed."""
    calibration: Calibration
    """Calibration of the probabilities as they are printed, by a line that was fitted without the judged family."""
    slope_before: float
    """Slope of the model's own log odds on held-out families, without that line."""
    precision_at: dict[int, float]
    """Mean share of labelled residues among the first k of a protein, by k, on held-out families."""
    average_precision: float
    """Mean per protein on held-out families."""
    chosen_in_folds: tuple[str, ...]
    """The predictor that was chosen in each split."""

    @property
    def why_ranks_alone(self) -> str | None:
        """Return why no probabilities are given; None where they are.

        They must be calibrated on families held out, by the same predictor in a split at least, and rank residues as
        the log odds do.
        """
        if not self.calibration.is_probability:
            return f"the slope, {self.calibration.slope:.2f}, is outside {SLOPES[0]} to {SLOPES[1]}"
        if self.predictor.name not in self.chosen_in_folds:
            return f"{self.predictor.name} was chosen in no split: the slope is that of other predictors"
        if self.line.slope <= 0:
            return "the line that calibrates the log odds turns their order round"
        return None

    @property
    def is_probability(self) -> bool:
        """Return whether probabilities are given."""
        return self.why_ranks_alone is None


def list_choices() -> list[Predictor]:
    """Return the predictors to choose from: those without attention, the same with all attention, and boosted ones."""
    with_attention = (part.extended for part in list_comparisons() if part.kind == "attention")
    return [*BASELINES, *with_attention, *BOOSTED]


def choose_predictor(
    labelled: LabelledSet,
    *,
    seed: int,
    predictors: Sequence[Predictor] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> ChosenPredictor:
    """Return the best predictor, fitted on all labelled proteins, with its calibration on held-out families.

    Args:
        labelled: the proteins, whose groups are families.
        seed: of folds and draws.
        predictors: those to choose from; None: those of `list_choices`.
        say: called with a line for each split that is done.
    """
    choices = list_choices() if predictors is None else predictors
    by_letter = [Predictor("letter", (LETTER,))]
    odds: dict[int, Floats] = {}
    printed: dict[int, Floats] = {}
    letter_odds: dict[int, Floats] = {}
    names = []
    folds = assign_folds(labelled.groups, seed=seed)
    splits = split_by_fold(folds)
    for number, split in enumerate(splits, start=1):
        best = fit_best(labelled, split, choices)
        names.append(best.predictor.name)
        odds |= {place: best.score(place) for place in split.test}
        printed |= {place: best.line.apply(odds[place]) for place in split.test}

        letter = fit_best(labelled, split, by_letter)
        letter_odds |= {place: letter.line.apply(letter.score(place)) for place in split.test}
        say(f"split {number} of {len(splits)}: {best.predictor.name}")

    places = range(len(labelled))
    labels = [protein.labels for protein in labelled.proteins]
    in_order = [odds[place] for place in places]
    calibration = calibrate(
        [printed[place] for place in places],
        labels,
        [letter_odds[place] for place in places],
        labelled.groups,
        seed=seed,
    )
    all_odds, all_labels = np.concatenate(in_order), np.concatenate(labels)

    applied = fit_best(labelled, keep_all(folds), choices)
    return ChosenPredictor(
        predictor=applied.predictor,
        model=applied.model,
        line=applied.line,
        calibration=calibration,
        slope_before=fit_line(all_odds, all_labels, np.ones(len(all_odds))).slope,
        precision_at={k: find_precision_at(in_order, labels, k) for k in TOP_COUNTS},
        average_precision=find_mean_precision(in_order, labels),
        chosen_in_folds=tuple(names),
    )


def fit_best(labelled: LabelledSet, split: ProteinSplit, predictors: Sequence[Predictor]) -> FittedPredictor:
    """Return the predictor with the best average precision on left-out training folds, fitted on all training folds.

    Its calibration line is fitted on the same left-out folds: neither model nor line has seen a test protein.
    """
    homology, rows = prepare_split(labelled, split)
    fitters = [SplitFitter(labelled, split, predictor, homology, rows) for predictor in predictors]
    choices = [fitter.choose() for fitter in fitters]
    best = max(range(len(fitters)), key=lambda place: choices[place].average_precision)

    choice = choices[best]
    left_out_odds, left_out_labels = np.concatenate(choice.odds), np.concatenate(choice.labels)
    line = fit_line(left_out_odds, left_out_labels, np.ones(len(left_out_odds)))
    return FittedPredictor(fitters[best], fitters[best].fit_on(split.train, choice.penalty), line)


def find_precision_at(scores: Sequence[NDArray[np.float64]], labels: Sequence[NDArray[np.bool_]], k: int) -> float:
    """Return the mean share of labelled residues among the top k of each protein; equal scores go by position."""
    shares = []
    for part, mask in zip(scores, labels, strict=True):
        order = np.argsort(-part, kind="stable")[:k]
        shares.append(mask[order].mean())
    return float(np.mean(shares))
