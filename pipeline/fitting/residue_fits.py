"""Probes of labels of residues fitted to a model: its two passes, and between them the probes that are solved.

One set of labels at a time is solved and measured, so that the memory is that of the largest.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from attlas.pipeline.fitting.fold_shards import FoldShards
from attlas.pipeline.fitting.inputs import OF_LETTERS, ProbeInput
from attlas.pipeline.fitting.passes import (
    ScoreResidues,
    SumResidues,
    add_sums,
    join_scores,
    name_weights,
    save_inputs,
)
from attlas.pipeline.fitting.residue_probes import ResidueProbes
from attlas.pipeline.fitting.ridge import Floats, fit_folds
from attlas.pipeline.fitting.rows import Row, gather_results, make_rows
from attlas.pipeline.fitting.saved_arrays import SavedArrays
from attlas.pipeline.fitting.scores import FoldWeights, SetScores
from attlas.pipeline.fitting.settings import RANDOM
from attlas.pipeline.fitting.shard_task import FitModel, PassRunner


def fit_residues(
    probes: ResidueProbes, model: FitModel, shards: FoldShards, saved: SavedArrays, runner: PassRunner
) -> Iterator[Row]:
    """Run a model twice and yield the rows of its probes; what is saved already is not computed again.

    Raises:
        EnvironmentFault: as `encode.encode`, or what was saved is damaged.
    """
    task = probes.task
    inputs = [i for i in model.shape.list_inputs() if model.name != RANDOM or i.kind not in OF_LETTERS]
    save_inputs(saved, task, shards)

    sums = SumResidues(saved.folder.name, model, shards)
    runner.run(sums, f"{model.name} weights, sums")
    penalties = [_solve(saved, sums, inputs, place, n_targets) for place, n_targets in enumerate(task.n_targets)]

    scores = ScoreResidues(saved.folder.name, model, shards)
    runner.run(scores, f"{model.name} weights, scores")
    for place, labels in enumerate(probes.sets):
        of_inputs = dict(zip(inputs, penalties[place], strict=True))
        set_scores = SetScores(join_scores(saved, scores, place))
        results = gather_results(task, place, labels, of_inputs, set_scores, probes.groups, seed=probes.seed)
        yield from make_rows(results, weights=model.name, n_folds=task.n_folds)


def _solve(saved: SavedArrays, sums: SumResidues, inputs: Sequence[ProbeInput], place: int, n_targets: int) -> Floats:
    """Solve the probes of a set of labels, save the weights of each fold, and return the penalties, (inputs, K, M)."""
    model = sums.model
    folds = sorted(set(sums.shards.folds))
    names = [name_weights(model.name, place, fold) for fold in folds]
    if not all(saved.has(name) for name in names):
        of_folds = add_sums(saved, sums, place, n_targets=n_targets)
        probes = {source: fit_folds([of_fold.select(source) for of_fold in of_folds]) for source in inputs}
        for fold, name in zip(folds, names, strict=True):
            penalties = np.stack([of_input[fold].outer.penalties for of_input in probes.values()])  # (inputs, M)
            weights = FoldWeights.join(probes, fold, model.shape)
            saved.write(name, {**weights.to_arrays(), "penalties": penalties})

    by_fold = []
    for name in names:
        with saved.open(name) as read:
            by_fold.append(np.asarray(read("penalties"), np.float64))
    return np.stack(by_fold, axis=1)
