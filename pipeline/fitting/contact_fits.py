"""Probes of contacts fitted to a model: its passes, the probes that are solved between them, and their rows.

Axis letters: `K` folds, `M` targets, `P` sampled pairs of all proteins.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.contact_arrays import add_saved_moments, join_scores, read_scores, write_weights
from attlas.pipeline.fitting.contact_labels import CONTACTS
from attlas.pipeline.fitting.contact_measures import SampledPairs, measure_contacts, measure_weighted, sort_pairs
from attlas.pipeline.fitting.contact_passes import ContactScores, list_summed, select_moments
from attlas.pipeline.fitting.contact_probes import ContactProbes
from attlas.pipeline.fitting.contact_tasks import (
    FindDirections,
    ScorePairs,
    SumPairs,
    list_inputs,
    name_weights,
    save_inputs,
)
from attlas.pipeline.fitting.controls import TARGETS
from attlas.pipeline.fitting.fold_shards import FoldShards
from attlas.pipeline.fitting.inputs import ProbeInput
from attlas.pipeline.fitting.measures import draw_blocks
from attlas.pipeline.fitting.ridge import Floats, fit_folds
from attlas.pipeline.fitting.rows import NO_LAYER, Row, spread
from attlas.pipeline.fitting.saved_arrays import SavedArrays
from attlas.pipeline.fitting.scores import SetScores, join_probes
from attlas.pipeline.fitting.shard_task import FitModel, PassRunner
from attlas.pipeline.fitting.sums import Moments


def fit_contacts(
    probes: ContactProbes, model: FitModel, shards: FoldShards, saved: SavedArrays, runner: PassRunner
) -> Iterator[Row]:
    """Run a model twice, after a sample of the sequences, and yield the rows of its probes.

    What is saved already is not computed again. Raises as `residue_fits.fit_residues`.
    """
    inputs = list_inputs(model)
    save_inputs(saved, probes.task, shards, seed=probes.seed)

    # Directions are found in one task, which has the memory of the largest shard.
    largest = max(shards.shards, key=lambda shard: shard.predicted_bytes)
    sample = FoldShards((replace(largest, index=1),), (0,))
    runner.run(FindDirections(saved.folder.name, model, sample), f"{model.name} weights, directions of a sample")

    sums = SumPairs(saved.folder.name, model, shards)
    runner.run(sums, f"{model.name} weights, sums of pairs")
    penalties = _solve(saved, sums, inputs)

    scores = ScorePairs(saved.folder.name, model, shards)
    runner.run(scores, f"{model.name} weights, scores of pairs")
    parts = []
    for shard in shards.shards:
        with saved.open(scores.name_shard(shard.index)) as read:
            parts.append(read_scores(read))
    yield from make_rows(probes, dict(zip(inputs, penalties, strict=True)), join_scores(parts), weights=model.name)


def _solve(saved: SavedArrays, task: SumPairs, inputs: Sequence[ProbeInput]) -> Floats:
    """Solve the probes, save the weights of each fold, and return the penalties of contacts, (inputs, K)."""
    model, folds = task.model, sorted(set(task.shards.folds))
    names = [name_weights(model.name, fold) for fold in folds]
    if not all(saved.has(name) for name in names):
        sums = _add_sums(saved, task)
        probes = {source: fit_folds([select_moments(part, source, model.shape) for part in sums]) for source in inputs}
        for fold, name in zip(folds, names, strict=True):
            joined = {source: join_probes(of_folds, fold) for source, of_folds in probes.items()}
            penalties = np.array([of_folds[fold].outer.penalties[0] for of_folds in probes.values()])
            saved.write(name, {**write_weights(joined), "penalties": penalties})

    by_fold = []
    for name in names:
        with saved.open(name) as read:
            by_fold.append(np.asarray(read("penalties"), np.float64))
    return np.stack(by_fold, axis=1)


def _add_sums(saved: SavedArrays, task: SumPairs) -> list[dict[ProbeInput, Moments]]:
    """Return the sums of each fold: those of its shards, added in their order."""
    folds: list[dict[ProbeInput, Moments]] = [{} for _ in range(max(task.shards.folds) + 1)]
    for shard, fold in zip(task.shards.shards, task.shards.folds, strict=True):
        with saved.open(task.name_shard(shard.index)) as read:
            add_saved_moments(folds[fold], read, list_summed(task.model.shape))
    return folds


def make_rows(
    probes: ContactProbes, penalties: Mapping[ProbeInput, Floats], scores: ContactScores, *, weights: str
) -> Iterator[Row]:
    """Yield a row for every input."""
    task = probes.task
    pairs, blocks = _gather_pairs(probes)
    targets = np.concatenate([sample.targets for sample in task.samples], axis=1)  # (M, P)
    n_contacts = sum(sequence.contacts.contacts.shape[1] // 2 for sequence in task.sequences)

    by_input = SetScores(scores.samples)
    for place, source in enumerate(penalties):
        inner = by_input.without_folds(place, 0, n_labels=1, n_folds=task.n_folds)
        measures = measure_contacts(
            by_input.of_target(place, 0, "label"), inner, targets[0] > 0, pairs, scores.proteins[place], blocks
        )
        plain = {
            target: measure_weighted(sort_pairs(by_input.of_target(place, 0, target)), values > 0, pairs.weights)[0]
            for target, values in zip(TARGETS, targets, strict=True)
        }
        yield {
            "label": CONTACTS,
            "weights": weights,
            "input": source.kind,
            "layer": NO_LAYER if source.layer is None else source.layer,
            **spread(measures),
            "control": plain["control"],
            "selectivity": plain["label"] - plain["control"],
            "permuted": plain["permuted"],
            "prevalence": n_contacts / probes.n_pairs,
            "penalty": float(np.median(penalties[source])),
            "n_labelled": n_contacts,
            "n_residues": probes.n_pairs,
            "n_sequences": len(task.sequences),
            "n_groups": len(np.unique(task.groups)),
        }


def _gather_pairs(probes: ContactProbes) -> tuple[SampledPairs, NDArray[np.int64]]:
    """Return the sampled pairs of all proteins, and the block of families of each protein."""
    sizes = [len(sample.i) for sample in probes.task.samples]
    blocks = draw_blocks(probes.task.groups, seed=probes.seed)
    pairs = SampledPairs(
        weights=np.concatenate([sample.weights for sample in probes.task.samples]),
        folds=np.repeat(probes.task.folds, sizes),
        blocks=np.repeat(blocks, sizes),
        n_blocks=int(blocks.max()) + 1,
    )
    return pairs, blocks
