"""The predictor that is applied is chosen as those that were judged, and gives probabilities if it was one of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.labelled_set import LETTER, LETTER_WITH_ATTENTION, make_set

from attlas.pipeline.evaluating import choosing
from attlas.pipeline.evaluating.card import describe_card, make_card
from attlas.pipeline.evaluating.choosing import ChosenPredictor, choose_predictor
from attlas.pipeline.evaluating.folds import N_INNER
from attlas.pipeline.evaluating.others import OtherProteins
from attlas.pipeline.evaluating.predictors import Predictor
from attlas.pipeline.evaluating.scoring import LabelledSet

pytestmark = pytest.mark.slow


class Choosing:
    """Chooses one predictor in the splits and another for all proteins, and keeps the splits that it was given."""

    def __init__(self, in_splits: Predictor, for_all: Predictor) -> None:
        self.in_splits, self.for_all = in_splits, for_all
        self.fit_best = choosing.fit_best
        self.splits: list[Any] = []

    def __call__(self, labelled: LabelledSet, split: Any, predictors: Sequence[Predictor]) -> Any:
        self.splits.append(split)
        return self.fit_best(labelled, split, [self.in_splits if split.test else self.for_all])


def choose(monkeypatch: pytest.MonkeyPatch, fake: Choosing) -> ChosenPredictor:
    monkeypatch.setattr(choosing, "fit_best", fake)
    choice = choose_predictor(make_set(40, effect=1.0), seed=0)
    # The slope of a small set may be anything: here it is right.
    return replace(choice, calibration=replace(choice.calibration, slope=1.0))


def test_as_many_folds_are_left_out_for_all_proteins_as_in_each_split(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Choosing(LETTER, LETTER)
    choice = choose(monkeypatch, fake)
    assert {len(split.inner) for split in fake.splits} == {N_INNER}
    (last,) = [split for split in fake.splits if not split.test]
    assert last.train == tuple(range(40))
    assert not set(last.inner[0]) & set(last.inner[1])
    assert choice.chosen_in_folds == ("letter",) * 5
    assert choice.why_ranks_alone is None


def test_a_predictor_that_no_split_chose_gives_ranks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choose(monkeypatch, Choosing(LETTER, LETTER_WITH_ATTENTION))
    assert choice.predictor is LETTER_WITH_ATTENTION
    assert choice.calibration.is_probability
    assert not choice.is_probability
    assert choice.why_ranks_alone == "letter + attention was chosen in no split: the slope is that of other predictors"
    assert replace(choice, chosen_in_folds=("letter", "letter + attention")).is_probability

    atlas = SimpleNamespace(
        run=SimpleNamespace(model="tiny", weights_sha256="0" * 64, dtype="float32"),
        path=Path("truth.tsv"),
        truth=SimpleNamespace(sha256="0"),
    )
    card = make_card(atlas, make_set(4, effect=0.0), choice, OtherProteins((), 1, 0), type="Site", seed=0)
    assert card["chosen_in_folds"] == ["letter"] * 5
    assert card["why_ranks_alone"] == choice.why_ranks_alone
    lines = list(describe_card(card))
    assert "chosen in the splits: letter 5" in lines
    assert any(line.endswith(f"ranks alone are told, because {choice.why_ranks_alone}") for line in lines)
    assert "not ranked: 1 protein left out of truth.tsv, 0 proteins with a feature `Site`" in lines
