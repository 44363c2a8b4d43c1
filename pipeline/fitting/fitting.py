"""A fit: probes of every label, layer and kind of input of an atlas, and what they reach on families left out."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from attlas.pipeline.directory import read_plan
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.contact_labels import CONTACTS
from attlas.pipeline.fitting.contact_probes import ContactProbes, prepare_contact_probes
from attlas.pipeline.fitting.grouping import Grouping
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.memory import refuse_too_large
from attlas.pipeline.fitting.random_weights import save_random_model
from attlas.pipeline.fitting.residue_probes import ResidueProbes, prepare_residue_probes
from attlas.pipeline.fitting.rows import Row
from attlas.pipeline.fitting.saved_folds import SavedFolds, open_saved_folds
from attlas.pipeline.fitting.settings import RANDOM, TRAINED, FitSettings, Report
from attlas.pipeline.model.files import find_model
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.plan import Plan
from attlas.pipeline.workers.resources import count_default_workers, measure_available_bytes
from attlas.pipeline.workers.runners import load_plan_and_model
from attlas.schema import FITS, AtlasPaths, Computation, Manifest
from attlas.schema.json_file import digest
from attlas.schema.parquet_file import provenance


@dataclass(frozen=True)
class Fit:
    """The outcome of a fit."""

    table: pa.Table
    """The rows of `fits`."""
    grouping: Grouping
    left_out: tuple[str, ...]
    """Labels left out, each with the reason."""
    n_sequences: int


@dataclass(frozen=True)
class PreparedFit:
    """What is fitted to an atlas: labels of residues, contacts, or both."""

    residues: ResidueProbes | None
    contacts: ContactProbes | None

    @property
    def grouping(self) -> Grouping:
        """Return the groups of the labels of residues, or else those of the contacts."""
        probes = self.residues or self.contacts
        assert probes is not None
        return probes.grouping

    @property
    def n_sequences(self) -> int:
        """Return the sequences that are fitted on."""
        return len(set().union(*(probes.sequence_ids for probes in (self.residues, self.contacts) if probes)))

    def refuse_too_large(self, shape: Shape, *, device: str) -> None:
        """Refuse a fit that does not fit the memory. Raises EnvironmentFault."""
        parts = [probes.predict_bytes(shape) for probes in (self.residues, self.contacts) if probes]
        n_sets = (len(self.residues.sets) if self.residues else 0) + (self.contacts is not None)
        refuse_too_large(max(parts), measure_available_bytes("cpu"), n_sets=n_sets)
        if device == "cuda" and self.residues:  # where the sums are kept while the model runs
            refuse_too_large(self.residues.predict_sum_bytes(shape), measure_available_bytes("cuda"), n_sets=n_sets)

    def fit(
        self, encoder: Encoder, plan: Plan, shape: Shape, *, weights: str, saved: SavedFolds, report: Report
    ) -> list[Row]:
        """Run a model over all that is fitted, and return the rows of its probes."""
        rows: list[Row] = []
        if self.residues:
            saved_sets = saved.named(f"{weights}-residues")
            rows += self.residues.fit(
                encoder, shape, pack_tokens=plan.pack_tokens, weights=weights, saved=saved_sets, report=report
            )
        if self.contacts:
            rows += self.contacts.fit(encoder, shape, weights=weights, report=report)
        return rows


def fit_atlas(root: Path, settings: FitSettings, *, report: Report) -> Fit:
    """Fit probes to the labels of a sealed atlas. Runs the model twice over the sequences that carry a label.

    What a pass has summed or scored of a fold is saved until the fit is at its end, so that the same command goes on
    after a stop.

    Args:
        root: directory of the atlas.
        settings: the settings.
        report: is told how far the passes are.

    Raises:
        InputError: a label is not in the atlas, no label has enough families, or there are no families.
        PlanError: there is no plan, as in a release.
        EnvironmentFault: the model is not there, or the sums do not fit the memory or the disk.
    """
    settings.refuse_few_folds()
    paths = AtlasPaths(root)
    manifest, plan = Manifest.read(paths), read_plan(paths)
    prepared = prepare(paths, manifest, plan, settings)
    shape = Shape(plan.run.n_layers, plan.run.n_heads, find_model(plan.model_directory).shape.width)
    prepared.refuse_too_large(shape, device=plan.run.device)

    # No more threads than OMP_NUM_THREADS allows: on a busy machine they only wait for each other.
    n_threads = min(count_default_workers("cpu"), torch.get_num_threads())
    _, _, encoder = load_plan_and_model(str(root), n_threads)
    metadata = _describe(manifest, plan, prepared.grouping, settings)
    n_models = 2 if settings.has_random_weights else 1
    n_saved_bytes = n_models * prepared.residues.predict_saved_bytes(shape) if prepared.residues else 0
    saved = open_saved_folds(paths, _identify(manifest, prepared, settings), n_bytes=n_saved_bytes)

    rows = prepared.fit(encoder, plan, shape, weights=TRAINED, saved=saved, report=report)
    if settings.has_random_weights:
        with _load_random(plan, settings.seed) as random_encoder:
            rows += prepared.fit(random_encoder, plan, shape, weights=RANDOM, saved=saved, report=report)
    table = make_table(rows).replace_schema_metadata(metadata)
    saved.remove()
    left_out = prepared.residues.left_out if prepared.residues else ()
    return Fit(table, prepared.grouping, left_out, prepared.n_sequences)


def prepare(paths: AtlasPaths, manifest: Manifest, plan: Plan, settings: FitSettings) -> PreparedFit:
    """Return what is fitted to an atlas by the settings. Raises InputError."""
    names = settings.labels
    residue_names = names if names is None else tuple(name for name in names if name.lower() != CONTACTS)
    residues = contacts = None
    if residue_names is None or residue_names:
        residues = prepare_residue_probes(paths, manifest, residue_names, settings)
    if names is not None and len(residue_names or ()) < len(names):
        contacts = prepare_contact_probes(paths, manifest, plan, settings)
    return PreparedFit(residues, contacts)


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
    """Return the identity of what a fit saves: of the same sequences, labels, targets and folds of the same atlas."""
    values = [manifest.atlas_id, digest_inputs(manifest, FITS), settings.seed, settings.n_folds]
    if prepared.residues:
        task = prepared.residues.task
        values += [[labels.labels for labels in prepared.residues.sets], task.folds.tolist()]
        values += [[sequence.sequence_id for sequence in task.sequences]]
    return digest(values)


@contextmanager
def _load_random(plan: Plan, seed: int) -> Iterator[Encoder]:
    """Yield a model of the plan's shape with random weights, whose files are removed afterwards."""
    run = plan.run
    with tempfile.TemporaryDirectory(prefix="attlas-random-") as folder:
        yield Encoder(
            save_random_model(find_model(plan.model_directory), Path(folder), seed=seed),
            device=run.device,
            dtype=run.dtype,
            theta=run.edge_theta,
            attention=run.attention,
            products=run.products,
            is_compiled=False,
        )
