"""Probes of labels of residues: what is fitted to an atlas, and what it takes. Loads no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.controls import draw_control_tasks, make_targets
from attlas.pipeline.fitting.fold_shards import FoldShards, cut_fold_shards
from attlas.pipeline.fitting.folds import assign_folds, count_labelled
from attlas.pipeline.fitting.grouping import Grouping, group_labelled
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.label_sets import LabelledSequences, LabelSet, SetValues, read_labelled
from attlas.pipeline.fitting.memory import predict_shard_bytes_of_fit, predict_sum_bytes
from attlas.pipeline.fitting.settings import FEWEST_GROUPS_PER_FOLD, FitSettings
from attlas.pipeline.fitting.task import FitTargets
from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.plan import Plan, predict_shard_bytes
from attlas.schema import AtlasPaths, InputError, Manifest


@dataclass(frozen=True)
class ResidueProbes:
    """What is fitted to the labels of residues of an atlas."""

    task: FitTargets
    sets: tuple[LabelSet, ...]
    groups: NDArray[np.int64]
    """The group of families of each sequence of the task."""
    grouping: Grouping
    left_out: tuple[str, ...]
    """Labels left out, each with the reason."""
    seed: int

    @property
    def sequence_ids(self) -> set[int]:
        """Return the sequences that are fitted on."""
        return {sequence.sequence_id for sequence in self.task.sequences}

    def cut_shards(self, shape: Shape, model: ModelShape, plan: Plan) -> FoldShards:
        """Return the shards of the passes, with the memory that each takes of a process."""
        lengths, run = self.task.lengths, plan.run

        def predict_bytes(places: slice) -> int:
            own_bytes = predict_shard_bytes_of_fit(self.task.select(places), shape, pack_tokens=plan.pack_tokens)
            build_bytes = predict_shard_bytes(
                lengths[places], shape=model, pack_tokens=plan.pack_tokens, attention=run.attention
            )
            return own_bytes + build_bytes

        return cut_fold_shards(
            lengths,
            self.task.folds,
            model,
            device=run.device,
            sum_bytes=predict_sum_bytes(shape, self.task.n_labels),
            predict_bytes=predict_bytes,
        )


def prepare_residue_probes(
    paths: AtlasPaths, manifest: Manifest, names: Sequence[str] | None, settings: FitSettings
) -> ResidueProbes:
    """Return the sequences, folds and targets for probes of labels; None as names takes every type of feature.

    Raises:
        InputError: a label is not in the atlas, no label has enough families, or there are no families.
    """
    labelled = read_labelled(paths, manifest, names)
    grouping = group_labelled(
        paths, manifest, labelled.sequences, by=settings.by, clusters=settings.clusters, database=settings.database
    )
    labelled, groups, left_out = drop_rare(labelled, grouping.groups, n_folds=settings.n_folds)
    if not labelled.sets or (names is not None and left_out):
        raise _too_few(left_out, settings.n_folds)
    return make_residue_probes(labelled, groups, grouping, left_out, settings)


def make_residue_probes(
    labelled: LabelledSequences,
    groups: NDArray[np.int64],
    grouping: Grouping,
    left_out: tuple[str, ...],
    settings: FitSettings,
) -> ResidueProbes:
    """Return the probes: the sequences in order of fold, with their targets."""
    _, groups = np.unique(groups, return_inverse=True)
    folds = assign_folds(groups, count_labelled(labelled), n_folds=settings.n_folds, seed=settings.seed)
    sequences = labelled.sequences

    # Packs hold sequences of one fold, on which the same sets count where that is possible, and of about one length.
    order = sorted(
        range(len(sequences)), key=lambda i: (folds[i], sorted(sequences[i].sets), len(sequences[i].sequence))
    )

    # Each label comes with its control task and its permutation.
    controls = draw_control_tasks(labelled.sets, sequences, seed=settings.seed)
    targets = tuple(
        {place: make_targets(sequences[i], place, controls[place], seed=settings.seed) for place in sequences[i].sets}
        for i in order
    )

    task = FitTargets(
        sequences=tuple(sequences[i] for i in order),
        targets=targets,
        folds=folds[order],
        n_labels=tuple(len(labels.labels) for labels in labelled.sets),
        n_folds=settings.n_folds,
    )
    return ResidueProbes(task, labelled.sets, groups[order], grouping, left_out, settings.seed)


def drop_rare(
    labelled: LabelledSequences, groups: NDArray[np.int64], *, n_folds: int
) -> tuple[LabelledSequences, NDArray[np.int64], tuple[str, ...]]:
    """Return the labels that enough families have, with the sequences and groups on which they count.

    Returns:
        The labels, the groups of their sequences, and a sentence for each label that is left out.
    """
    counts = count_labelled(labelled)
    left_out, sets, kept_rows = [], [], []
    column = 0
    for place, labels in enumerate(labelled.sets):
        kept = []
        for row, label in enumerate(labels.labels):
            n_groups = len(np.unique(groups[counts[:, column] > 0]))
            if n_groups < FEWEST_GROUPS_PER_FOLD * n_folds:
                left_out.append(f"{label}: {n_groups} families have it")
            elif not labels.is_numeric and not _has_others(labelled, place, row):
                left_out.append(f"{label}: no residue of its proteins is without it")
            else:
                kept.append(row)
            column += 1
        if kept:
            sets.append(LabelSet(tuple(labels.labels[row] for row in kept), labels.is_numeric))
            kept_rows.append((place, kept))

    sequences, places = [], []
    for i, sequence in enumerate(labelled.sequences):
        values = {
            new: SetValues(sequence.sets[old].is_counted, sequence.sets[old].values[rows])
            for new, (old, rows) in enumerate(kept_rows)
            if old in sequence.sets
        }
        if values:
            sequences.append(replace(sequence, sets=values))
            places.append(i)
    return LabelledSequences(tuple(sets), tuple(sequences)), groups[places], tuple(left_out)


def _has_others(labelled: LabelledSequences, place: int, row: int) -> bool:
    """Return whether a residue that counts is without a label."""
    counted = (sequence.sets[place] for sequence in labelled.sequences if place in sequence.sets)
    return any((values.values[row, values.is_counted] == 0).any() for values in counted)


def _too_few(left_out: Sequence[str], n_folds: int) -> InputError:
    return InputError(
        "Labels cannot be fitted on families left out.",
        expected=f"labels of {FEWEST_GROUPS_PER_FOLD * n_folds} families or more, with residues that lack them",
        offenders=left_out,
        hint="annotate more proteins, take fewer folds (--folds), or hold out proteins (--by none)",
    )
