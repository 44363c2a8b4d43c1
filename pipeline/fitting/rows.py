"""The rows of `fits`: the measures of every probe, from the scores of left-out residues."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.controls import TARGETS
from attlas.pipeline.fitting.inputs import ProbeInput
from attlas.pipeline.fitting.label_sets import LabelSet
from attlas.pipeline.fitting.measures import (
    CountedResidues,
    draw_blocks,
    measure_label,
    measure_pooled_precision,
    measure_track,
)
from attlas.pipeline.fitting.ridge import Floats
from attlas.pipeline.fitting.scores import SetScores
from attlas.pipeline.fitting.task import FitTargets

Row = dict[str, object]

NO_LAYER = -1
"""The layer of an input that has no layer, or all of them."""


@dataclass(frozen=True)
class SetResults:
    """A set of labels with the scores of its probes."""

    labels: LabelSet
    penalties: Mapping[ProbeInput, Floats]
    """Penalty of every left-out fold and target, (K, M), by input."""
    scores: SetScores
    targets: NDArray[np.float64]
    """The targets of the residues that count, (M, N)."""
    residues: CountedResidues
    n_sequences: int
    n_groups: int


def gather_results(
    task: FitTargets,
    place: int,
    labels: LabelSet,
    penalties: Mapping[ProbeInput, Floats],
    scores: SetScores,
    groups: NDArray[np.int64],
    *,
    seed: int,
) -> SetResults:
    """Return a set of labels with its residues and scores; `groups` has the group of each sequence of the task."""
    members = [i for i, sequence in enumerate(task.sequences) if place in sequence.sets]
    sizes = [int(task.sequences[i].sets[place].is_counted.sum()) for i in members]
    blocks = draw_blocks(groups[members], seed=seed)
    residues = CountedResidues(
        proteins=np.repeat(np.arange(len(members)), sizes),
        folds=np.repeat(task.folds[members], sizes),
        blocks=np.repeat(blocks, sizes),
        n_blocks=int(blocks.max()) + 1,
    )
    targets = [task.targets[i][place][:, task.sequences[i].sets[place].is_counted] for i in members]
    n_groups = len(np.unique(groups[members]))
    return SetResults(labels, penalties, scores, np.concatenate(targets, axis=1), residues, len(members), n_groups)


def make_rows(results: SetResults, *, weights: str, n_folds: int) -> Iterator[Row]:
    """Yield a row for every label of a set and every input."""
    for label, name in enumerate(results.labels.labels):
        values = results.targets[label * len(TARGETS)]

        for place, (source, penalties) in enumerate(results.penalties.items()):
            yield {
                "label": name,
                "weights": weights,
                "input": source.kind,
                "layer": NO_LAYER if source.layer is None else source.layer,
                **_measure(results, place, label, n_folds=n_folds),
                "prevalence": float(values.mean()),
                "penalty": float(np.median(penalties[:, label * len(TARGETS)])),
                "n_labelled": len(values) if results.labels.is_numeric else int(values.sum()),
                "n_residues": len(values),
                "n_sequences": results.n_sequences,
                "n_groups": results.n_groups,
            }


def _measure(results: SetResults, place: int, label: int, *, n_folds: int) -> Row:
    """Return the measures of a label and an input, with those of the control task and the permuted labels."""
    targets = {target: results.targets[label * len(TARGETS) + row] for row, target in enumerate(TARGETS)}
    scores = {target: results.scores.of_target(place, label, target) for target in TARGETS}

    if results.labels.is_numeric:
        measures = {target: measure_track(scores[target], targets[target], results.residues) for target in TARGETS}
        row = spread(measures["label"])
        plain = {target: measures[target].r2.value for target in TARGETS}
    else:
        inner = results.scores.without_folds(place, label, n_labels=len(results.labels.labels), n_folds=n_folds)
        row = spread(measure_label(scores["label"], inner, targets["label"] > 0, results.residues))
        plain = {target: _measure_precision(scores[target], targets[target]) for target in TARGETS}
    return row | {
        "control": plain["control"],
        "selectivity": plain["label"] - plain["control"],
        "permuted": plain["permuted"],
    }


def _measure_precision(scores: Floats, values: Floats) -> float:
    return measure_pooled_precision(scores, values > 0)


def spread(measures: object) -> Row:
    """Return the estimates in a dataclass as columns: the value and the ends of its interval."""
    row: Row = {}
    for field in fields(measures):  # type: ignore[arg-type]
        estimate = getattr(measures, field.name)
        row |= {field.name: estimate.value, f"{field.name}_low": estimate.low, f"{field.name}_high": estimate.high}
    return row
