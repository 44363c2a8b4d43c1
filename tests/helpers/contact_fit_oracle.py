"""A fit of contacts in one piece: every fold runs at once, and nothing is saved."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.contact_arrays import join_scores
from attlas.pipeline.fitting.contact_passes import score_pairs_left_out, select_moments, sum_pairs
from attlas.pipeline.fitting.contact_probes import ContactTask
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.ridge import fit_folds
from attlas.pipeline.fitting.scores import SetScores, join_probes

Floats = NDArray[np.float64]
Folds = Mapping[Any, Sequence[Any]]
"""The probes of each fold, by their input."""


def select_folds(task: ContactTask) -> list[ContactTask]:
    """Return the task of each fold."""
    folds = range(int(task.folds.max()) + 1)
    return [task.select(slice(*np.searchsorted(task.folds, (fold, fold + 1)))) for fold in folds]


def fit_pairs(encoder: Encoder, task: ContactTask, shape: Shape, directions: Any) -> Folds:
    """Return the probes of each input, fitted to sums over the folds."""
    sums = [sum_pairs(encoder, fold, shape, directions) for fold in select_folds(task)]
    return {
        source: fit_folds([select_moments(of_fold, source, shape) for of_fold in sums])
        for source in shape.list_pair_inputs()
    }


def score_pairs_in_one_piece(encoder: Encoder, task: ContactTask, shape: Shape, directions: Any, probes: Folds) -> Any:
    """Return the scores of all pairs by the probes that were fitted without their fold."""
    scores = [
        score_pairs_left_out(
            encoder,
            fold,
            shape,
            directions,
            {source: join_probes(of_source, k) for source, of_source in probes.items()},
        )
        for k, fold in enumerate(select_folds(task))
    ]
    return join_scores(scores)


def select_scores(scores: Any, place: int) -> Floats:
    """Return the scores of the sampled pairs by the input at a place, of whether they are contacts."""
    return SetScores(scores.samples).of_target(place, 0, "label")


def score_weighted(x: Floats, labels: Floats, weights: Floats, folds: NDArray[Any], probes: Sequence[Any]) -> Floats:
    """Return the score of each pair by scikit-learn's ridge on weighted pairs of the other folds."""
    scores = np.empty(len(x))
    for k, fold in enumerate(probes):
        training = folds != k
        scaler = StandardScaler().fit(x[training], sample_weight=weights[training])
        alpha = fold.outer.penalties[0] * weights[training].sum()
        ridge = Ridge(alpha=alpha).fit(scaler.transform(x[training]), labels[training], sample_weight=weights[training])
        scores[~training] = ridge.predict(scaler.transform(x[~training]))
    return scores
