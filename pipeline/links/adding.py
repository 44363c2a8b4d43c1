"""Links added to a sealed atlas: a pass over every sequence, resumed like a build."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.encode import StartProgress
from attlas.pipeline.links.choosing import DEFAULT_FLOOR, DEFAULT_PER_RESIDUE
from attlas.pipeline.links.linking import LinkResidues
from attlas.pipeline.links.memory import predict_link_bytes
from attlas.pipeline.pass_planning import (
    ComputedSequence,
    group_by_shard,
    list_computed_sequences,
    list_pass_shards,
    read_ids_with_rows,
)
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.passes import read_finished_receipts, run_pass
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.sealed import hold_sealed
from attlas.schema import HEADS, LINKS, AtlasPaths, InputError, Manifest, Receipt


@dataclass(frozen=True)
class LinkSettings:
    """The settings of the pass that chooses links."""

    floor: float = DEFAULT_FLOOR
    """Attention from which on a weight may become a link."""
    per_residue: int = DEFAULT_PER_RESIDUE
    """Links for each residue of a protein."""
    max_length: int | None = None
    """Longest sequence, residues; None: no limit."""


@dataclass(frozen=True)
class AddedLinks:
    """The links of an atlas after they were chosen."""

    manifest: Manifest
    n_links: int
    n_linked_edges: int
    """Links that are edges: of attention theta or more."""
    n_edges: int
    """All edges of the heads on these sequences, those of a residue to itself included."""
    n_sequences: int
    """Distinct sequences that are not too long."""
    longer: tuple[str, ...]
    """Proteins left out because they are longer than `max_length`, one for each sequence."""
    n_failed: int
    """Sequences without rows because the model's attention on them is not finite."""
    without_links: tuple[str, ...]
    """Proteins without a link in the shards that have failed sequences: these, and any whose weights are all small."""


def add_links(
    root: Path,
    settings: LinkSettings,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> AddedLinks:
    """Choose the links of every sequence of a sealed atlas and add them; finished shards are kept.

    Args:
        root: directory of the atlas.
        settings: the settings of the pass.
        progress: as in `build.build`.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.

    Raises:
        InputError: the floor is not above 0, or is above theta; or fewer than one link for each residue.
        PlanError: there is no plan, as in a release: links need the directory in which the atlas was built.
        EnvironmentFault: as `encode.encode`.
    """
    with hold_sealed(root) as (paths, manifest, plan):
        _check_settings(settings, plan.run.edge_theta)

        task = LinkResidues(
            atlas_id=manifest.atlas_id,
            inputs=digest_inputs(manifest, LINKS),
            floor=settings.floor,
            per_residue=settings.per_residue,
            max_length=settings.max_length,
        )
        computed = list(list_computed_sequences(paths))
        limit = settings.max_length
        sequences = [sequence for sequence in computed if limit is None or sequence.length <= limit]
        shards = _plan_shards(plan, sequences, settings)

        manifest = run_pass(
            paths,
            plan,
            task,
            tables=[LINKS],
            shards=shards,
            progress=progress,
            n_workers=n_workers,
            scheduler=scheduler,
        )
        receipts = read_finished_receipts(paths, shards, task)
        return _count_added_links(paths, plan, manifest, computed, receipts, limit=limit)


def _count_added_links(
    paths: AtlasPaths,
    plan: Plan,
    manifest: Manifest,
    computed: Sequence[ComputedSequence],
    receipts: Mapping[int, Receipt],
    *,
    limit: int | None,
) -> AddedLinks:
    """Return the links of an atlas, counted from its tables and from the receipts of the shards, by index."""
    sequences = [sequence for sequence in computed if limit is None or sequence.length <= limit]
    failed_shards = [index for index, receipt in receipts.items() if receipt.n_failed]
    suspects = [sequence for index in failed_shards for sequence in group_by_shard(plan, sequences)[index]]
    return AddedLinks(
        manifest=manifest,
        n_links=manifest.of_table(LINKS).n_rows,
        n_linked_edges=_count_linked_edges(paths, manifest, plan.run.edge_theta),
        n_edges=_count_edges(paths, manifest, sequences),
        n_sequences=len(sequences),
        longer=tuple(str(sequence) for sequence in computed if limit is not None and sequence.length > limit),
        n_failed=sum(receipt.n_failed for receipt in receipts.values()),
        without_links=tuple(map(str, _find_without_links(paths, manifest, suspects))),
    )


def _check_settings(settings: LinkSettings, theta: float) -> None:
    if not 0 < settings.floor <= theta:
        raise InputError(
            "The floor is the attention from which on a weight may become a link.",
            expected=f"above 0, to {theta}, from which on a pair is an edge",
            found=f"{settings.floor}",
        )
    if settings.per_residue < 1:
        raise InputError(
            "The number of links is so many for each residue.", expected="1 or more", found=f"{settings.per_residue}"
        )


def _plan_shards(plan: Plan, sequences: Sequence[ComputedSequence], settings: LinkSettings) -> list[Shard]:
    """Return the shards that hold the sequences, with the memory that their links take."""
    predict_bytes = partial(
        predict_link_bytes,
        pack_tokens=plan.pack_tokens,
        n_layers=plan.run.n_layers,
        n_heads=plan.run.n_heads,
        per_residue=settings.per_residue,
    )
    return list_pass_shards(plan, group_by_shard(plan, sequences), predict_bytes)


def _count_linked_edges(paths: AtlasPaths, manifest: Manifest, theta: float) -> int:
    """Return the number of links that are edges."""
    n_edges = 0
    for file in manifest.of_table(LINKS):
        weights = pq.read_table(paths.root / file.path, columns=["weight"])["weight"]
        n_edges += pc.sum(pc.greater_equal(weights, pa.scalar(theta, pa.float32()))).as_py() or 0
    return n_edges


def _count_edges(paths: AtlasPaths, manifest: Manifest, sequences: Sequence[ComputedSequence]) -> int:
    """Return the number of edges of all heads on the sequences."""
    ids = [sequence.sequence_id for sequence in sequences]
    n_edges = 0
    for file in manifest.of_table(HEADS):
        is_computed = pc.field("sequence_id").isin(ids)
        heads = pq.read_table(paths.root / file.path, columns=["sequence_id", "n_edges"], filters=is_computed)
        n_edges += pc.sum(heads["n_edges"]).as_py() or 0
    return n_edges


def _find_without_links(
    paths: AtlasPaths, manifest: Manifest, sequences: Sequence[ComputedSequence]
) -> list[ComputedSequence]:
    """Return the sequences that have no rows."""
    ids_with_links = read_ids_with_rows(paths, manifest, LINKS) if sequences else set()
    return [sequence for sequence in sequences if sequence.sequence_id not in ids_with_links]
