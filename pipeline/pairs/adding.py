"""Pairs added to a sealed atlas: a pass over the pairs of a file, resumed like a build; every line ends as a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from attlas.pipeline.adding import add_files
from attlas.pipeline.contacts.head_choice import read_choice
from attlas.pipeline.encode import StartProgress
from attlas.pipeline.model.files import ModelShape, find_model
from attlas.pipeline.pairs.combining import ORDERS, Order
from attlas.pipeline.pairs.computing import ComputePairs
from attlas.pipeline.pairs.joining import DEFAULT_GAP, Form, count_joined_tokens
from attlas.pipeline.pairs.memory import predict_pair_bytes
from attlas.pipeline.pairs.pair_list import PairList, read_pairs
from attlas.pipeline.pairs.plan_file import digest_pairs, find_plan_file, remove_other_plans, write_plan_file
from attlas.pipeline.pairs.planning import (
    PairLimits,
    PairOfSequences,
    PlannedPairs,
    list_rows,
    plan_pairs,
    read_proteins,
)
from attlas.pipeline.pairs.supported_forms import choose_forms
from attlas.pipeline.pass_planning import read_ids_with_rows
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.passes import read_finished_receipts, run_pass
from attlas.pipeline.plan import N_SPECIAL_TOKENS, Plan, Shard, cut_shards
from attlas.pipeline.sealed import hold_sealed
from attlas.pipeline.workers.resources import check_device, measure_available_bytes
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
    TableFile,
    tables_added_by,
)
from attlas.schema.json_file import digest
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import publishing

DEFAULT_FLOOR = 0.05
"""Attention from which on a weight across may become a link: half of that of `links`, since it is spread wider."""

DEFAULT_PER_RESIDUE = 1
"""Links across for each residue of both proteins."""

NOT_FINITE = "the model's attention on it is not finite"
"""Why a pair fails."""

HEAVY_PAIRS_SHOWN = 10
"""Pairs that a refusal for want of memory names."""


@dataclass(frozen=True)
class PairSettings:
    """The settings of the pass over pairs."""

    forms: str | None = None
    """Forms in which two proteins are joined, separated by commas; None: the model's default."""
    order: str = "both"
    """`both` orders, or `forward` alone."""
    gap: int = DEFAULT_GAP
    """Positions without letters, in the form `gap`."""
    floor: float = DEFAULT_FLOOR
    """Attention from which on a weight across may become a link."""
    per_residue: int = DEFAULT_PER_RESIDUE
    """Links across for each residue of both proteins."""
    heads: str | None = None
    """File of a choice of heads, or heads such as `5-3,4-17`, that are fused to a score of contacts."""
    max_length: int | None = None
    """Most residues of both proteins; None: no limit."""
    has_segments: bool = False
    """Whether the attention between the segments of both proteins is kept."""


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
        InputError: the file cannot be read, or a setting makes no sense.
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
) -> AddedPairs:
    """Do the same as `add_pairs` with pairs that were read before. Raises as `add_pairs`."""
    _check_settings(settings)
    with hold_sealed(root) as (paths, manifest, plan):
        if scheduler is None:
            check_device(plan.run.device)

        forms = choose_forms(settings.forms, plan)
        orders = ORDERS if settings.order == "both" else ORDERS[:1]
        shape = find_model(plan.model_directory).shape
        limits = PairLimits(forms, settings.max_length, shape.max_residues)
        planned = plan_pairs(listed, read_proteins(paths), limits)
        shards = cut_pair_shards(planned.computed, plan, shape, settings, forms=forms, n_orders=len(orders))

        choice = None if settings.heads is None else read_choice(settings.heads, plan.run)
        task = ComputePairs(
            atlas_id=manifest.atlas_id,
            inputs=digest_inputs(manifest, PAIRS),
            plan_digest=digest_pairs(planned.computed, shards),
            forms=forms,
            orders=orders,
            gap=settings.gap,
            floor=settings.floor,
            per_residue=settings.per_residue,
            heads=None if choice is None else choice.fused_heads,
            max_length=settings.max_length,
            has_segments=settings.has_segments,
        )
        # Workers elsewhere, and those with a GPU each, are asked for their memory when they have started.
        if scheduler is None and (plan.run.device == "cpu" or n_workers == 0):
            _check_memory(paths, task, shards, planned, plan)

        plan_file = find_plan_file(paths, task.plan_digest)
        if not plan_file.is_file():
            write_plan_file(plan_file, planned.computed, shards)
        # `pairs` of another pass goes with its numbers: its `pair_id` may be that of another pair of the new ones.
        has_other_pairs = any(not Path(file.path).name.startswith(task.name) for file in manifest.of_table(PAIRS))
        run_pass(
            paths,
            plan,
            task,
            tables=[table for table in tables_added_by("pairs") if table is not PAIRS or has_other_pairs],
            shards=shards,
            progress=progress,
            n_workers=n_workers,
            scheduler=scheduler,
        )
        remove_other_plans(plan_file)
        failed = _find_failed(paths, Manifest.read(paths), planned)
        manifest = _add_outcomes(paths, plan, task, planned, failed)
        return _describe(manifest, task, planned, failed)


