"""The passes that contacts need: their tasks, the sequences of each shard, and the memory that the maps take."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from attlas.pipeline.contacts.against_structures import CompareHeads
from attlas.pipeline.contacts.chains import Atom, Chain, read_chains_with_coordinates
from attlas.pipeline.contacts.fusing import FuseHeads
from attlas.pipeline.contacts.head_choice import HeadChoice
from attlas.pipeline.contacts.memory import check_memory, predict_contact_bytes, predict_head_contact_bytes
from attlas.pipeline.contacts.pairs import DEFAULT_FLOOR
from attlas.pipeline.contacts.predicting import PredictContacts
from attlas.pipeline.pass_planning import (
    ComputedSequence,
    group_by_shard,
    list_computed_sequences,
    list_pass_shards,
)
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.passes import read_finished_receipts
from attlas.pipeline.plan import Plan, Shard
from attlas.schema import CONTACTS, FUSED_CONTACTS, HEAD_CONTACTS, AtlasPaths, Manifest, Table


@dataclass(frozen=True)
class ContactSettings:
    """The settings of the passes that compute contacts."""

    floor: float = DEFAULT_FLOOR
    """Probability from which on a pair is kept in any case."""
    atom: Atom = "ca"
    """Atom that stands for a residue of a structure."""
    max_length: int | None = None
    """Longest sequence, residues; None: no limit."""
    is_heads_only: bool = False
    """Leaves the table `contacts` as it is: for models without a contact head."""
    heads: str | None = None
    """File of a choice of heads, or heads such as `5-3,4-17`: only `fused_contacts` is computed then."""


@dataclass(frozen=True)
class Selection:
    """The sequences and chains of an atlas that the passes compute."""

    longer: tuple[ComputedSequence, ...]
    sequences: tuple[ComputedSequence, ...]
    chains: tuple[Chain, ...]

    @property
    def sequences_with_chains(self) -> list[ComputedSequence]:
        """Return the sequences that have a structure."""
        sequence_ids = {chain.sequence_id for chain in self.chains}
        return [sequence for sequence in self.sequences if sequence.sequence_id in sequence_ids]


@dataclass(frozen=True)
class ContactPass:
    """A task with the shards that it computes."""

    task: PredictContacts | FuseHeads | CompareHeads
    table: Table
    sequences: Mapping[int, list[ComputedSequence]]
    """The sequences of each shard, by its index, in order of length."""
    shards: list[Shard]
    """The shards that hold such sequences, their memory predicted with the maps."""


def select_proteins(paths: AtlasPaths, manifest: Manifest, settings: ContactSettings) -> Selection:
    """Return the sequences that are not too long, and the chains of their structures."""
    computed = list(list_computed_sequences(paths))
    limit = settings.max_length
    sequences = tuple(sequence for sequence in computed if limit is None or sequence.length <= limit)
    sequence_ids = {sequence.sequence_id for sequence in sequences}

    chains = read_chains_with_coordinates(paths, manifest, settings.atom)
    return Selection(
        longer=tuple(sequence for sequence in computed if sequence.sequence_id not in sequence_ids),
        sequences=sequences,
        chains=tuple(chain for chain in chains if chain.sequence_id in sequence_ids),
    )


def plan_passes(
    manifest: Manifest, plan: Plan, settings: ContactSettings, selection: Selection, choice: HeadChoice | None
) -> list[ContactPass]:
    """Return the pass that fuses heads; without a choice, that by the contact head, and the one that compares heads."""
    if choice is not None:
        return [_plan_fusing(manifest, plan, settings, selection, choice)]
    predicting = [] if settings.is_heads_only else [_plan_predicting(manifest, plan, settings, selection)]
    return [*predicting, _plan_comparing(manifest, plan, settings, selection)]


def _plan_fusing(
    manifest: Manifest, plan: Plan, settings: ContactSettings, selection: Selection, choice: HeadChoice
) -> ContactPass:
    fuse = FuseHeads.by_choice(
        choice,
        atlas_id=manifest.atlas_id,
        inputs=digest_inputs(manifest, FUSED_CONTACTS),
        max_length=settings.max_length,
    )
    sequences = group_by_shard(plan, selection.sequences)
    map_bytes = partial(predict_contact_bytes, pack_tokens=plan.pack_tokens, floor=None)
    return ContactPass(fuse, FUSED_CONTACTS, sequences, list_pass_shards(plan, sequences, map_bytes))


def _plan_predicting(manifest: Manifest, plan: Plan, settings: ContactSettings, selection: Selection) -> ContactPass:
    predict = PredictContacts(
        atlas_id=manifest.atlas_id,
        inputs=digest_inputs(manifest, CONTACTS),
        floor=settings.floor,
        max_length=settings.max_length,
    )
    sequences = group_by_shard(plan, selection.sequences)
    map_bytes = partial(predict_contact_bytes, pack_tokens=plan.pack_tokens, floor=settings.floor)
    return ContactPass(predict, CONTACTS, sequences, list_pass_shards(plan, sequences, map_bytes))


def _plan_comparing(manifest: Manifest, plan: Plan, settings: ContactSettings, selection: Selection) -> ContactPass:
    compare = CompareHeads(
        atlas_id=manifest.atlas_id,
        inputs=digest_inputs(manifest, HEAD_CONTACTS),
        atom=settings.atom,
        theta=plan.run.edge_theta,
        max_length=settings.max_length,
    )
    sequences = group_by_shard(plan, selection.sequences_with_chains)
    return ContactPass(compare, HEAD_CONTACTS, sequences, list_pass_shards(plan, sequences, predict_head_contact_bytes))


def check_memory_of(contact_pass: ContactPass, paths: AtlasPaths, plan: Plan) -> None:
    """Refuse a pass with a missing shard whose maps do not fit the memory. Raises EnvironmentFault."""
    receipts = read_finished_receipts(paths, contact_pass.shards, contact_pass.task)
    missing = [shard for shard in contact_pass.shards if shard.index not in receipts]
    longest = {
        index: (sequences[-1].accession, sequences[-1].length) for index, sequences in contact_pass.sequences.items()
    }
    check_memory(missing, longest=longest, device=plan.run.device)
