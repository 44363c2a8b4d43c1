"""The pass that writes `head_contacts`: proteins with a structure run through the model, head by head.

Axis letters: `L` layers, `H` heads, `K` chains of a sequence, `C` chains of a shard, `M` measures.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.chains import Atom, Chain, read_chain_contacts
from attlas.pipeline.contacts.single_heads import MEASURES, ReduceToHeadContacts
from attlas.pipeline.contacts.structure_contacts import StructureContacts
from attlas.pipeline.encoder.device_check import make_pack_runner
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.pass_task import PassTask, ShardRows, TableRows, read_computed_sequences
from attlas.pipeline.plan import Plan, Shard
from attlas.schema import HEAD_CONTACTS, AtlasPaths, Manifest
from attlas.schema.json_file import digest

Sums = NDArray[np.float32]
"""The measures of every head on a sequence against each of its chains, (K, L, H, M)."""


@dataclass(frozen=True)
class SequenceWithChains:
    """A sequence with its contacts in each chain of its structures."""

    sequence: str
    chains: Mapping[Chain, StructureContacts]


@dataclass(frozen=True)
class CompareHeads(PassTask[list[SequenceWithChains], list[Sums]]):
    """Compare single heads with the contacts of structures.

    A sequence on which the attention is not finite has no rows and counts as failed.
    """

    atom: Atom
    theta: float
    """Attention from which on a pair counts as an edge."""
    max_length: int | None
    """Longest sequence, residues; longer ones are left out."""

    @property
    def name(self) -> str:
        """The beginning of its files' names: the same settings and structures give the same table."""
        values = [self.atlas_id, self.atom, self.theta, self.max_length, self.inputs]
        return f"head-contacts-{digest(values)}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that `head_contacts` declares."""
        return {"theta": self.theta, "atom": self.atom, "max_length": self.max_length}

    def select_sequences(self, paths: AtlasPaths, manifest: Manifest, shard: Shard) -> list[SequenceWithChains]:
        """Return the computed sequences of a shard that have a structure and are not too long."""
        sequences = {
            sequence_id: sequence
            for sequence_id, sequence in read_computed_sequences(paths, shard).items()
            if self.max_length is None or len(sequence) <= self.max_length
        }
        chains = read_chain_contacts(paths, manifest, shard, atom=self.atom, sequences=sequences)
        return [SequenceWithChains(sequences[sequence_id], contacts) for sequence_id, contacts in chains.items()]

    def compute(self, encoder: Encoder, plan: Plan, sequences: list[SequenceWithChains]) -> list[Sums]:
        """Return the measures of every sequence. Raises as `PassTask.compute`."""

        def begin(pack: Sequence[SequenceWithChains]) -> Callable[[], list[Sums]]:
            (sequence,) = pack
            sums = _compare_heads(encoder, sequence, self.theta)
            return lambda: [sums]

        runner = make_pack_runner(encoder, begin=begin, is_finite=lambda sums: bool(np.isfinite(sums).all()))
        return list(runner.run_all([sequence] for sequence in sequences))

    def make_rows(self, plan: Plan, sequences: list[SequenceWithChains], results: list[Sums]) -> ShardRows:
        """Return the rows of `head_contacts`."""
        is_finite = [bool(np.isfinite(sums).all()) for sums in results]
        chains = [
            (chain, contacts, sums[k])
            for sequence, sums, is_computed in zip(sequences, results, is_finite, strict=True)
            if is_computed
            for k, (chain, contacts) in enumerate(sequence.chains.items())
        ]

        return ShardRows(
            tables=[TableRows(HEAD_CONTACTS, _head_contact_rows(chains, plan.run.n_layers, plan.run.n_heads))],
            lengths=[len(sequence.sequence) for sequence in sequences],
            n_failed=is_finite.count(False),
        )


def _compare_heads(encoder: Encoder, sequence: SequenceWithChains, theta: float) -> Sums:
    """Run one sequence through the model and return its measures."""
    contacts = tuple(sequence.chains.values())
    forward = encoder.start([sequence.sequence], reduce=ReduceToHeadContacts(contacts), theta=theta)
    _, heads = forward.stack_results()  # (L, 1, H, K x M)
    return np.moveaxis(heads.reshape(len(heads), heads.shape[2], len(contacts), len(MEASURES)), 2, 0)


def _head_contact_rows(
    chains: Sequence[tuple[Chain, StructureContacts, NDArray[np.float32]]], n_layers: int, n_heads: int
) -> dict[str, object]:
    """Return a row for every chain, layer and head, in this order; of each chain its measures, (L, H, M)."""
    empty = np.empty((0, n_layers, n_heads, len(MEASURES)), np.float32)
    values = np.stack([sums for _, _, sums in chains]) if chains else empty  # (C, L, H, M)
    _, layer, head = np.indices(values.shape[:3])
    measures = dict(zip(MEASURES, np.moveaxis(values, -1, 0).reshape(len(MEASURES), -1), strict=True))

    def repeat(chain_values: Sequence[object], dtype: type = object) -> NDArray[np.generic]:
        return np.repeat(np.array(chain_values, dtype), n_layers * n_heads)

    contacts = [chain_contacts for _, chain_contacts, _ in chains]
    return {
        "sequence_id": repeat([chain.sequence_id for chain, _, _ in chains], np.int32),
        "accession": repeat([chain.accession for chain, _, _ in chains]),
        "source": repeat([chain.source for chain, _, _ in chains]),
        "chain": repeat([chain.chain for chain, _, _ in chains]),
        "layer": layer.ravel().astype(np.int16),
        "head": head.ravel().astype(np.int16),
        "n_edges": measures["n_edges"].astype(np.int32),
        "n_contact_edges": measures["n_contact_edges"].astype(np.int32),
        **{name: measures[name] for name in ("edge_mass", "contact_edge_mass", "mass", "contact_mass")},
        "n_pairs": repeat([chain.n_with_coordinates**2 for chain in contacts], np.int64),
        "n_contact_pairs": repeat([chain.contacts.shape[1] for chain in contacts], np.int64),
        "n_top": repeat([min(chain.n_with_coordinates, chain.n_long_pairs) for chain in contacts], np.int32),
        "n_top_contacts": measures["n_top_contacts"].astype(np.int32),
        "n_long_pairs": repeat([chain.n_long_pairs for chain in contacts], np.int64),
        "n_long_contacts": repeat([len(chain.long_contacts) for chain in contacts], np.int64),
    }
