"""Predictors are scored on folds left out: a planted effect is found, and none is in noise."""

import numpy as np
import pytest
from helpers.labelled_set import LETTER, LETTER_WITH_ATTENTION, make_set

from attlas.pipeline.evaluating.folds import assign_folds, split_by_fold
from attlas.pipeline.evaluating.predictors import Predictor
from attlas.pipeline.evaluating.scoring import LabelledSet, sample_rows, score_split
from attlas.pipeline.evaluating.truth import LabelledProtein

pytestmark = pytest.mark.slow


def score(labelled: LabelledSet, predictors: list[Predictor]) -> dict[str, float]:
    """Return the mean average precision of each predictor over all folds."""
    values: dict[str, list[float]] = {}
    for split in split_by_fold(assign_folds(labelled.groups, seed=0)):
        for predictor, scores in score_split(labelled, split, predictors):
            values.setdefault(predictor.name, []).extend(part.average_precision for part in scores.values())
    return {name: float(np.mean(of_name)) for name, of_name in values.items()}


def test_a_planted_effect_is_found_beyond_letters_and_none_is_in_noise() -> None:
    planted = score(make_set(60, effect=3.0), [LETTER, LETTER_WITH_ATTENTION])
    assert planted[LETTER_WITH_ATTENTION.name] > planted[LETTER.name] + 0.2

    noise = score(make_set(60, effect=0.0), [LETTER, LETTER_WITH_ATTENTION])
    assert noise[LETTER_WITH_ATTENTION.name] < noise[LETTER.name] + 0.02


def test_sampled_rows_stand_for_all_residues() -> None:
    protein = LabelledProtein("P", 0, "MKHD" * 50, (3,))
    places, weights = sample_rows(protein)
    assert places[0] == 2
    assert len(places) == 11
    assert weights.sum() == pytest.approx(200)
    assert (sample_rows(protein)[0] == places).all()
