"""Pairs added to a sealed atlas: a pass over the pairs of a file, resumed like a build; every line ends as a row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from attlas.pipeline.adding import add_files
from attlas.pipeline.contacts.head_choice import read_choice
from attlas.pipeline.encode import StartProgress
from attlas.pipeline.pairs.computing import ComputePairs
from attlas.pipeline.pairs.cost import PairCost, predict_draft_cost
from attlas.pipeline.pairs.drafting import PairDraft, draft_pairs
from attlas.pipeline.pairs.joining import Form, Order
from attlas.pipeline.pairs.pair_list import PairList, read_pairs
from attlas.pipeline.pairs.plan_file import digest_pairs, find_plan_file, remove_other_plans, write_plan_file
from attlas.pipeline.pairs.planning import PlannedPairs, list_rows, read_proteins
from attlas.pipeline.pairs.settings import PairSettings, check_settings
from attlas.pipeline.pairs.supported_forms import PairModel
from attlas.pipeline.pass_planning import read_ids_with_rows
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.passes import read_finished_receipts, run_pass
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.sealed import hold_sealed
from attlas.pipeline.workers.resources import check_device, measure_available_bytes
from attlas.pipeline.workers.scheduler_workers import ask_scheduler
from attlas.schema import (
    PAIR_CONTACTS,
    PAIR_HEADS,
    PAIR_LINKS,
    PAIRS,
    AtlasPaths,
    Computation,
    EnvironmentFault,
    InputError,
    Manifest,
    Table,
    TableFile,
    tables_added_by,
)
from attlas.schema.json_file import digest
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import publishing

NOT_FINITE = "the model's attention on it is not finite"
"""Why a pair fails."""

HEAVY_PAIRS_SHOWN = 10
"""Pairs that a refusal for want of memory names."""


@dataclass(frozen=True)
class AddedPairs:
    """The pairs of an atlas after they were computed."""

    manifest: Manifest
    forms: tuple[Form, ...]
    orders: tuple[Order, ...]
    n_lines: int
    """Lines of the file, without comments and blank ones."""
    n_ok: int
    failed: tuple[str, ...]
    """Pairs that could not be computed, by their proteins."""
    skipped: tuple[tuple[int, str], ...]
    """Line and reason of every line that was left out."""
    n_links: int
    n_contacts: int


def add_pairs(
    root: Path,
    source: Path,
    settings: PairSettings,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> AddedPairs:
    """Compute the pairs of a file and add their tables to a sealed atlas; finished shards are kept.

    Args:
        root: directory of the atlas.
        source: the file of pairs.
        settings: the settings of the pass.
        progress: as in `build.build`.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.

    Raises:
        InputError: the file cannot be read, a setting makes no sense, or no pair can be computed where the atlas has
            computed pairs.
        PlanError: there is no plan, as in a release: pairs need the directory in which the atlas was built.
        EnvironmentFault: as `encode.encode`; the model does not read joined sequences; or a pair does not fit the
            memory, before anything is computed.
    """
    return add_listed_pairs(
        root, read_pairs(source), settings, progress=progress, n_workers=n_workers, scheduler=scheduler
    )


def add_listed_pairs(
    root: Path,
    listed: PairList,
    settings: PairSettings,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
    announce: Callable[[PairCost], None] | None = None,
) -> AddedPairs:
    """Do the same as `add_pairs` with pairs that were read before. Raises as `add_pairs`.

    `announce` is told the cost of what is missing, before it is computed.
    """
    check_settings(settings)
    with hold_sealed(root) as (paths, manifest, plan):
        if scheduler is None:
            check_device(plan.run.device)

        draft = draft_pairs(listed, read_proteins(paths), PairModel.of_plan(plan), settings)
        _refuse_to_lose_pairs(root, manifest, draft.planned)
        task = _make_task(manifest, plan, draft, settings)
        # Workers with a GPU each are asked for their memory when they have started.
        missing = _list_missing_shards(paths, task, draft)
        if plan.run.device == "cpu" or (scheduler is None and n_workers == 0):
            _check_memory(missing, draft, scheduler=scheduler)
        if announce is not None and missing:
            unfinished = replace(draft, shards=missing)
            announce(predict_draft_cost(unfinished, settings, n_workers=n_workers, scheduler=scheduler))

        plan_file = find_plan_file(paths, task.plan_digest)
        if not plan_file.is_file():
            write_plan_file(plan_file, draft.planned.computed, draft.shards)
        run_pass(
            paths,
            plan,
            task,
            tables=_list_replaced_tables(manifest, task),
            shards=draft.shards,
            progress=progress,
            n_workers=n_workers,
            scheduler=scheduler,
        )

        remove_other_plans(plan_file)
        failed = _find_failed(paths, Manifest.read(paths), draft.planned)
        manifest = _add_outcomes(paths, plan, task, draft.planned, failed)
        return _describe(manifest, task, draft.planned, failed)


def _make_task(manifest: Manifest, plan: Plan, draft: PairDraft, settings: PairSettings) -> ComputePairs:
    """Return the task that computes the pairs of a draft. Raises InputError: the heads to fuse cannot be read."""
    choice = None if settings.heads is None else read_choice(settings.heads, plan.run)
    return ComputePairs(
        atlas_id=manifest.atlas_id,
        inputs=digest_inputs(manifest, PAIRS),
        plan_digest=digest_pairs(draft.planned.computed, draft.shards),
        forms=draft.forms,
        orders=draft.orders,
        gap=settings.gap,
        floor=settings.floor,
        per_residue=settings.per_residue,
        heads=None if choice is None else choice.fused_heads,
        max_length=settings.max_length,
        has_segments=settings.has_segments,
    )


def _list_replaced_tables(manifest: Manifest, task: ComputePairs) -> list[Table]:
    """Return the tables whose files those of the task replace.

    `pairs` of another pass goes with its numbers: its `pair_id` may be that of another pair of the new ones.
    """
    has_other_pairs = any(not Path(file.path).name.startswith(task.name) for file in manifest.of_table(PAIRS))
    return [table for table in tables_added_by("pairs") if table is not PAIRS or has_other_pairs]


def _refuse_to_lose_pairs(root: Path, manifest: Manifest, planned: PlannedPairs) -> None:
    """Refuse a list without a pair to compute, where it would take the place of computed ones. Raises InputError."""
    if planned.computed or not any(file.n_rows for file in manifest.of_table(PAIR_HEADS)):
        return

    lines = [f"line {pair.line:,} of {pair.source}: {pair.reason}" for pair in planned.left_out]
    raise InputError(
        f"No pair of the list can be computed, and {root} has computed pairs, whose place it would take.",
        expected="a list that names two proteins of this atlas",
        found=f"{len(lines):,} lines, none of them of a pair to compute",
        offenders=lines,
        hint="is it the list for another atlas? the computed pairs are kept as they are",
    )


def _list_missing_shards(paths: AtlasPaths, task: ComputePairs, draft: PairDraft) -> tuple[Shard, ...]:
    """Return the shards that an earlier run of the task has not finished."""
    receipts = read_finished_receipts(paths, draft.shards, task)
    return tuple(shard for shard in draft.shards if shard.index not in receipts)


def _check_memory(missing: Sequence[Shard], draft: PairDraft, *, scheduler: str | None) -> None:
    """Refuse, before anything is computed, pairs that do not fit the memory: of this machine, or of the largest worker.

    Raises:
        EnvironmentFault: they do not fit, or the scheduler does not answer.
    """
    if scheduler is None:
        free: int | None = measure_available_bytes(draft.model.device)
        place = "what is free now"
    else:
        free = ask_scheduler(scheduler).largest_limit if missing else None
        place = "what the largest worker of the scheduler allows a shard"
    large = [] if free is None else [shard for shard in missing if shard.predicted_bytes > free]
    if free is None or not large:
        return

    # What is shorter fits.
    pairs = draft.planned.computed
    longest = [pairs[shard.end_sequence_id - 1] for shard in large]
    shortest_large = pairs[large[0].first_sequence_id].length
    raise EnvironmentFault(
        f"The pairs of {len(large)} {'shard does' if len(large) == 1 else 'shards do'} not fit the memory.",
        expected=f"at most {free / 2**30:,.1f} GiB, {place}",
        found=f"{max(shard.predicted_bytes for shard in large) / 2**30:,.1f} GiB predicted; the longest of each shard:",
        offenders=[
            f"{pair.pair.accession} and {pair.pair.partner}: {pair.length:,} residues"
            for pair in longest[-HEAVY_PAIRS_SHOWN:]
        ],
        hint=f"leave long pairs out with --max-length {shortest_large - 1}, or compute with more memory",
    )


def _find_failed(paths: AtlasPaths, manifest: Manifest, planned: PlannedPairs) -> Mapping[int, str]:
    """Return the reason of each pair that has no rows, by `pair_id`."""
    with_rows = read_ids_with_rows(paths, manifest, PAIR_HEADS, "pair_id")
    return {pair.pair.pair_id: NOT_FINITE for pair in planned.computed if pair.pair.pair_id not in with_rows}


def _add_outcomes(
    paths: AtlasPaths, plan: Plan, task: ComputePairs, planned: PlannedPairs, failed: Mapping[int, str]
) -> Manifest:
    """Add the table `pairs`, in place of an earlier one."""
    columns = list_rows(planned, failed, task.forms)
    schema = PAIRS.schema(plan.run.n_layers)
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    rows = pa.Table.from_arrays(arrays, schema=schema)

    path = paths.added(PAIRS, f"{task.name}-{digest([columns])}")
    computation = Computation(task.settings, dict(task.inputs)).of(PAIRS)
    metadata = {**provenance(plan.run, plan.plan_id), **computation.metadata(PAIRS)}
    with publishing(path) as beside:
        write_table(beside, table=PAIRS, rows=rows, metadata=metadata)
    return add_files(paths, [describe_file(paths, path, PAIRS)], is_replaced=_is_of_pairs)


def _is_of_pairs(file: TableFile) -> bool:
    return file.table == PAIRS.name


def _describe(manifest: Manifest, task: ComputePairs, planned: PlannedPairs, failed: Mapping[int, str]) -> AddedPairs:
    return AddedPairs(
        manifest=manifest,
        forms=task.forms,
        orders=task.orders,
        n_lines=len(planned.computed) + len(planned.left_out),
        n_ok=len(planned.computed) - len(failed),
        failed=tuple(
            f"{pair.pair.accession} and {pair.pair.partner}" for pair in planned.computed if pair.pair.pair_id in failed
        ),
        skipped=tuple((pair.line, pair.reason or "") for pair in planned.left_out),
        n_links=manifest.of_table(PAIR_LINKS).n_rows,
        n_contacts=manifest.of_table(PAIR_CONTACTS).n_rows,
    )
