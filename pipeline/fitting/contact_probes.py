"""Probes of contacts: what is fitted to the structures of an atlas, and what it takes. Loads no torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.contact_labels import ContactSequence, read_contact_sequences
from attlas.pipeline.fitting.contact_pairs import N_SEPARATIONS, PairControl, PairSample, list_pairs, sample_pairs
from attlas.pipeline.fitting.controls import TARGETS
from attlas.pipeline.fitting.fold_shards import FoldShards, cut_fold_shards
from attlas.pipeline.fitting.folds import assign_folds
from attlas.pipeline.fitting.grouping import Grouping, group_labelled
from attlas.pipeline.fitting.inputs import MOST_DIRECTIONS, Shape
from attlas.pipeline.fitting.settings import FEWEST_GROUPS_PER_FOLD, FitSettings
from attlas.pipeline.fitting.task import count_columns
from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.plan import Plan, predict_shard_bytes
from attlas.schema import AtlasPaths, InputError, Manifest


@dataclass(frozen=True)
class ContactTask:
    """What is fitted: sequences with structures in order of fold, the pairs of each, and its fold and group."""

    sequences: tuple[ContactSequence, ...]
    samples: tuple[PairSample, ...]
    folds: NDArray[np.int64]
    groups: NDArray[np.int64]
    n_folds: int

    @property
    def lengths(self) -> list[int]:
        """Return the residues of each sequence."""
        return [len(sequence.sequence) for sequence in self.sequences]

    def select(self, places: slice) -> "ContactTask":
        """Return the task of consecutive sequences."""
        return ContactTask(
            self.sequences[places], self.samples[places], self.folds[places], self.groups[places], self.n_folds
        )


@dataclass(frozen=True)
class ContactProbes:
    """What is fitted to the contacts of an atlas."""

    task: ContactTask
    grouping: Grouping
    n_pairs: int
    """Pairs that count, of all proteins."""
    seed: int

    @property
    def sequence_ids(self) -> set[int]:
        """Return the sequences that are fitted on."""
        return {sequence.sequence_id for sequence in self.task.sequences}

    def predict_bytes(self, shape: Shape) -> int:
        """Return the bytes that the process of the command takes: targets, sums or scores, and what solves them."""
        n_products, n_folds = count_products(), self.task.n_folds
        largest = max(shape.n_maps, n_products)
        n_sampled = sum(len(sample.i) for sample in self.task.samples)

        targets = n_sampled * 8 * (5 + len(TARGETS))
        scores = 2 * n_sampled * 4 * len(shape.list_pair_inputs()) * count_columns(1, n_folds)
        sums = n_folds * predict_pair_sum_bytes(shape)
        decompositions = 8 * largest**2 * (n_folds + n_folds * (n_folds - 1) // 2 + 3)
        return targets + max(scores, sums + decompositions)

    def predict_disk_bytes(self, shape: Shape, *, n_shards: int) -> int:
        """Return the bytes that one model's passes keep on the disk until the end."""
        n_sampled = sum(len(sample.i) for sample in self.task.samples)
        directions = 8 * shape.n_layers * shape.width * (1 + MOST_DIRECTIONS)
        weights = 8 * count_columns(1, self.task.n_folds) * len(shape.list_pair_inputs()) * count_products()
        scores = 4 * n_sampled * len(shape.list_pair_inputs()) * count_columns(1, self.task.n_folds)
        return n_shards * predict_pair_sum_bytes(shape) + directions + self.task.n_folds * weights + scores

    def predict_input_bytes(self) -> int:
        """Return the bytes of the structures and sampled pairs that are laid on the disk for the workers."""
        sampled = sum(int(array.nbytes) for sample in self.task.samples for array in vars(sample).values())
        structures = sum(
            int(array.nbytes)
            for sequence in self.task.sequences
            for array in vars(sequence.contacts).values()
            if isinstance(array, np.ndarray)
        )
        return sampled + structures

    def cut_shards(self, shape: Shape, model: ModelShape, plan: Plan) -> FoldShards:
        """Return the shards of the passes, with the memory that each takes of a process."""
        task, lengths = self.task, self.task.lengths

        def predict_bytes(places: slice) -> int:
            build_bytes = predict_shard_bytes(
                lengths[places], shape=model, pack_tokens=plan.pack_tokens, attention=plan.run.attention
            )
            return build_bytes + predict_pair_shard_bytes(task.select(places), shape)

        return cut_fold_shards(
            lengths,
            task.folds,
            model,
            device=plan.run.device,
            sum_bytes=predict_pair_sum_bytes(shape),
            predict_bytes=predict_bytes,
        )


