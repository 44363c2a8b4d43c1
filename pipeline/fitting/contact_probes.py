"""Probes of contacts: what is fitted to the structures of an atlas, and the rows that a model reaches.

Axis letters: `P` sampled pairs of all proteins, `M` targets.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.contact_labels import CONTACTS, read_contact_sequences
from attlas.pipeline.fitting.contact_measures import SampledPairs, measure_contacts, measure_weighted, sort_pairs
from attlas.pipeline.fitting.contact_pairs import PairControl, list_pairs, sample_pairs
from attlas.pipeline.fitting.contact_passes import (
    ContactScores,
    ContactTask,
    Probes,
    score_pairs_left_out,
    sum_pairs,
)
from attlas.pipeline.fitting.controls import TARGETS
from attlas.pipeline.fitting.folds import assign_folds
from attlas.pipeline.fitting.grouping import Grouping, group_labelled
from attlas.pipeline.fitting.inputs import SEPARATION, Shape
from attlas.pipeline.fitting.measures import draw_blocks
from attlas.pipeline.fitting.pair_features import MOST_DIRECTIONS, find_directions
from attlas.pipeline.fitting.ridge import fit_folds
from attlas.pipeline.fitting.rows import NO_LAYER, Row, spread
from attlas.pipeline.fitting.scores import SetScores, count_columns
from attlas.pipeline.fitting.settings import FEWEST_GROUPS_PER_FOLD, RANDOM, FitSettings, Report, count_towards
from attlas.pipeline.plan import Plan
from attlas.schema import AtlasPaths, InputError, Manifest


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
        """Return the bytes of memory that a fit takes beside the model.

        Scores and targets of all sampled pairs, the sums of all folds with what decomposes them, the products that the
        directions are found from, and of the largest protein its columns and maps.
        """
        n_products = MOST_DIRECTIONS * (MOST_DIRECTIONS + 1) // 2
        largest, n_folds = max(shape.n_maps, n_products), self.task.n_folds
        n_sampled = [len(sample.i) for sample in self.task.samples]
        n_columns = count_columns(1, n_folds)
        scores = sum(n_sampled) * (4 * len(shape.list_pair_inputs()) * n_columns + 8 * (5 + len(TARGETS)))

        sums = 8 * n_folds * (shape.n_maps**2 + shape.n_layers * n_products**2)
        decompositions = 8 * largest**2 * (n_folds + n_folds * (n_folds - 1) // 2 + 3)
        directions = 3 * 8 * shape.n_layers * shape.width**2

        proteins = zip(self.task.sequences, n_sampled, strict=True)
        features = max(
            n * (12 * shape.n_maps + 3 * 8 * largest)  # maps, and the columns of an input with their weighted copy
            + len(sequence.sequence) * 12 * shape.n_layers * shape.width  # hidden states
            + len(sequence.sequence) ** 2 * 80  # maps of heads and their sums, all pairs, scores and their order
            for sequence, n in proteins
        )
        return scores + sums + decompositions + directions + features

    def fit(self, encoder: Encoder, shape: Shape, *, weights: str, report: Report) -> list[Row]:
        """Run a model twice, after a sample of the sequences, and return the rows of its probes."""
        task = self.task
        inputs = [source for source in shape.list_pair_inputs() if weights != RANDOM or source.kind != SEPARATION]
        total = sum(len(sequence.sequence) for sequence in task.sequences)

        directions = find_directions(encoder, task.sequences, shape, seed=self.seed)
        count = count_towards(report, f"{weights} weights, sums of pairs", total)
        sums = sum_pairs(encoder, task, shape, directions, count=count)
        probes = {source: fit_folds([fold[source] for fold in sums]) for source in inputs}
        count = count_towards(report, f"{weights} weights, scores of pairs", total)
        scores = score_pairs_left_out(encoder, task, shape, directions, probes, count=count)
        return list(self.make_rows(probes, scores, weights=weights))

    def make_rows(self, probes: Probes, scores: ContactScores, *, weights: str) -> Iterator[Row]:
        """Yield a row for every input."""
        pairs, blocks = self._gather_pairs()
        targets = np.concatenate([sample.targets for sample in self.task.samples], axis=1)  # (M, P)
        n_contacts = sum(sequence.contacts.contacts.shape[1] // 2 for sequence in self.task.sequences)

        by_input = SetScores(scores.samples)
        for place, (source, folds) in enumerate(probes.items()):
            inner = by_input.without_folds(place, 0, n_labels=1, n_folds=self.task.n_folds)
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
                "prevalence": n_contacts / self.n_pairs,
                "penalty": float(np.median([fold.outer.penalties[0] for fold in folds])),
                "n_labelled": n_contacts,
                "n_residues": self.n_pairs,
                "n_sequences": len(self.task.sequences),
                "n_groups": len(np.unique(self.task.groups)),
            }

    def _gather_pairs(self) -> tuple[SampledPairs, NDArray[np.int64]]:
        """Return the sampled pairs of all proteins, and the block of families of each protein."""
        sizes = [len(sample.i) for sample in self.task.samples]
        blocks = draw_blocks(self.task.groups, seed=self.seed)
        pairs = SampledPairs(
            weights=np.concatenate([sample.weights for sample in self.task.samples]),
            folds=np.repeat(self.task.folds, sizes),
            blocks=np.repeat(blocks, sizes),
            n_blocks=int(blocks.max()) + 1,
        )
        return pairs, blocks


def prepare_contact_probes(paths: AtlasPaths, manifest: Manifest, plan: Plan, settings: FitSettings) -> ContactProbes:
    """Return what is fitted to the contacts of an atlas.

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
    task = ContactTask(tuple(sequences), samples, folds, grouping.groups, settings.n_folds)
    return ContactProbes(task, grouping, control.n_pairs, settings.seed)