def cut_pair_shards(
    pairs: Sequence[PairOfSequences],
    plan: Plan,
    shape: ModelShape,
    settings: PairSettings,
    *,
    forms: Sequence[Form],
    n_orders: int,
) -> list[Shard]:
    """Return the shards of pairs, which are in order of length, with their cost and the memory of a process."""
    if not pairs:
        return []
    lengths = [pair.length for pair in pairs]
    n_inputs = len(forms) * n_orders
    longest_form = max(forms, key=lambda form: count_joined_tokens(0, form))
    tokens = [count_joined_tokens(length, longest_form) - N_SPECIAL_TOKENS for length in lengths]

    shards = []
    for shard in cut_shards(tokens, shape=shape, device=plan.run.device, attention=plan.run.attention):
        of_shard = lengths[shard.first_sequence_id : shard.end_sequence_id]
        predicted_bytes = predict_pair_bytes(
            of_shard,
            shape=shape,
            forms=forms,
            n_orders=n_orders,
            pack_tokens=plan.pack_tokens,
            per_residue=settings.per_residue,
        )
        shards.append(
            replace(
                shard,
                n_residues=sum(of_shard) * n_inputs,
                cost=shard.cost * n_inputs,
                predicted_bytes=predicted_bytes,
            )
        )
    return shards


def _check_settings(settings: PairSettings) -> None:
    if settings.order not in ("both", "forward"):
        raise InputError(
            "The order says how the two proteins follow each other.", expected="both or forward", found=settings.order
        )
    if not 0 < settings.floor <= 1:
        raise InputError(
            "The floor is the attention from which on a weight may become a link.",
            expected="above 0, to 1",
            found=f"{settings.floor}",
        )
    if settings.per_residue < 1 or settings.gap < 0:
        raise InputError(
            "There is a number of links for each residue, and a gap of so many positions.",
            expected="1 link or more, 0 positions or more",
            found=f"{settings.per_residue} links, {settings.gap} positions",
        )


def _check_memory(
    paths: AtlasPaths, task: ComputePairs, shards: Sequence[Shard], planned: PlannedPairs, plan: Plan
) -> None:
    """Refuse, before anything is computed, pairs that do not fit the memory. Raises EnvironmentFault."""
    receipts = read_finished_receipts(paths, shards, task)
    free = measure_available_bytes(plan.run.device)
    large = [shard for shard in shards if shard.index not in receipts and shard.predicted_bytes > free]
    if not large:
        return

    # What is shorter fits.
    longest = [planned.computed[shard.end_sequence_id - 1] for shard in large]
    shortest_large = planned.computed[large[0].first_sequence_id].length
    raise EnvironmentFault(
        f"The pairs of {len(large)} {'shard does' if len(large) == 1 else 'shards do'} not fit the memory.",
        expected=f"at most {free / 2**30:,.1f} GiB, what is free now",
        found=f"{max(shard.predicted_bytes for shard in large) / 2**30:,.1f} GiB predicted; the longest of each shard:",
        offenders=[
            f"{pair.pair.accession} and {pair.pair.partner}: {pair.length:,} residues"
            for pair in longest[-HEAVY_PAIRS_SHOWN:]
        ],
        hint=f"leave long pairs out with --max-length {shortest_large - 1}, or use a machine with more memory",
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
