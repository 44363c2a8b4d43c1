"""A fit: probes of every label, layer and kind of input of an atlas, and what they reach on families left out."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from attlas.pipeline.directory import read_plan
from attlas.pipeline.fitting.contact_fits import fit_contacts
from attlas.pipeline.fitting.grouping import Grouping
from attlas.pipeline.fitting.memory import refuse_too_large
from attlas.pipeline.fitting.preparing import PreparedFit, prepare_fit
from attlas.pipeline.fitting.random_weights import save_random_model
from attlas.pipeline.fitting.residue_fits import fit_residues
from attlas.pipeline.fitting.rows import Row
from attlas.pipeline.fitting.saved_arrays import SavedArrays, open_saved_arrays
from attlas.pipeline.fitting.settings import RANDOM, TRAINED, FitSettings
from attlas.pipeline.fitting.shard_task import FitModel, PassRunner, StartPass
from attlas.pipeline.model.files import ModelFiles, find_model
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.plan import Plan
from attlas.pipeline.workers.resources import check_device, measure_available_bytes
from attlas.pipeline.workers.runners import is_worth_compiling
from attlas.schema import FITS, AtlasPaths, Computation, Manifest
from attlas.schema.json_file import digest
from attlas.schema.leftovers import leftover_name
from attlas.schema.parquet_file import provenance
from attlas.schema.publish import TEMPORARY_PREFIX

_RANDOM_MODEL = "random-model"
"""Folder of the model of random weights, among what the fit keeps until its end."""


@dataclass(frozen=True)
class Fit:
    """The outcome of a fit."""

    table: pa.Table
    """The rows of `fits`."""
    grouping: Grouping
    left_out: tuple[str, ...]
    """Labels left out, each with the reason."""
    n_sequences: int


def fit_atlas(
    root: Path,
    settings: FitSettings,
    *,
    start: StartPass,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> Fit:
    """Fit probes to the labels of a sealed atlas. Runs the model twice over the sequences that carry a label.

    What a pass has summed or scored of a shard is saved until the fit is at its end, so that the same command goes on
    after a stop. The rows are the same for any number of workers.

    Args:
        root: directory of the atlas.
        settings: the settings.
        start: is told which pass begins, and returns what takes its progress.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.

    Raises:
        InputError: a label is not in the atlas, no label has enough families, or there are no families.
        PlanError: there is no plan, as in a release.
        EnvironmentFault: as `encode.encode`; or what is solved does not fit the memory, what is saved not the disk.
    """
    paths = AtlasPaths(root)
    manifest, plan = Manifest.read(paths), read_plan(paths)
    if scheduler is None:
        check_device(plan.run.device)
    prepared = prepare_fit(paths, manifest, plan, settings)
    refuse_too_large(prepared.predict_bytes(), measure_available_bytes("cpu"), n_sets=prepared.n_sets)
    saved = open_saved_arrays(paths, _identify(manifest, prepared, settings), n_bytes=prepared.predict_disk_bytes())
    runner = PassRunner(paths, plan, start, n_workers, scheduler)

    trained = FitModel(
        TRAINED, plan.model_directory, plan.run, is_worth_compiling(plan), prepared.shape, plan.pack_tokens
    )
    rows = _fit_model(prepared, trained, saved, runner)
    if settings.has_random_weights:
        files = _save_random(saved, find_model(plan.model_directory), seed=settings.seed)
        run = replace(plan.run, weights_sha256=files.weights_sha256(), config_sha256=files.config_sha256())
        random = replace(trained, name=RANDOM, directory=str(files.directory), run=run)
        rows += _fit_model(prepared, random, saved, runner)

    metadata = _describe(manifest, plan, prepared.grouping, settings)
    table = make_table(rows).replace_schema_metadata(metadata)
    saved.remove()
    return Fit(table, prepared.grouping, prepared.left_out, prepared.n_sequences)


def _fit_model(prepared: PreparedFit, model: FitModel, saved: SavedArrays, runner: PassRunner) -> list[Row]:
    """Run a model over all that is fitted, and return the rows of its probes."""
    rows: list[Row] = []
    if prepared.residues:
        rows += fit_residues(prepared.residues, model, prepared.residue_shards, saved, runner)
    if prepared.contacts:
        rows += fit_contacts(prepared.contacts, model, prepared.contact_shards, saved, runner)
    return rows


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


def _identify(manifest: Manifest, prepared: PreparedFit, settings: FitSettings) -> str:
    """Return the identity of what a fit saves: of the same sequences, labels, targets and shards of the same atlas."""
    values = [manifest.atlas_id, digest_inputs(manifest, FITS), settings.seed, settings.n_folds]
    if prepared.residues:
        values += [[labels.labels for labels in prepared.residues.sets]]
    for probes, shards in (
        (prepared.residues, prepared.residue_shards),
        (prepared.contacts, prepared.contact_shards),
    ):
        if probes:
            values += [[sequence.sequence_id for sequence in probes.task.sequences], probes.task.folds.tolist()]
            values += [[shard.end_sequence_id for shard in shards.shards]]
    return digest(values)


def _save_random(saved: SavedArrays, trained: ModelFiles, *, seed: int) -> ModelFiles:
    """Return the model of the trained one's shape with random weights, which is written unless it is there."""
    folder = saved.folder.absolute() / _RANDOM_MODEL  # workers have another working directory
    if not folder.is_dir():
        beside = folder.with_name(leftover_name(TEMPORARY_PREFIX, _RANDOM_MODEL))
        save_random_model(trained, beside, seed=seed)
        shutil.move(beside, folder)
    return find_model(str(folder))
