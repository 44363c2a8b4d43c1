"""The pass that writes `contacts`: probabilities by the model's contact head, the best pairs of each sequence kept.

Axis letters: `N` residues, `K` pairs of all sequences of a shard.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.contacts.contact_head import predict_probability_maps
from attlas.pipeline.contacts.device_pairs import MOST_RESIDUES, select_pairs_on_device
from attlas.pipeline.contacts.memory import cut_map_packs
from attlas.pipeline.contacts.pairs import KEPT_PER_RESIDUE, ContactPairs, select_pairs
from attlas.pipeline.encoder.device_check import make_pack_runner
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.guard import find_known_sequence
from attlas.pipeline.pass_task import PassTask, SequencesById, ShardRows, TableRows, select_short_sequences
from attlas.pipeline.plan import Plan, Shard
from attlas.schema import CONTACTS, AtlasPaths, Manifest
from attlas.schema.json_file import digest

PredictMaps = Callable[[Sequence[str]], list[Tensor]]
"""Returns, for each sequence of a pack, the score of every pair, (N, N), on the device of the model."""


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
        return select_short_sequences(paths, shard, self.max_length)

    def compute(self, encoder: Encoder, plan: Plan, sequences: SequencesById) -> list[ContactPairs | None]:
        """Return the pairs kept of each sequence, None where its map is not finite. Raises as `PassTask.compute`."""
        predict = partial(predict_probability_maps, encoder)
        return run_map_packs(encoder, plan, list(sequences.values()), predict, floor=self.floor)

    def make_rows(self, plan: Plan, sequences: SequencesById, results: list[ContactPairs | None]) -> ShardRows:
        """Return the rows of `contacts`."""
        columns, n_failed = make_pair_rows(list(sequences), results)
        return ShardRows(
            tables=[TableRows(CONTACTS, {**columns.key, "probability": columns.scores})],
            lengths=[len(sequence) for sequence in sequences.values()],
            n_failed=n_failed,
        )


@dataclass(frozen=True)
class PairColumns:
    """The pairs of several sequences, column by column, each of shape (K,)."""

    sequence_ids: NDArray[np.int32]
    i: NDArray[np.int32]
    j: NDArray[np.int32]
    scores: NDArray[np.float32]

    @property
    def key(self) -> dict[str, object]:
        """The columns that name a pair."""
        return {"sequence_id": self.sequence_ids, "i": self.i, "j": self.j}


def run_map_packs(
    encoder: Encoder, plan: Plan, sequences: Sequence[str], predict: PredictMaps, *, floor: float | None
) -> list[ContactPairs | None]:
    """Run sequences through the model in packs and return the pairs kept of each, None where its map is not finite.

    Raises:
        DeviceFault: the device does not work.
        EnvironmentFault: as `predict`.
    """

    def begin(pack: Sequence[str]) -> Callable[[], list[ContactPairs | None]]:
        # The whole pack at once: the maps of two packs must not be in memory together.
        pairs = [_keep_pairs(scores, floor) for scores in predict(pack)]
        return lambda: pairs

    runner = make_pack_runner(
        encoder, begin=begin, is_finite=lambda pairs: pairs is not None, known_item=find_known_sequence(encoder)
    )
    packs = cut_map_packs([len(sequence) for sequence in sequences], encoder.limit_pack(plan.pack_tokens))
    return list(runner.run_all(sequences[pack] for pack in packs))


def make_pair_rows(sequence_ids: Sequence[int], results: Sequence[ContactPairs | None]) -> tuple[PairColumns, int]:
    """Return the pairs of all sequences as columns, and the number of sequences whose map is not finite."""
    pairs = {
        sequence_id: sequence_pairs
        for sequence_id, sequence_pairs in zip(sequence_ids, results, strict=True)
        if sequence_pairs is not None
    }
    n_pairs = [len(sequence_pairs.i) for sequence_pairs in pairs.values()]
    repeated_ids = np.repeat(np.array(list(pairs), np.int32), n_pairs)

    # Of no sequence at all the columns are empty and have their types.
    empty = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32)
    columns = [(sequence_pairs.i, sequence_pairs.j, sequence_pairs.score) for sequence_pairs in pairs.values()]
    i, j, scores = (np.concatenate(parts) for parts in zip(empty, *columns, strict=True))
    return PairColumns(repeated_ids, i, j, scores), len(results) - len(pairs)


def _keep_pairs(scores: Tensor, floor: float | None) -> ContactPairs | None:
    """Return the pairs of a map, (N, N), that are kept, None where it is not finite."""
    if not scores.sum().isfinite():  # a mask of all pairs would be a quarter of the map
        return None
    if scores.is_cuda and len(scores) <= MOST_RESIDUES:
        return select_pairs_on_device(scores, floor=floor)
    return select_pairs(scores.cpu().numpy(), floor=floor)
