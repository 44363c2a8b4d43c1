"""A fit in one piece: every fold runs at once, and nothing is saved."""

import numpy as np

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.inputs import ProbeInput, Shape
from attlas.pipeline.fitting.passes import score_residues, sum_features
from attlas.pipeline.fitting.ridge import FoldProbes, fit_folds
from attlas.pipeline.fitting.scores import FoldWeights, SetScores
from attlas.pipeline.fitting.task import FitTargets


def fit_in_one_piece(
    encoder: Encoder, task: FitTargets, shape: Shape, *, pack_tokens: int
) -> tuple[list[dict[ProbeInput, list[FoldProbes]]], list[SetScores]]:
    """Return the probes of each set, by input, and their scores: every fold runs at once, and nothing is saved."""
    folds = [task.select(slice(*np.searchsorted(task.folds, (k, k + 1)))) for k in range(task.n_folds)]
    sums = [sum_features(encoder, fold, shape, pack_tokens=pack_tokens) for fold in folds]
    probes = [
        {source: fit_folds([of_fold[place].select(source) for of_fold in sums]) for source in shape.list_inputs()}
        for place in range(len(task.n_labels))
    ]
    scores = [
        score_residues(
            encoder, fold, [FoldWeights.join(of_set, k, shape) for of_set in probes], pack_tokens=pack_tokens
        )
        for k, fold in enumerate(folds)
    ]
    return probes, [SetScores(np.concatenate(of_folds, axis=2)) for of_folds in zip(*scores, strict=True)]
