"""One shard of the table `head_contacts`: its proteins with a structure through the model, head by head.

Axis letters: `L` layers, `H` heads, `K` chains of a sequence, `M` measures.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.chains import Atom, Chain, chain_contacts
from attlas.pipeline.contacts.known import KnownContacts
from attlas.pipeline.contacts.single_heads import MEASURES, ReduceToHeadContacts
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
from attlas.schema import HEAD_CONTACTS, AtlasPaths, Computation, Manifest, Receipt
from attlas.schema.json_file import digest


@dataclass(frozen=True)
class CompareHeads:
    """What is asked of single heads: a `runners.Task`, and its identity."""

    atlas_id: str
    atom: Atom
    theta: float
    """Attention from which on a pair counts as an edge."""
    max_length: int | None
    """Longest sequence, residues; those beyond are left out."""
    inputs: Inputs
    """The sequences that were computed, and the coordinates."""

    @property
    def name(self) -> str:
        """Return what its files are called by: the same question of the same structures gives the same table."""
        values = [self.atlas_id, self.atom, self.theta, self.max_length, self.inputs]
        return f"head-contacts-{digest(values)}"

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return where the receipt of shard `index` is published."""
        return paths.receipts / f"{self.name}-{index:05d}.json"

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compare one shard in this process."""
        paths, plan, encoder = prepare(root, n_threads)
        return compare_shard(paths, plan, plan.shards[index - 1], encoder, self)


def compare_shard(paths: AtlasPaths, plan: Plan, shard: Shard, encoder: Encoder, asked: CompareHeads) -> Receipt:
    """Compare the heads on a shard's proteins with their structures, publish file and receipt; return the receipt.

    A sequence on which the attention is not finite has no rows and counts as failed.

    Raises:
        EnvironmentFault: the atlas has other coordinates, or sequences, than were asked of.
    """
    started = time.perf_counter()
    manifest = Manifest.read(paths)
    refuse_other_inputs(manifest, asked.inputs)
    computed = computed_sequences(paths, shard)
    sequences = {i: one for i, one in computed.items() if len(one) <= (asked.max_length or len(one))}
    chains = chain_contacts(paths, manifest, shard, atom=asked.atom, sequences=sequences)
    with encoder.lock:
        before = time.perf_counter()
        known = [(sequences[i], tuple(of_sequence.values())) for i, of_sequence in chains.items()]
        sums = dict(zip(chains, _head_sums(encoder, known, asked.theta), strict=True))
        model_s = time.perf_counter() - before
    finite = {i: some for i, some in sums.items() if np.isfinite(some).all()}
    of_chains = [(chain, known, finite[i][n]) for i in finite for n, (chain, known) in enumerate(chains[i].items())]
    settings = {"theta": asked.theta, "atom": asked.atom, "max_length": asked.max_length}
    computation = Computation(settings, dict(asked.inputs))
    rows = _rows(of_chains, plan.run.n_layers, plan.run.n_heads)
    name = f"{asked.name}-{shard.index:05d}"
    file = publish_rows(paths, plan, HEAD_CONTACTS, rows, name=name, computation=computation)
    receipt = receipt_of(
        shard,
        [file],
        pass_id=asked.name,
        lengths=[len(sequences[i]) for i in chains],
        started=started,
        model_s=model_s,
        device=encoder.device.type,
        n_failed=len(sums) - len(finite),
    )
    receipt.write_to(asked.receipt(paths, shard.index))
    return receipt


def _head_sums(
    encoder: Encoder, sequences: Sequence[tuple[str, Sequence[KnownContacts]]], theta: float
) -> Iterator[NDArray[np.float32]]:
    """Yield the measures of every head on each sequence against each of its chains, (K, L, H, M).

    Raises:
        DeviceFault: the device does not work.
        Exception: a sequence fails alone, as where it needs more memory than there is.
    """

    def begin(pack: Sequence[tuple[str, Sequence[KnownContacts]]]) -> Callable[[], list[NDArray[np.float32]]]:
        ((sequence, known),) = pack
        sums = _sums(encoder, sequence, known, theta)
        return lambda: [sums]

    runner = pack_runner(encoder, begin=begin, is_finite=lambda sums: bool(np.isfinite(sums).all()))
    for outcome in runner.run([sequence] for sequence in sequences):
        if isinstance(outcome, Exception):
            raise outcome
        yield outcome


def _sums(encoder: Encoder, sequence: str, known: Sequence[KnownContacts], theta: float) -> NDArray[np.float32]:
    forward = encoder.start([sequence], reduce=ReduceToHeadContacts(tuple(known)), theta=theta)
    _, heads = forward.stacked()  # (L, 1, H, K x M)
    return np.moveaxis(heads.reshape(len(heads), heads.shape[2], len(known), len(MEASURES)), 2, 0)


def _rows(
    of_chains: Sequence[tuple[Chain, KnownContacts, NDArray[np.float32]]], n_layers: int, n_heads: int
) -> dict[str, object]:
    each = n_layers * n_heads
    empty = np.empty((0, n_layers, n_heads, len(MEASURES)), np.float32)
    values = np.stack([sums for _, _, sums in of_chains]) if of_chains else empty  # (all K, L, H, M)
    _, layer, head = np.indices(values.shape[:3])
    measures = dict(zip(MEASURES, np.moveaxis(values, -1, 0).reshape(len(MEASURES), -1), strict=True))

    def repeated(of_each: Sequence[object], dtype: type = object) -> NDArray[np.generic]:
        return np.repeat(np.array(of_each, dtype), each)

    known = [one for _, one, _ in of_chains]
    return {
        "sequence_id": repeated([chain.sequence_id for chain, _, _ in of_chains], np.int32),
        "accession": repeated([chain.accession for chain, _, _ in of_chains]),
        "source": repeated([chain.source for chain, _, _ in of_chains]),
        "chain": repeated([chain.chain for chain, _, _ in of_chains]),
        "layer": layer.ravel().astype(np.int16),
        "head": head.ravel().astype(np.int16),
        "n_edges": measures["n_edges"].astype(np.int32),
        "n_contact_edges": measures["n_contact_edges"].astype(np.int32),
        **{name: measures[name] for name in ("edge_mass", "contact_edge_mass", "mass", "contact_mass")},
        "n_pairs": repeated([one.n_known**2 for one in known], np.int64),
        "n_contact_pairs": repeated([one.contacts.shape[1] for one in known], np.int64),
        "n_top": repeated([min(one.n_known, one.n_long_pairs) for one in known], np.int32),
        "n_top_contacts": measures["n_top_contacts"].astype(np.int32),
        "n_long_pairs": repeated([one.n_long_pairs for one in known], np.int64),
        "n_long_contacts": repeated([len(one.long_contacts) for one in known], np.int64),
    }
