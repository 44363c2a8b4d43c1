"""Every protein scored by models that have not seen its group; penalty and threshold come from training folds. Pure.

A model is fitted on all labelled residues of the training proteins and a sample of the others, which are weighted so
that they stand for all. Homology transfer to a protein uses training proteins of other groups alone, for training
proteins as for test proteins.

Axis letters: `N` residues, `R` rows, `K` columns, `P` proteins.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.evaluating.boosting import BOOSTED_PENALTIES, BoostedModel, fit_boosted
from attlas.pipeline.evaluating.columns import Floats, ProteinColumns
from attlas.pipeline.evaluating.folds import ProteinSplit
from attlas.pipeline.evaluating.homology import find_nearest_identity, transfer
from attlas.pipeline.evaluating.logistic import LogisticModel, fit_logistic
from attlas.pipeline.evaluating.precision import (
    choose_threshold,
    compute_average_precision,
    compute_f1,
    compute_grouped_precision,
    find_mean_precision,
)
from attlas.pipeline.evaluating.predictors import Predictor
from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.pipeline.relatives.hits import HomologyHit

PENALTIES = (100.0, 10.0)
"""Ridge penalties, in units of a labelled residue; all are tried, from strong to weak."""
N_SAMPLED = 10
"""Residues without a label that are sampled for each labelled one."""

Model = LogisticModel | BoostedModel

Rows = tuple[NDArray[np.intp], NDArray[np.float64]]
"""Places of the training residues of a protein, and their weights, (R,)."""


@dataclass(frozen=True)
class LabelledSet:
    """Proteins with their labels, their columns, their hits among each other, and their groups, all in one order."""

    proteins: tuple[LabelledProtein, ...]
    columns: tuple[ProteinColumns, ...]
    hits: tuple[tuple[HomologyHit, ...], ...]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.proteins)


@dataclass(frozen=True)
class ProteinScore:
    """The scores of one predictor on one protein."""

    average_precision: float
    """In any order of equal scores."""
    grouped_precision: float
    """With equal scores taken together."""
    f1: float


def score_split(
    labelled: LabelledSet, split: ProteinSplit, predictors: Sequence[Predictor]
) -> Iterator[tuple[Predictor, dict[int, ProteinScore]]]:
    """Yield each predictor with its scores of the test proteins of a split, by their places."""
    homology, rows = prepare_split(labelled, split)
    for predictor in predictors:
        fitter = SplitFitter(labelled, split, predictor, homology, rows)
        model, threshold = fitter.fit()

        scores = {}
        for place in split.test:
            of_residues = model.score(fitter.join(place))
            labels = labelled.proteins[place].labels
            scores[place] = ProteinScore(
                average_precision=compute_average_precision(of_residues, labels),
                grouped_precision=compute_grouped_precision(of_residues, labels),
                f1=compute_f1(of_residues, labels, threshold),
            )
        yield predictor, scores


def prepare_split(labelled: LabelledSet, split: ProteinSplit) -> tuple[dict[int, Floats], dict[int, Rows]]:
    """Return homology transfer to each protein of a split, and the rows of training proteins, both by place."""
    homology = {place: _transfer(labelled, split, place) for place in (*split.train, *split.test)}
    return homology, {place: sample_rows(labelled.proteins[place]) for place in split.train}


@dataclass(frozen=True)
class PredictorChoice:
    """What is chosen on left-out training folds."""

    penalty: float
    threshold: float
    """For F1."""
    average_precision: float
    """Mean per protein, at this penalty."""
    odds: tuple[NDArray[np.float64], ...]
    """Log odds of each left-out protein at this penalty, from a model that has not seen its group, (N,)."""
    labels: tuple[NDArray[np.bool_], ...]
    """Labels of the same residues."""


class SplitFitter:
    """Fits one predictor on the training proteins of a split.

    Args:
        labelled: all proteins.
        split: the split.
        predictor: says which columns are fitted.
        homology: homology transfer to each protein of the split, by its place.
        rows: the training residues of each training protein, by its place.
    """

    def __init__(
        self,
        labelled: LabelledSet,
        split: ProteinSplit,
        predictor: Predictor,
        homology: Mapping[int, Floats],
        rows: Mapping[int, Rows],
    ) -> None:
        self.labelled, self.split, self.predictor, self.homology, self.rows = labelled, split, predictor, homology, rows
        # Only sampled rows stay in memory: the columns of all residues would take several times the model's output.
        self._samples = {place: self.join(place)[rows[place][0]] for place in split.train}

    def join(self, place: int) -> Floats:
        """Return the columns of every residue of a protein, (N, K)."""
        sequence = self.labelled.proteins[place].sequence
        return self.labelled.columns[place].join(self.predictor.blocks, sequence, self.homology[place])

    @property
    def penalties(self) -> tuple[float, ...]:
        """Return the penalties that are tried, from strong to weak."""
        return BOOSTED_PENALTIES if self.predictor.is_boosted else PENALTIES

    def fit(self) -> tuple[Model, float]:
        """Return the model of all training proteins, and the threshold for F1, chosen on left-out parts of them."""
        choice = self.choose()
        return self.fit_on(self.split.train, choice.penalty), choice.threshold

    def choose(self) -> PredictorChoice:
        """Return the penalty with the best mean average precision on the left-out parts, and the threshold for F1."""
        scores: dict[float, list[NDArray[np.float64]]] = {penalty: [] for penalty in self.penalties}
        labels: list[NDArray[np.bool_]] = []

        for held_out in self.split.inner:
            members = frozenset(held_out)
            models = self._fit_each_penalty([place for place in self.split.train if place not in members])
            for place in held_out:
                columns = self.join(place)
                labels.append(self.labelled.proteins[place].labels)
                for penalty, model in models.items():
                    scores[penalty].append(model.score(columns))

        means = {penalty: find_mean_precision(scores[penalty], labels) for penalty in self.penalties}
        best = max(self.penalties, key=means.__getitem__)
        threshold = choose_threshold(scores[best], labels)
        return PredictorChoice(best, threshold, means[best], tuple(scores[best]), tuple(labels))

    def _fit_each_penalty(self, places: Sequence[int]) -> dict[float, Model]:
        """Return the model of some proteins at each penalty; a logistic model starts where the last one ended."""
        models: dict[float, Model] = {}
        model = None
        for penalty in self.penalties:
            model = models[penalty] = self.fit_on(places, penalty, start=model)
        return models

    def fit_on(self, places: Sequence[int], penalty: float, start: Model | None = None) -> Model:
        """Return the model of the sampled rows of some proteins, by their places."""
        columns = np.concatenate([self._samples[place] for place in places])
        labels = np.concatenate([self.labelled.proteins[place].labels[self.rows[place][0]] for place in places])
        weights = np.concatenate([self.rows[place][1] for place in places])
        if self.predictor.is_boosted:
            return fit_boosted(columns, labels, weights, penalty=penalty)
        return fit_logistic(
            columns, labels, weights, penalty=penalty, start=start if isinstance(start, LogisticModel) else None
        )


def find_nearest(labelled: LabelledSet, split: ProteinSplit) -> dict[int, float]:
    """Return the identity of each test protein to the nearest training protein, by its place."""
    train = frozenset(split.train)
    return {place: find_nearest_identity(labelled.hits[place], train.__contains__) for place in split.test}


def sample_rows(protein: LabelledProtein) -> Rows:
    """Return the training residues of a protein, and their weights, (R,); they do not depend on other proteins.

    All labelled residues count, each with a weight of 1. For each of them N_SAMPLED other residues are drawn, which
    share the weight of all others.
    """
    labels = protein.labels
    others = np.flatnonzero(~labels)
    n_sampled = min(N_SAMPLED * int(labels.sum()), len(others))
    generator = np.random.default_rng(zlib.crc32(f"{protein.accession} {protein.sequence}".encode()))
    sampled = np.sort(generator.choice(others, n_sampled, replace=False))

    places = np.concatenate([np.flatnonzero(labels), sampled])
    weights = np.ones(len(places))
    weights[int(labels.sum()) :] = len(others) / max(n_sampled, 1)
    return places, weights


def _transfer(labelled: LabelledSet, split: ProteinSplit, place: int) -> Floats:
    train, group = frozenset(split.train), labelled.groups[place]

    def is_donor(other: int) -> bool:
        return other in train and labelled.groups[other] != group

    return transfer(place, labelled.proteins, labelled.hits[place], is_donor)
