"""A fit: probes of every label, layer and kind of input of an atlas, and what they reach on families left out."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from attlas.pipeline.directory import read_plan
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.controls import draw_control_tasks, make_targets
from attlas.pipeline.fitting.folds import assign_folds, count_labelled
from attlas.pipeline.fitting.grouping import Grouping, group_labelled
from attlas.pipeline.fitting.inputs import OF_LETTERS, ProbeInput, Shape
from attlas.pipeline.fitting.label_sets import Labelled, LabelSet, SetValues, read_labelled
from attlas.pipeline.fitting.memory import predict_all_sum_bytes, predict_fit_bytes, refuse_too_large
from attlas.pipeline.fitting.passes import Task, fit_sums, score_residues, sum_features
from attlas.pipeline.fitting.random_weights import save_random_model
from attlas.pipeline.fitting.rows import Row, gather_results, make_rows
from attlas.pipeline.model.files import find_model
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.plan import Plan
from attlas.pipeline.workers.resources import count_default_workers, measure_available_bytes
from attlas.pipeline.workers.runners import load_plan_and_model
from attlas.schema import FITS, AtlasPaths, Computation, InputError, Manifest
from attlas.schema.parquet_file import provenance

FEWEST_GROUPS_PER_FOLD = 2
"""Families with a label, for each fold, that a label needs."""

TRAINED, RANDOM = "trained", "random"

Report = Callable[[str, int, int], None]
"""Is told what runs, the residues that have run, and all that will."""


@dataclass(frozen=True)
class FitSettings:
    """The settings of a fit."""

    labels: tuple[str, ...] | None = None
    """Types of features and tracks (`track:NAME`); None: every type of feature that enough families have."""
    by: str = "family"
    """What folds hold out: `family`, `cluster40` or `none`."""
    clusters: Path | None = None
    """A table of accession and cluster, in place of computed clusters."""
    database: str | None = None
    """The database of families; None: all of them."""
    n_folds: int = 5
    seed: int = 1
    has_random_weights: bool = False
    """Whether a model of random weights is fitted, too."""


@dataclass(frozen=True)
class Fit:
    """The outcome of a fit."""

    table: pa.Table
    """The rows of `fits`."""
    grouping: Grouping
    left_out: tuple[str, ...]
    """Labels left out, each with the reason."""
    n_sequences: int


def fit_atlas(root: Path, settings: FitSettings, *, report: Report) -> Fit:
    """Fit probes to the labels of a sealed atlas. Runs the model twice over the sequences that carry a label.

    Args:
        root: directory of the atlas.
        settings: the settings.
        report: is told how far the passes are.

    Raises:
        InputError: a label is not in the atlas, no label has enough families, or there are no families.
        PlanError: there is no plan, as in a release.
        EnvironmentFault: the model is not there, or the sums do not fit the memory.
    """
    _refuse_settings(settings)
    paths = AtlasPaths(root)
    manifest, plan = Manifest.read(paths), read_plan(paths)
    labelled = read_labelled(paths, manifest, settings.labels)
    grouping = group_labelled(
        paths, manifest, labelled.sequences, by=settings.by, clusters=settings.clusters, database=settings.database
    )
    labelled, groups, left_out = drop_rare(labelled, grouping.groups, n_folds=settings.n_folds)
    if not labelled.sets or (settings.labels is not None and left_out):
        raise _too_few(left_out, settings.n_folds)

    task, groups = _make_task(labelled, groups, settings)
    shape = Shape(plan.run.n_layers, plan.run.n_heads, find_model(plan.model_directory).shape.width)
    inputs = shape.list_inputs()
    sizes = [task.count_residues(place) for place in range(len(task.n_labels))]
    predicted = predict_fit_bytes(
        shape, n_labels=task.n_labels, n_residues=sizes, n_folds=task.n_folds, n_inputs=len(inputs)
    )
    refuse_too_large(predicted, measure_available_bytes("cpu"), n_sets=len(labelled.sets))
    if plan.run.device == "cuda":  # where the sums are kept while the model runs
        sums = predict_all_sum_bytes(shape, n_labels=task.n_labels, n_folds=task.n_folds)
        refuse_too_large(sums, measure_available_bytes("cuda"), n_sets=len(labelled.sets))

    # No more threads than OMP_NUM_THREADS allows: on a busy machine they only wait for each other.
    n_threads = min(count_default_workers("cpu"), torch.get_num_threads())
    _, _, encoder = load_plan_and_model(str(root), n_threads)
    rows = _fit_model(encoder, plan, task, labelled.sets, groups, shape, inputs, settings, TRAINED, report)
    if settings.has_random_weights:
        of_model = [source for source in inputs if source.kind not in OF_LETTERS]
        with tempfile.TemporaryDirectory(prefix="attlas-random-") as folder:
            random_encoder = _load_random(plan, Path(folder), settings.seed)
            rows += _fit_model(
                random_encoder, plan, task, labelled.sets, groups, shape, of_model, settings, RANDOM, report
            )
    metadata = _describe(manifest, plan, grouping, settings)
    return Fit(make_table(rows).replace_schema_metadata(metadata), grouping, left_out, len(task.sequences))


def drop_rare(
    labelled: Labelled, groups: NDArray[np.int64], *, n_folds: int
) -> tuple[Labelled, NDArray[np.int64], tuple[str, ...]]:
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
    return Labelled(tuple(sets), tuple(sequences)), groups[places], tuple(left_out)


def _has_others(labelled: Labelled, place: int, row: int) -> bool:
    """Return whether a residue that counts is without a label."""
    counted = (sequence.sets[place] for sequence in labelled.sequences if place in sequence.sets)
    return any((values.values[row, values.is_counted] == 0).any() for values in counted)


def make_table(rows: Sequence[Row]) -> pa.Table:
    """Return rows of `fits` as a table in its order; what is not a number is null."""
    schema = FITS.schema(0)
    ordered = sorted(rows, key=lambda row: tuple(row[name] for name in FITS.sort))
    columns = [pa.array([_read_number(row.get(field.name)) for row in ordered]).cast(field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _read_number(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _describe(manifest: Manifest, plan: Plan, grouping: Grouping, settings: FitSettings) -> dict[bytes, bytes]:
    """Return the metadata of the table: the run of the atlas, the tables that were read, and the settings."""
    values = {"by": settings.by, "groups": grouping.method, "folds": settings.n_folds, "seed": settings.seed}
    computation = Computation(values, dict(digest_inputs(manifest, FITS)))
    return {**provenance(plan.run, manifest.atlas_id), **computation.metadata(FITS)}


def _make_task(labelled: Labelled, groups: NDArray[np.int64], settings: FitSettings) -> tuple[Task, NDArray[np.int64]]:
    """Return what is fitted, and the groups of its sequences in the same order."""
    _, groups = np.unique(groups, return_inverse=True)
    folds = assign_folds(groups, count_labelled(labelled), n_folds=settings.n_folds, seed=settings.seed)
    sequences = labelled.sequences
    order = sorted(
        range(len(sequences)), key=lambda i: (folds[i], sorted(sequences[i].sets), len(sequences[i].sequence))
    )
    tasks = draw_control_tasks(labelled.sets, sequences, seed=settings.seed)
    targets = tuple(
        {place: make_targets(sequences[i], place, tasks[place], seed=settings.seed) for place in sequences[i].sets}
        for i in order
    )
    task = Task(
        sequences=tuple(sequences[i] for i in order),
        targets=targets,
        folds=folds[order],
        n_labels=tuple(len(labels.labels) for labels in labelled.sets),
        n_folds=settings.n_folds,
    )
    return task, groups[order]


def _fit_model(
    encoder: Encoder,
    plan: Plan,
    task: Task,
    sets: Sequence[LabelSet],
    groups: NDArray[np.int64],
    shape: Shape,
    inputs: Sequence[ProbeInput],
    settings: FitSettings,
    weights: str,
    report: Report,
) -> list[Row]:
    """Run a model twice and return the rows of its probes."""
    total = sum(len(sequence.sequence) for sequence in task.sequences)

    def make_counter(text: str) -> Callable[[int], None]:
        n_done = 0

        def count(n_residues: int) -> None:
            nonlocal n_done
            n_done += n_residues
            report(f"{weights} weights, {text}", n_done, total)

        return count

    counter = make_counter("sums")
    sums = sum_features(encoder, task, shape, pack_tokens=plan.pack_tokens, count=counter)
    probes = fit_sums(sums, inputs)
    del sums
    counter = make_counter("scores")
    scores = score_residues(encoder, task, shape, probes, pack_tokens=plan.pack_tokens, count=counter)

    rows: list[Row] = []
    for place, labels in enumerate(sets):
        results = gather_results(task, place, labels, probes[place], scores[place], groups, seed=settings.seed)
        rows += make_rows(results, weights=weights, n_folds=task.n_folds)
    return rows


def _load_random(plan: Plan, folder: Path, seed: int) -> Encoder:
    """Return a model of the plan's shape with random weights."""
    files = save_random_model(find_model(plan.model_directory), folder, seed=seed)
    run = plan.run
    return Encoder(
        files,
        device=run.device,
        dtype=run.dtype,
        theta=run.edge_theta,
        attention=run.attention,
        products=run.products,
        is_compiled=False,
    )


def _refuse_settings(settings: FitSettings) -> None:
    if settings.n_folds < 3:
        raise InputError(
            "Folds are left out in turn, and the penalty is chosen on those that remain.",
            expected="3 folds or more",
            found=str(settings.n_folds),
        )


def _too_few(left_out: Sequence[str], n_folds: int) -> InputError:
    return InputError(
        "Labels cannot be fitted on families left out.",
        expected=f"labels of {FEWEST_GROUPS_PER_FOLD * n_folds} families or more, with residues that lack them",
        offenders=left_out,
        hint="annotate more proteins, take fewer folds (--folds), or hold out proteins (--by none)",
    )
