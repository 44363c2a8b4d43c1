"""What is fitted to an atlas by the settings: labels of residues, contacts, or both. Loads no torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from attlas.pipeline.fitting.contact_labels import CONTACTS
from attlas.pipeline.fitting.contact_probes import ContactProbes, prepare_contact_probes
from attlas.pipeline.fitting.fold_shards import FoldShards
from attlas.pipeline.fitting.grouping import Grouping
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.memory import (
    predict_disk_bytes_of_fit,
    predict_fit_bytes,
    predict_input_bytes,
)
from attlas.pipeline.fitting.residue_probes import ResidueProbes, prepare_residue_probes
from attlas.pipeline.fitting.settings import FitSettings
from attlas.pipeline.model.files import ModelShape, find_model
from attlas.pipeline.plan import Plan, Shard
from attlas.schema import AtlasPaths, Manifest


@dataclass(frozen=True)
class PreparedFit:
    """What is fitted to an atlas, and the shards of its passes."""

    residues: ResidueProbes | None
    residue_shards: FoldShards
    contacts: ContactProbes | None
    contact_shards: FoldShards
    model: ModelShape
    shape: Shape
    n_models: int
    """2 with a model of random weights, else 1."""

    @property
    def grouping(self) -> Grouping:
        """Return the groups of the labels of residues, or else those of the contacts."""
        probes = self.residues or self.contacts
        assert probes is not None
        return probes.grouping

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return the labels left out, each with the reason."""
        return self.residues.left_out if self.residues else ()

    @property
    def n_sequences(self) -> int:
        """Return the sequences that are fitted on."""
        return len(set().union(*(probes.sequence_ids for probes in (self.residues, self.contacts) if probes)))

    @property
    def n_sets(self) -> int:
        """Return the sets of labels, contacts among them."""
        return (len(self.residues.sets) if self.residues else 0) + (self.contacts is not None)

    @property
    def shards(self) -> list[Shard]:
        """Return all shards, those of contacts behind those of labels of residues."""
        return [*self.residue_shards.shards, *self.contact_shards.shards]

    def predict_bytes(self) -> int:
        """Return the bytes of memory of the process of the command, which solves and measures."""
        residues = predict_fit_bytes(self.residues.task, self.shape) if self.residues else 0
        contacts = self.contacts.predict_bytes(self.shape) if self.contacts else 0
        return max(residues, contacts)

    def predict_disk_bytes(self) -> int:
        """Return the bytes that the fit keeps on the disk until its end."""
        n_bytes = n_input_bytes = 0
        if self.residues:
            n_shards = len(self.residue_shards.shards)
            n_bytes += predict_disk_bytes_of_fit(self.residues.task, self.shape, n_shards=n_shards)
            n_input_bytes += predict_input_bytes(self.residues.task)
        if self.contacts:
            n_bytes += self.contacts.predict_disk_bytes(self.shape, n_shards=len(self.contact_shards.shards))
            n_input_bytes += self.contacts.predict_input_bytes()
        random_bytes = self.model.weight_bytes if self.n_models > 1 else 0
        return self.n_models * n_bytes + n_input_bytes + random_bytes


def prepare_fit(paths: AtlasPaths, manifest: Manifest, plan: Plan, settings: FitSettings) -> PreparedFit:
    """Return the probes of residues and contacts that the settings ask for, with their shards.

    Raises:
        InputError: a label is not in the atlas, no label has enough families, or there are no families.
        EnvironmentFault: the model is not there.
    """
    settings.refuse_few_folds()
    settings.refuse_unused()

    residues, contacts = _prepare_probes(paths, manifest, plan, settings)
    model = find_model(plan.model_directory).shape
    shape = Shape(plan.run.n_layers, plan.run.n_heads, model.width)
    none = FoldShards((), ())

    return PreparedFit(
        residues=residues,
        residue_shards=residues.cut_shards(shape, model, plan) if residues else none,
        contacts=contacts,
        contact_shards=contacts.cut_shards(shape, model, plan) if contacts else none,
        model=model,
        shape=shape,
        n_models=2 if settings.has_random_weights else 1,
    )


def _prepare_probes(
    paths: AtlasPaths, manifest: Manifest, plan: Plan, settings: FitSettings
) -> tuple[ResidueProbes | None, ContactProbes | None]:
    names = settings.labels
    residue_names: Sequence[str] | None = names
    residues = contacts = None
    if names is not None:
        residue_names = tuple(name for name in names if name.lower() != CONTACTS)
    if residue_names is None or residue_names:
        residues = prepare_residue_probes(paths, manifest, residue_names, settings)
    if names is not None and len(residue_names or ()) < len(names):
        contacts = prepare_contact_probes(paths, manifest, plan, settings)
    return residues, contacts
