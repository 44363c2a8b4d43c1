"""Contacts added to a sealed atlas: a pass over every sequence and one over those with a structure, resumable.

By the model's contact head, into `contacts`; or by a few chosen heads, into `fused_contacts`, which every model has.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.contacts.against_structures import CompareHeads
from attlas.pipeline.contacts.chains import Atom, Chain, read_chains, read_chains_with_coordinates
from attlas.pipeline.contacts.fusing import FuseHeads
from attlas.pipeline.contacts.head_choice import HeadChoice, read_choice
from attlas.pipeline.contacts.memory import check_memory, predict_contact_bytes, predict_head_contact_bytes
from attlas.pipeline.contacts.pairs import DEFAULT_FLOOR, RANGES
from attlas.pipeline.contacts.predicting import PredictContacts
from attlas.pipeline.directory import hold_lock, read_plan
from attlas.pipeline.encode import StartProgress
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.passes import read_finished_receipts, run_pass
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.resources import check_device
from attlas.schema import CONTACTS, FUSED_CONTACTS, HEAD_CONTACTS, AtlasPaths, InputError, Manifest, Table
from attlas.schema.links import refuse_wrong_links


@dataclass(frozen=True)
class ComputedSequence:
    """A sequence that the build computed, named by the first of its accessions."""

    sequence_id: int
    accession: str
    length: int

    def __str__(self) -> str:
        return f"{self.accession} ({self.length:,} residues)"


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
class AddedContacts:
    """The contacts of an atlas after they were computed."""

    manifest: Manifest
    n_pairs: int
    """Rows of `contacts`, or of `fused_contacts` where heads were fused."""
    n_sequences: int
    """Distinct sequences that are not too long."""
    n_chains: int
    """Chains of structures with which single heads were compared."""
    longer: tuple[str, ...]
    """Proteins left out because they are longer than `max_length`, one for each sequence."""
    failed: tuple[str, ...]
    """Proteins, and chains of structures, without rows because the model's attention on them is not finite."""
    choice: HeadChoice | None = None
    """The heads that were fused; None where the contact head predicted."""


@dataclass(frozen=True)
class _Selection:
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
class _Pass:
    """A task with the shards that it computes."""

    task: PredictContacts | FuseHeads | CompareHeads
    table: Table
    sequences: Mapping[int, list[ComputedSequence]]
    """The sequences of each shard, by its index, in order of length."""
    shards: list[Shard]
    """The shards that hold such sequences, their memory predicted with the maps."""


