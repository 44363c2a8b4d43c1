"""The pass that writes `contacts`: probabilities by the model's contact head, the best pairs of each sequence kept.

Axis letter: `N` residues.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attlas.pipeline.contacts.contact_head import predict_probabilities
from attlas.pipeline.contacts.memory import cut_map_packs
from attlas.pipeline.contacts.pairs import KEPT_PER_RESIDUE, ContactPairs, select_pairs
from attlas.pipeline.device_check import make_pack_runner
from attlas.pipeline.encoder import Encoder
from attlas.pipeline.pass_task import PassTask, ShardRows, TableRows, read_computed_sequences
from attlas.pipeline.plan import Plan, Shard
from attlas.schema import CONTACTS, AtlasPaths, Manifest
from attlas.schema.json_file import digest

SequencesById = dict[int, str]
"""Sequences by their `sequence_id`."""


@dataclass(frozen=True)
class PredictContacts(PassTask[SequencesById, list[ContactPairs | None]]):
    """Predict contacts by the contact head.

    A sequence whose map is not finite has no rows and counts as failed.
    """

    floor: float
    """Probability from which on a pair is kept in any case."""
    max_length: int | None
    """Longest sequence, residues; longer ones are left out."""

    @property
    def name(self) -> str:
        """The beginning of its files' names: the same settings on the same atlas give the same table."""
        return f"contacts-{digest([self.atlas_id, self.floor, KEPT_PER_RESIDUE, self.max_length, self.inputs])}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that `contacts` declares."""
        return {"floor": self.floor, "max_length": self.max_length}

    def select_sequences(self, paths: AtlasPaths, manifest: Manifest, shard: Shard) -> SequencesById:
        """Return the computed sequences of a shard that are not too long."""
        return {
            sequence_id: sequence
            for sequence_id, sequence in read_computed_sequences(paths, shard).items()
            if self.max_length is None or len(sequence) <= self.max_length
        }

    def compute(self, encoder: Encoder, plan: Plan, sequences: SequencesById) -> list[ContactPairs | None]:
        """Return the pairs kept of each sequence, None where its map is not finite. Raises as `PassTask.compute`."""

        def begin(pack: Sequence[str]) -> Callable[[], list[ContactPairs | None]]:
            # The whole pack at once: the maps of two packs must not stand beside each other.
            pairs = list(_predict_pack(encoder, pack, self.floor))
            return lambda: pairs

        runner = make_pack_runner(encoder, begin=begin, is_finite=lambda pairs: pairs is not None)
        letters = list(sequences.values())
        packs = cut_map_packs([len(sequence) for sequence in letters], encoder.limit_pack(plan.pack_tokens))
        return list(runner.run_all(letters[pack] for pack in packs))

    def make_rows(self, plan: Plan, sequences: SequencesById, results: list[ContactPairs | None]) -> ShardRows:
        """Return the rows of `contacts`."""
        pairs = {
            sequence_id: sequence_pairs
            for sequence_id, sequence_pairs in zip(sequences, results, strict=True)
            if sequence_pairs is not None
        }
        return ShardRows(
            tables=[TableRows(CONTACTS, _contact_rows(pairs))],
            lengths=[len(sequence) for sequence in sequences.values()],
            n_failed=len(sequences) - len(pairs),
        )


def _predict_pack(encoder: Encoder, pack: Sequence[str], floor: float) -> Iterator[ContactPairs | None]:
    """Run a pack through the model and yield the pairs kept of each sequence, None where its map is not finite."""
    for probabilities in predict_probabilities(encoder, pack):
        is_finite = np.isfinite(probabilities.sum())  # a mask of all pairs would be a quarter of the map
        yield select_pairs(probabilities, floor=floor) if is_finite else None


def _contact_rows(pairs: Mapping[int, ContactPairs]) -> dict[str, object]:
    """Return the rows of `contacts`, from the pairs of each `sequence_id`."""
    n_pairs = [len(sequence_pairs.i) for sequence_pairs in pairs.values()]
    sequence_ids = np.repeat(np.array(list(pairs), np.int32), n_pairs)

    # Of no sequence at all the columns are empty and have their types.
    empty = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32)
    columns = [(sequence_pairs.i, sequence_pairs.j, sequence_pairs.probability) for sequence_pairs in pairs.values()]
    i, j, probability = (np.concatenate(parts) for parts in zip(empty, *columns, strict=True))
    return {"sequence_id": sequence_ids, "i": i, "j": j, "probability": probability}
