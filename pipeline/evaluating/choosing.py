"""The predictor of candidate sites: chosen and fitted on labelled proteins, judged on families held out.

Within each split the predictor is chosen by its average precision on training folds left out, so that what it scores on
the test fold says how the whole procedure does on families that it has not seen. The predictor that is applied to other
proteins is chosen and fitted in the same way on all labelled proteins.

Axis letters: `N` residues, `P` proteins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.evaluating.calibration import Calibration, calibrate
from attlas.pipeline.evaluating.folds import Split, assign_folds, split_by_fold
from attlas.pipeline.evaluating.logistic import LogisticModel
from attlas.pipeline.evaluating.precision import find_mean_precision
from attlas.pipeline.evaluating.predictors import BASELINES, LETTER, Predictor, list_comparisons
from attlas.pipeline.evaluating.scoring import LabelledSet, SplitFitter, prepare_split

FIRST = (1, 3, 5, 10)
"""Numbers of residues of a protein, from the top, whose precision is told."""


@dataclass(frozen=True)
class ChosenPredictor:
    """The predictor that is applied, and what it and its like score on families held out."""

    predictor: Predictor
    model: LogisticModel
    calibration: Calibration
    precision_at: dict[int, float]
    """Mean share of labelled residues among the first k of a protein, by k, on families held out."""
    average_precision: float
    """Mean per protein on families held out."""
    chosen_in_folds: tuple[str, ...]
    """The predictor that was chosen in each split."""


def list_choices() -> list[Predictor]:
    """Return the predictors to choose from: those without attention, and each of them with all attention added."""
    return [*BASELINES, *(part.extended for part in list_comparisons() if part.kind == "attention")]


def choose_predictor(labelled: LabelledSet, *, seed: int) -> ChosenPredictor:
    """Return the best predictor, fitted on all labelled proteins, with its calibration on families held out."""
    odds: dict[int, NDArray[np.float64]] = {}
    letter_odds: dict[int, NDArray[np.float64]] = {}
    names = []
    folds = assign_folds(labelled.groups, seed=seed)
    for split in split_by_fold(folds):
        fitter, model = fit_best(labelled, split, list_choices())
        names.append(fitter.predictor.name)
        odds |= {place: model.score(fitter.join(place)) for place in split.test}
        by_letter, letter_model = fit_best(labelled, split, [Predictor("letter", (LETTER,))])
        letter_odds |= {place: letter_model.score(by_letter.join(place)) for place in split.test}

    places = range(len(labelled))
    labels = [protein.labels for protein in labelled.proteins]
    in_order = [odds[place] for place in places]
    calibration = calibrate(in_order, labels, [letter_odds[place] for place in places], labelled.groups, seed=seed)

    inner = tuple(tuple(place for place in places if folds[place] == fold) for fold in range(max(folds) + 1))
    fitter, model = fit_best(labelled, Split((), tuple(places), inner), list_choices())
    return ChosenPredictor(
        predictor=fitter.predictor,
        model=model,
        calibration=calibration,
        precision_at={k: find_precision_at(in_order, labels, k) for k in FIRST},
        average_precision=find_mean_precision(in_order, labels),
        chosen_in_folds=tuple(names),
    )


def fit_best(labelled: LabelledSet, split: Split, predictors: Sequence[Predictor]) -> tuple[SplitFitter, LogisticModel]:
    """Return the predictor with the best average precision on training folds left out, and its model of all of them."""
    homology, rows = prepare_split(labelled, split)
    fitters = [SplitFitter(labelled, split, predictor, homology, rows) for predictor in predictors]
    choices = [fitter.choose() for fitter in fitters]
    best = max(range(len(fitters)), key=lambda place: choices[place].average_precision)
    return fitters[best], fitters[best].fit_on(split.train, choices[best].penalty)


def find_precision_at(scores: Sequence[NDArray[np.float64]], labels: Sequence[NDArray[np.bool_]], k: int) -> float:
    """Return the mean share of labelled residues among the first k of each protein; of equal scores by position."""
    shares = []
    for part, mask in zip(scores, labels, strict=True):
        order = np.argsort(-part, kind="stable")[:k]
        shares.append(mask[order].mean())
    return float(np.mean(shares))
