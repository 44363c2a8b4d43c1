"""A fit against scikit-learn: the features of every residue are stored, and a ridge is fitted to them for each fold."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.metrics import average_precision_score, r2_score
from sklearn.preprocessing import StandardScaler

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.controls import TARGETS
from attlas.pipeline.fitting.features import iterate_features
from attlas.pipeline.fitting.inputs import ProbeInput, Shape
from attlas.pipeline.fitting.letters import encode_letters, encode_windows
from attlas.pipeline.fitting.residue_probes import prepare_residue_probes
from attlas.pipeline.fitting.settings import FitSettings
from attlas.pipeline.fitting.task import FitTargets
from attlas.pipeline.workers.runners import load_plan_and_model
from attlas.schema import AtlasPaths, Manifest
from helpers.fit_in_one_piece import fit_in_one_piece

Row = Mapping[str, object]
Floats = NDArray[np.float64]


def make_task(root: Path, settings: FitSettings) -> FitTargets:
    """Return the targets of a fit of an atlas."""
    paths = AtlasPaths(root)
    return prepare_residue_probes(paths, Manifest.read(paths), settings.labels, settings).task


def compare_with_scikit_learn(
    root: Path, task: FitTargets, shape: Shape, names: Sequence[Sequence[str]], rows: Sequence[Row]
) -> None:
    """Compare scores, and the measures of the rows of a fit, to 1e-6; `names` are the labels of each set."""
    _, plan, encoder = load_plan_and_model(str(root), 1)
    probes, scores = fit_in_one_piece(encoder, task, shape, pack_tokens=plan.pack_tokens)

    by_key = {(row["label"], row["input"], row["layer"]): row for row in rows if row["weights"] == "trained"}
    order = list(shape.list_inputs())
    for place, labels in enumerate(names):
        members = [i for i, sequence in enumerate(task.sequences) if place in sequence.sets]
        is_counted = [task.sequences[i].sets[place].is_counted for i in members]
        folds = np.repeat(task.folds[members], [counts.sum() for counts in is_counted])
        values = np.concatenate([task.targets[i][place][:, c] for i, c in zip(members, is_counted, strict=True)], 1)
        for source, x in stack_features(task, place, encoder, shape, pack_tokens=plan.pack_tokens).items():
            for label, name in enumerate(labels):
                target = values[len(TARGETS) * label]
                penalties = [fold.outer.penalties[len(TARGETS) * label] for fold in probes[place][source]]
                expected = score_left_out(x, target, folds, penalties)
                label_scores = scores[place].of_target(order.index(source), label, "label")
                np.testing.assert_allclose(label_scores, expected, atol=1e-6, err_msg=f"{name} {source}")
                compare_measure(
                    by_key[name, source.kind, -1 if source.layer is None else source.layer], target, expected
                )


def score_left_out(x: Floats, target: Floats, folds: NDArray[np.int64], penalties: Sequence[float]) -> Floats:
    """Return the score of each residue by the ridge that was fitted without its fold."""
    scores = np.empty(len(folds))
    for fold, penalty in enumerate(penalties):
        training = folds != fold
        scaler = StandardScaler().fit(x[training])
        ridge = Ridge(alpha=penalty * training.sum()).fit(scaler.transform(x[training]), target[training])
        scores[~training] = ridge.predict(scaler.transform(x[~training]))
    return scores


def compare_measure(row: Row, target: Floats, scores: Floats) -> None:
    """Compare the average precision of a row, of a track its R2."""
    if str(row["label"]).startswith("track:"):
        assert row["r2"] == pytest.approx(r2_score(target, scores), abs=1e-6), row["input"]
    else:
        # Equal letters score the same; in float64 the library's last bits tell some of them apart.
        precision = average_precision_score(target, scores.astype(np.float32))
        assert row["auprc"] == pytest.approx(precision, abs=1e-6), row["input"]


def stack_features(
    task: FitTargets, place: int, encoder: Encoder, shape: Shape, *, pack_tokens: int
) -> dict[ProbeInput, Floats]:
    """Return the columns of every kind of input, of the residues that count, stored for all sequences."""
    columns: dict[ProbeInput, list[Floats]] = {}
    for fold in range(task.n_folds):
        sequences = [task.sequences[i] for i in np.flatnonzero(task.folds == fold)]
        letters = [sequence.sequence for sequence in sequences]
        for pack, features in iterate_features(encoder, letters, pack_tokens=pack_tokens):
            for sequence, residues in zip(sequences[pack], features.slices, strict=True):
                if place not in sequence.sets:
                    continue
                received, hidden = features.heads[residues].numpy(), features.hidden[-1, residues].numpy()
                for source, values in {
                    ProbeInput("letter", None): encode_letters(sequence.sequence),
                    ProbeInput("window", None): encode_windows(sequence.sequence),
                    ProbeInput("profile", None): received.mean(2),
                    ProbeInput("attention", 0): received[:, 0],
                    ProbeInput("embedding", shape.n_layers - 1): hidden,
                    ProbeInput("both", shape.n_layers - 1): np.hstack([hidden, received.reshape(len(received), -1)]),
                }.items():
                    counted = values[sequence.sets[place].is_counted]
                    columns.setdefault(source, []).append(counted.astype(np.float64))
    return {source: np.concatenate(parts) for source, parts in columns.items()}
