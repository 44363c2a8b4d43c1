"""One shard of the table `contacts`: the contact head's probabilities of its sequences, the best pairs of each kept.

Axis letter: `N` residues.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attlas.pipeline.contacts.contact_head import ContactHead, ReduceToContacts, contact_head
from attlas.pipeline.contacts.memory import map_packs
from attlas.pipeline.contacts.pairs import KEPT_PER_RESIDUE, ContactPairs, top_contacts
from attlas.pipeline.device_check import pack_runner
from attlas.pipeline.encoder import Encoder
from attlas.pipeline.passes import (
    Inputs,
    computed_sequences,
    publish_rows,
    receipt_of,
    refuse_other_inputs,
)
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.runners import prepare
from attlas.schema import CONTACTS, AtlasPaths, Computation, Manifest, Receipt
from attlas.schema.json_file import digest


@dataclass(frozen=True)
class PredictContacts:
    """What is asked of the contact head: a `runners.Task`, and its identity."""

    atlas_id: str
    floor: float
    """Probability from which on a pair is kept in any case."""
    max_length: int | None
    """Longest sequence, residues; those beyond are left out."""
    inputs: Inputs
    """The sequences that were computed."""

    @property
    def name(self) -> str:
        """Return what its files are called by: the same question of the same atlas gives the same table."""
        return f"contacts-{digest([self.atlas_id, self.floor, KEPT_PER_RESIDUE, self.max_length, self.inputs])}"

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return where the receipt of shard `index` is published."""
        return paths.receipts / f"{self.name}-{index:05d}.json"

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Predict the contacts of one shard in this process."""
        paths, plan, encoder = prepare(root, n_threads)
        return predict_shard(paths, plan, plan.shards[index - 1], encoder, self)


def predict_shard(paths: AtlasPaths, plan: Plan, shard: Shard, encoder: Encoder, asked: PredictContacts) -> Receipt:
    """Predict the contacts of a shard, publish its file and its receipt, and return the receipt.

    A sequence whose map is not finite has no rows and counts as failed.

    Raises:
        EnvironmentFault: the model has no contact head, or the atlas other sequences than were asked about.
    """
    started = time.perf_counter()
    refuse_other_inputs(Manifest.read(paths), asked.inputs)
    head = contact_head(encoder)
    computed = computed_sequences(paths, shard)
    sequences = {i: one for i, one in computed.items() if len(one) <= (asked.max_length or len(one))}
    with encoder.lock:
        before = time.perf_counter()
        pairs = list(_pairs(encoder, head, list(sequences.values()), plan.pack_tokens, asked.floor))
        model_s = time.perf_counter() - before
    found = {i: one for i, one in zip(sequences, pairs, strict=True) if one is not None}
    computation = Computation({"floor": asked.floor, "max_length": asked.max_length}, dict(asked.inputs))
    name = f"{asked.name}-{shard.index:05d}"
    file = publish_rows(paths, plan, CONTACTS, _rows(found), name=name, computation=computation)
    receipt = receipt_of(
        shard,
        [file],
        pass_id=asked.name,
        lengths=[len(one) for one in sequences.values()],
        started=started,
        model_s=model_s,
        device=encoder.device.type,
        n_failed=len(sequences) - len(found),
    )
    receipt.write_to(asked.receipt(paths, shard.index))
    return receipt


def _pairs(
    encoder: Encoder, head: ContactHead, sequences: Sequence[str], pack_tokens: int, floor: float
) -> Iterator[ContactPairs | None]:
    """Yield the pairs kept of each sequence, None where its map is not finite.

    Raises:
        DeviceFault: the device does not work.
        Exception: a sequence fails alone, as where it needs more memory than there is.
    """

    def begin(pack: Sequence[str]) -> Callable[[], list[ContactPairs | None]]:
        # All of it at once: the maps of two packs must not stand beside each other.
        pairs = list(_pack_pairs(encoder, head, pack, floor))
        return lambda: pairs

    runner = pack_runner(encoder, begin=begin, is_finite=lambda pairs: pairs is not None)
    tokens = min(pack_tokens, encoder.fitting_tokens or pack_tokens)
    lengths = [len(sequence) for sequence in sequences]
    for outcome in runner.run(sequences[pack] for pack in map_packs(lengths, tokens)):
        if isinstance(outcome, Exception):
            raise outcome
        yield outcome


def _pack_pairs(
    encoder: Encoder, head: ContactHead, pack: Sequence[str], floor: float
) -> Iterator[ContactPairs | None]:
    reduce = ReduceToContacts(head, [len(sequence) for sequence in pack])
    encoder.start(pack, reduce=reduce)
    for probabilities in reduce.probabilities():
        is_finite = np.isfinite(probabilities.sum())  # a mask of all pairs would be a quarter of the map
        yield top_contacts(probabilities, floor=floor) if is_finite else None


def _rows(found: dict[int, ContactPairs]) -> dict[str, object]:
    ids = np.repeat(np.array(list(found), np.int32), [len(pairs.i) for pairs in found.values()])
    empty = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32)
    i, j, probability = (
        np.concatenate(parts)
        for parts in zip(empty, *((one.i, one.j, one.probability) for one in found.values()), strict=True)
    )
    return {"sequence_id": ids, "i": i, "j": j, "probability": probability}