def count_products() -> int:
    """Return the products of two principal directions, without order."""
    return MOST_DIRECTIONS * (MOST_DIRECTIONS + 1) // 2


def predict_pair_sum_bytes(shape: Shape) -> int:
    """Return the bytes of the sums of the pairs of a shard or of a fold."""
    return 8 * (N_SEPARATIONS**2 + shape.n_maps**2 + shape.n_layers * count_products() ** 2)


def predict_pair_shard_bytes(task: ContactTask, shape: Shape) -> int:
    """Return the bytes that a shard takes in any pass, beside those of the build.

    Its sums and scores, the products that the directions are found from, and of the largest protein its columns and
    maps.
    """
    n_sampled = [len(sample.i) for sample in task.samples]
    scores = sum(n_sampled) * 8 * len(shape.list_pair_inputs()) * count_columns(1, task.n_folds)
    directions = 3 * 8 * shape.n_layers * shape.width**2
    features = max(
        n * (12 * shape.n_maps + 3 * 8 * max(shape.n_maps, count_products()))  # maps; columns and their weighted copy
        + length * 12 * shape.n_layers * shape.width  # hidden states
        + length**2 * 80  # maps of heads and their sums, all pairs, scores and their order
        for length, n in zip(task.lengths, n_sampled, strict=True)
    )
    return 2 * predict_pair_sum_bytes(shape) + scores + directions + features


def prepare_contact_probes(paths: AtlasPaths, manifest: Manifest, plan: Plan, settings: FitSettings) -> ContactProbes:
    """Return the sequences, sampled pairs, folds and control for probes of contacts.

    Raises:
        InputError: there are no structures, or too few families with one.
    """
    sequences = read_contact_sequences(paths, manifest, plan)
    grouping = group_labelled(
        paths, manifest, sequences, by=settings.by, clusters=settings.clusters, database=settings.database
    )
    n_groups, n_needed = len(np.unique(grouping.groups)), FEWEST_GROUPS_PER_FOLD * settings.n_folds
    if n_groups < n_needed:
        raise InputError(
            "Contacts cannot be fitted on families left out.",
            expected=f"structures of {n_needed} families or more",
            found=f"{n_groups}",
            hint="annotate more structures, take fewer folds (--folds), or hold out proteins (--by none)",
        )

    weights = np.array([[sequence.contacts.contacts.shape[1]] for sequence in sequences], np.float64)
    folds = assign_folds(grouping.groups, weights, n_folds=settings.n_folds, seed=settings.seed)

    # All pairs of one protein are held at a time.
    control = PairControl((list_pairs(sequence.contacts) for sequence in sequences), seed=settings.seed)
    samples = tuple(
        sample_pairs(
            list_pairs(sequence.contacts), sequence.sequence, control, seed=(settings.seed, sequence.sequence_id)
        )
        for sequence in sequences
    )

    # Those of a fold stand together.
    order = np.argsort(folds, kind="stable").tolist()
    task = ContactTask(
        sequences=tuple(sequences[i] for i in order),
        samples=tuple(samples[i] for i in order),
        folds=folds[order],
        groups=grouping.groups[order],
        n_folds=settings.n_folds,
    )
    return ContactProbes(task, grouping, control.n_pairs, settings.seed)
