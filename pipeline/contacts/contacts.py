"""Contacts of a sealed atlas: a pass over every sequence, one over those with a structure; resumable like a build."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.contacts.against_structures import CompareHeads
from attlas.pipeline.contacts.chains import Atom, Chain, known_chains
from attlas.pipeline.contacts.memory import check_memory, contact_bytes, head_contact_bytes
from attlas.pipeline.contacts.pairs import DEFAULT_FLOOR, RANGES
from attlas.pipeline.contacts.predicting import PredictContacts
from attlas.pipeline.directory import locked, read_plan
from attlas.pipeline.passes import Begin, finished, inputs_of, run_pass
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.resources import check_device
from attlas.schema import CONTACTS, HEAD_CONTACTS, AtlasPaths, InputError, Manifest, Table
from attlas.schema.links import refuse_wrong_links


@dataclass(frozen=True)
class Protein:
    """A computed sequence, by the first of its accessions."""

    sequence_id: int
    accession: str
    length: int

    def __str__(self) -> str:
        return f"{self.accession} ({self.length:,} residues)"


@dataclass(frozen=True)
class Contacts:
    """What became of a question for contacts."""

    manifest: Manifest
    n_pairs: int
    """Rows of `contacts`."""
    n_sequences: int
    """Distinct sequences that were asked about."""
    n_chains: int
    """Chains of structures that single heads were held against."""
    longer: tuple[str, ...]
    """Proteins left out as longer than `max_length`, one for each sequence."""
    failed: tuple[str, ...]
    """Proteins, and chains of structures, without rows, as the model's attention on them is not finite."""