def add_contacts(
    root: Path,
    settings: ContactSettings,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> AddedContacts:
    """Compute the tables `contacts` and `head_contacts` of a sealed atlas and add them; finished shards are kept.

    With `settings.heads` it is the table `fused_contacts` instead, and these two stay as they are. Structures that were
    added since the last time change `head_contacts` alone.

    Raises:
        InputError: a setting is no probability or no atom; only heads are to be compared and no protein has a
            structure; or the heads to fuse are not those of the model (see `head_choice.read_choice`).
        PlanError: there is no plan, as in a release: contacts need the directory in which the atlas was built.
        EnvironmentFault: as `encode.encode`; the model has no contact head; or the maps of a protein do not fit the
            memory, before anything is computed.
    """
    _check_settings(settings)
    paths = AtlasPaths(root)
    Manifest.read(paths)  # before the lock: where there is no atlas, no directory is made

    with hold_lock(paths):
        manifest, plan = Manifest.read(paths), read_plan(paths)
        refuse_wrong_links(paths.root, manifest.files)
        if scheduler is None:
            check_device(plan.run.device)

        choice = None if settings.heads is None else read_choice(settings.heads, plan.run)
        selection = _select(paths, manifest, settings)
        if settings.is_heads_only and not selection.chains:
            hint = f"`attlas annotate {root} STRUCTURE` adds structures"
            raise InputError("No protein has a structure to compare single heads with.", hint=hint)

        passes = _plan_passes(manifest, plan, settings, selection, choice)
        if scheduler is None:  # how much memory the machines of a scheduler have is not known here
            for contact_pass in passes:
                _check_memory_of(contact_pass, paths, plan)

        for contact_pass in passes:
            manifest = run_pass(
                paths,
                plan,
                contact_pass.task,
                tables=[contact_pass.table],
                shards=contact_pass.shards,
                progress=progress,
                n_workers=n_workers,
                scheduler=scheduler,
            )
        return _describe(paths, manifest, settings, selection, choice)


def _check_settings(settings: ContactSettings) -> None:
    if not 0 < settings.floor <= 1:
        raise InputError(
            "The floor is the probability from which on a pair is kept.",
            expected="above 0, to 1",
            found=f"{settings.floor}",
        )
    if settings.atom not in ("ca", "cb"):
        raise InputError(
            "The position of a residue is that of one of its atoms.", expected="ca or cb", found=str(settings.atom)
        )


def _select(paths: AtlasPaths, manifest: Manifest, settings: ContactSettings) -> _Selection:
    """Return the sequences that are not too long, and the chains of their structures."""
    computed = list(_read_computed_sequences(paths))
    limit = settings.max_length
    sequences = tuple(sequence for sequence in computed if limit is None or sequence.length <= limit)
    sequence_ids = {sequence.sequence_id for sequence in sequences}

    chains = read_chains_with_coordinates(paths, manifest, settings.atom)
    return _Selection(
        longer=tuple(sequence for sequence in computed if sequence.sequence_id not in sequence_ids),
        sequences=sequences,
        chains=tuple(chain for chain in chains if chain.sequence_id in sequence_ids),
    )


def _read_computed_sequences(paths: AtlasPaths) -> Iterator[ComputedSequence]:
    """Yield the sequences that the build computed, in order of `sequence_id`."""
    columns = ["sequence_id", "accession", "length"]
    rows = pq.read_table(paths.proteins, columns=columns, filters=pc.field("status") == "ok").to_pydict()
    ordered = sorted(zip(*(rows[name] for name in columns), strict=True))
    for _, proteins in groupby(ordered, key=lambda row: row[0]):
        yield ComputedSequence(*next(proteins))


def _plan_passes(
    manifest: Manifest, plan: Plan, settings: ContactSettings, selection: _Selection, choice: HeadChoice | None
) -> list[_Pass]:
    """Return the pass that fuses heads; or that by the contact head, if it is wanted, and the one that compares heads."""
    if choice is not None:
        return [_plan_fusing(manifest, plan, settings, selection, choice)]
    predicting = [] if settings.is_heads_only else [_plan_predicting(manifest, plan, settings, selection)]
    return [*predicting, _plan_comparing(manifest, plan, settings, selection)]


def _plan_fusing(
    manifest: Manifest, plan: Plan, settings: ContactSettings, selection: _Selection, choice: HeadChoice
) -> _Pass:
    fuse = FuseHeads.by_choice(
        choice,
        atlas_id=manifest.atlas_id,
        inputs=digest_inputs(manifest, FUSED_CONTACTS),
        max_length=settings.max_length,
    )
    sequences = _group_by_shard(plan, selection.sequences)
    map_bytes = partial(predict_contact_bytes, pack_tokens=plan.pack_tokens, floor=None)
    return _Pass(fuse, FUSED_CONTACTS, sequences, _predict_memory(plan, sequences, map_bytes))


def _plan_predicting(manifest: Manifest, plan: Plan, settings: ContactSettings, selection: _Selection) -> _Pass:
    predict = PredictContacts(
        atlas_id=manifest.atlas_id,
        inputs=digest_inputs(manifest, CONTACTS),
        floor=settings.floor,
        max_length=settings.max_length,
    )
    sequences = _group_by_shard(plan, selection.sequences)
    map_bytes = partial(predict_contact_bytes, pack_tokens=plan.pack_tokens, floor=settings.floor)
    return _Pass(predict, CONTACTS, sequences, _predict_memory(plan, sequences, map_bytes))


def _plan_comparing(manifest: Manifest, plan: Plan, settings: ContactSettings, selection: _Selection) -> _Pass:
    compare = CompareHeads(
        atlas_id=manifest.atlas_id,
        inputs=digest_inputs(manifest, HEAD_CONTACTS),
        atom=settings.atom,
        theta=plan.run.edge_theta,
        max_length=settings.max_length,
    )
    sequences = _group_by_shard(plan, selection.sequences_with_chains)
    return _Pass(compare, HEAD_CONTACTS, sequences, _predict_memory(plan, sequences, predict_head_contact_bytes))


def _group_by_shard(plan: Plan, sequences: Iterable[ComputedSequence]) -> dict[int, list[ComputedSequence]]:
    """Return the sequences of each shard that has any, by its index, in order of length."""
    ends = [shard.end_sequence_id for shard in plan.shards]
    groups = groupby(sequences, key=lambda sequence: bisect_right(ends, sequence.sequence_id))
    return {plan.shards[place].index: list(shard_sequences) for place, shard_sequences in groups}


def _predict_memory(
    plan: Plan, sequences: Mapping[int, list[ComputedSequence]], map_bytes: Callable[[list[int]], int]
) -> list[Shard]:
    """Return the shards that hold the sequences, with these alone, and the memory of their maps besides the build's.

    A task finds its shard by the index; the other numbers serve progress and the check of memory.
    """
    shards = []

    for shard in plan.shards:
        lengths = [sequence.length for sequence in sequences.get(shard.index, ())]
        if lengths:
            shards.append(
                replace(
                    shard,
                    end_sequence_id=shard.first_sequence_id + len(lengths),
                    n_residues=sum(lengths),
                    cost=shard.cost * sum(lengths) / shard.n_residues,
                    predicted_bytes=shard.predicted_bytes + map_bytes(lengths),
                )
            )
    return shards


def _check_memory_of(contact_pass: _Pass, paths: AtlasPaths, plan: Plan) -> None:
    """Refuse a pass with a missing shard whose maps do not fit the memory. Raises EnvironmentFault."""
    receipts = read_finished_receipts(paths, contact_pass.shards, contact_pass.task)
    missing = [shard for shard in contact_pass.shards if shard.index not in receipts]
    longest = {
        index: (sequences[-1].accession, sequences[-1].length) for index, sequences in contact_pass.sequences.items()
    }
    check_memory(missing, longest=longest, device=plan.run.device)


def _describe(
    paths: AtlasPaths,
    manifest: Manifest,
    settings: ContactSettings,
    selection: _Selection,
    choice: HeadChoice | None,
) -> AddedContacts:
    table = CONTACTS if choice is None else FUSED_CONTACTS
    predicted = () if settings.is_heads_only else selection.sequences
    failed = list(_find_failed_sequences(paths, manifest, table, predicted))
    if choice is None:
        failed += _find_failed_chains(paths, manifest, selection.chains)

    return AddedContacts(
        manifest=manifest,
        n_pairs=sum(file.n_rows for file in manifest.of_table(table)),
        n_sequences=len(selection.sequences),
        n_chains=len(selection.chains),
        longer=tuple(map(str, selection.longer)),
        failed=tuple(failed),
        choice=choice,
    )


def _find_failed_sequences(
    paths: AtlasPaths, manifest: Manifest, table: Table, sequences: Sequence[ComputedSequence]
) -> Iterator[str]:
    """Yield the sequences that are long enough for a contact and have no rows in a table."""
    ids_with_contacts: set[int] = set()
    for file in manifest.of_table(table):
        column = pq.read_table(paths.root / file.path, columns=["sequence_id"])["sequence_id"]
        ids_with_contacts.update(pc.unique(column).to_pylist())

    nearest = RANGES["short"].nearest
    for sequence in sequences:
        if sequence.length > nearest and sequence.sequence_id not in ids_with_contacts:
            yield str(sequence)


def _find_failed_chains(paths: AtlasPaths, manifest: Manifest, chains: Sequence[Chain]) -> Iterator[str]:
    """Yield the chains that have no rows."""
    compared = read_chains(paths, manifest, HEAD_CONTACTS)
    yield from (str(chain) for chain in chains if chain not in compared)
