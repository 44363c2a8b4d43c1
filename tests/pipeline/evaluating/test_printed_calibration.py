"""Calibration is about what is printed: planted sets in which the line repairs the log odds, and in which it cannot."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.labelled_set import LETTER_WITH_ATTENTION, make_set

from attlas.pipeline.evaluating.calibration import SLOPES, make_probability
from attlas.pipeline.evaluating.choosing import ChosenPredictor, choose_predictor, fit_best
from attlas.pipeline.evaluating.folds import assign_folds, split_by_fold
from attlas.pipeline.evaluating.scoring import LabelledSet


def make_odd_family(labelled: LabelledSet, *, n: int) -> LabelledSet:
    """Return the set with the first `n` proteins as one family, in which attention is lower at labels, not larger."""
    columns = list(labelled.columns)
    for place in range(n):
        columns[place] = replace(columns[place], heads=-columns[place].heads)
    return replace(labelled, columns=tuple(columns), groups=("odd",) * n + labelled.groups[n:])


def choose(labelled: LabelledSet) -> ChosenPredictor:
    """Return the choice where there is one predictor to choose from."""
    return choose_predictor(labelled, seed=0, predictors=[LETTER_WITH_ATTENTION])


@pytest.fixture(scope="module")
def predictor() -> ChosenPredictor:
    """Return the predictor of proteins that all have the effect."""
    return choose(make_set(60, effect=3.0))


@pytest.mark.thorough
def test_a_model_that_is_off_is_judged_by_its_calibrated_probabilities(predictor: ChosenPredictor) -> None:
    """The ridge keeps coefficients too small for so clear an effect; the line, fitted on other families, mends it."""
    assert predictor.slope_before > SLOPES[1]
    assert predictor.calibration.slope == pytest.approx(1, abs=0.2)
    assert predictor.calibration.slope_low < 1 < predictor.calibration.slope_high
    assert predictor.is_probability


@pytest.mark.thorough
def test_a_family_that_is_unlike_all_others_leaves_ranks_alone() -> None:
    judged = choose(make_odd_family(make_set(60, effect=3.0), n=12))
    assert judged.calibration.slope < SLOPES[0]
    assert not judged.is_probability


@pytest.mark.thorough
def test_bins_are_of_the_probabilities_that_are_printed(predictor: ChosenPredictor) -> None:
    labelled = make_set(60, effect=3.0)
    printed = []
    for split in split_by_fold(assign_folds(labelled.groups, seed=0)):
        best = fit_best(labelled, split, [LETTER_WITH_ATTENTION])
        printed += [make_probability(best.line.apply(best.score(place))) for place in split.test]

    bins = predictor.calibration.bins
    by_hand = [part.mean() for part in np.array_split(np.sort(np.concatenate(printed)), len(bins))]
    assert [part.probability for part in bins] == pytest.approx(by_hand)


@pytest.mark.slow
def test_the_line_has_not_seen_the_proteins_that_it_is_judged_on() -> None:
    """Whatever the labels of the test fold are, the line of its split stays."""
    labelled = make_set(60, effect=3.0)
    split = split_by_fold(assign_folds(labelled.groups, seed=0))[0]
    proteins = list(labelled.proteins)
    for place in split.test:
        proteins[place] = replace(proteins[place], positions=(1, 2))

    line = fit_best(labelled, split, [LETTER_WITH_ATTENTION]).line
    assert fit_best(replace(labelled, proteins=tuple(proteins)), split, [LETTER_WITH_ATTENTION]).line == line