def contacts(
    root: Path,
    *,
    progress: Begin,
    floor: float = DEFAULT_FLOOR,
    atom: Atom = "ca",
    max_length: int | None = None,
    is_heads_only: bool = False,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> Contacts:
    """Compute the tables `contacts` and `head_contacts` of a sealed atlas and add them; shards done are kept.

    Structures that came since the last time change `head_contacts` alone. `is_heads_only` leaves the contact head, and
    the table `contacts`, as they are: for models that have none.

    Raises:
        InputError: the floor is no probability, the atom none of a residue's, or there is neither a contact head to ask
            nor a structure.
        PlanError: there is no plan, as in a release: it needs the directory the atlas was built in.
        EnvironmentFault: as `encode.encode`; the model has no contact head; or the maps of a protein do not fit the
            memory, before anything is computed.
    """
    _check(floor, atom)
    paths = AtlasPaths(root)
    Manifest.read(paths)  # before the lock: where there is no atlas, no directory is made
    with locked(paths):
        manifest, plan = Manifest.read(paths), read_plan(paths)
        refuse_wrong_links(paths.root, manifest.files)
        if scheduler is None:
            check_device(plan.run.device)
        everyone = list(_computed(paths))
        proteins = [one for one in everyone if one.length <= (max_length or one.length)]
        lengths = {one.sequence_id: one.length for one in proteins}
        chains = [one for one in known_chains(paths, manifest, atom) if one.sequence_id in lengths]
        if is_heads_only and not chains:
            hint = f"`attlas annotate {root} STRUCTURE` adds structures"
            raise InputError("No protein has a structure to hold single heads against.", hint=hint)
        predict = PredictContacts(manifest.atlas_id, floor, max_length, inputs_of(manifest, CONTACTS))
        compare = CompareHeads(
            atlas_id=manifest.atlas_id,
            atom=atom,
            theta=plan.run.edge_theta,
            max_length=max_length,
            inputs=inputs_of(manifest, HEAD_CONTACTS),
        )
        with_chains = {chain.sequence_id for chain in chains}
        of_shards = _by_shard(plan, proteins)
        known = _by_shard(plan, [one for one in proteins if one.sequence_id in with_chains])
        map_bytes = partial(contact_bytes, pack_tokens=plan.pack_tokens, floor=floor)
        passes = [_Pass(compare, HEAD_CONTACTS, known, _with_maps(plan, known, head_contact_bytes))]
        if not is_heads_only:
            passes.insert(0, _Pass(predict, CONTACTS, of_shards, _with_maps(plan, of_shards, map_bytes)))
        if scheduler is None:  # the memory of others is not known here
            for one in passes:
                done = finished(paths, one.shards, one.task)
                longest = {index: (some[-1].accession, some[-1].length) for index, some in one.proteins.items()}
                missing = [shard for shard in one.shards if shard.index not in done]
                check_memory(missing, longest=longest, device=plan.run.device)
        for one in passes:
            manifest = run_pass(
                paths, plan, one.task, tables=[one.table], shards=one.shards, progress=progress,
                n_workers=n_workers, scheduler=scheduler,
            )  # fmt: skip
        return Contacts(
            manifest=manifest,
            n_pairs=sum(file.n_rows for file in manifest.of_table(CONTACTS)),
            n_sequences=len(proteins),
            n_chains=len(chains),
            longer=tuple(str(one) for one in everyone if one.sequence_id not in lengths),
            failed=tuple(_failed(paths, manifest, [] if is_heads_only else proteins, chains)),
        )


@dataclass(frozen=True)
class _Pass:
    """A task with the shards it is about."""

    task: PredictContacts | CompareHeads
    table: Table
    proteins: dict[int, list[Protein]]
    """Of each shard, in order of length."""
    shards: list[Shard]


def _check(floor: float, atom: Atom) -> None:
    if not 0 < floor <= 1:
        raise InputError(
            "The floor is the probability from which on a pair is kept.", expected="above 0, to 1", found=f"{floor}"
        )
    if atom not in ("ca", "cb"):
        raise InputError("A residue stands where an atom of it is.", expected="ca or cb", found=str(atom))


def _computed(paths: AtlasPaths) -> Iterator[Protein]:
    """Yield the sequences that were computed, in order of `sequence_id`."""
    rows = pq.read_table(
        paths.proteins, columns=["sequence_id", "accession", "length"], filters=pc.field("status") == "ok"
    ).to_pydict()
    ordered = sorted(zip(rows["sequence_id"], rows["accession"], rows["length"], strict=True))
    for _, same in groupby(ordered, key=lambda row: row[0]):
        yield Protein(*next(same))


def _by_shard(plan: Plan, proteins: Sequence[Protein]) -> dict[int, list[Protein]]:
    """Return the proteins of each shard that has any, by its index, in order of length."""
    ends = [shard.end_sequence_id for shard in plan.shards]
    return {
        plan.shards[at].index: list(some) for at, some in groupby(proteins, lambda p: bisect_right(ends, p.sequence_id))
    }


def _with_maps(plan: Plan, proteins: dict[int, list[Protein]], map_bytes: Callable[[list[int]], int]) -> list[Shard]:
    """Return the shards that hold proteins, counting these alone, the memory of their maps added to the build's."""
    return [
        _with_map(shard, [one.length for one in proteins[shard.index]], map_bytes)
        for shard in plan.shards
        if shard.index in proteins
    ]


def _with_map(shard: Shard, lengths: list[int], map_bytes: Callable[[list[int]], int]) -> Shard:
    # Who computes it goes by its index; all else is for progress and for memory.
    return replace(
        shard,
        end_sequence_id=shard.first_sequence_id + len(lengths),
        n_residues=sum(lengths),
        cost=shard.cost * sum(lengths) / shard.n_residues,
        predicted_bytes=shard.predicted_bytes + map_bytes(lengths),
    )


def _failed(
    paths: AtlasPaths, manifest: Manifest, proteins: Sequence[Protein], chains: Sequence[Chain]
) -> Iterator[str]:
    """Yield what was asked about and has no rows: a protein with pairs of residues to tell of, or a chain."""
    found: set[int] = set()
    for file in manifest.of_table(CONTACTS):
        found.update(pc.unique(pq.read_table(paths.root / file.path, columns=["sequence_id"])[0]).to_pylist())
    nearest = RANGES["short"].first
    yield from (str(one) for one in proteins if one.length > nearest and one.sequence_id not in found)
    keys = ["sequence_id", "accession", "source", "chain"]
    compared: set[Chain] = set()
    for file in manifest.of_table(HEAD_CONTACTS):
        rows = pq.read_table(paths.root / file.path, columns=keys).group_by(keys).aggregate([]).to_pydict()
        compared.update(Chain(*key) for key in zip(*(rows[name] for name in keys), strict=True))
    yield from (str(chain) for chain in chains if chain not in compared)
