"""The nulls of labelled pairs, added to a sealed atlas: a pass over them, resumed like a build."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from attlas.pipeline.encode import StartProgress
from attlas.pipeline.interfaces.homology_groups import IDENTITY
from attlas.pipeline.interfaces.judged_pairs import JudgedPair, read_labelled_pairs
from attlas.pipeline.interfaces.null_pairs import NO_LINKS, ComputeNulls
from attlas.pipeline.interfaces.pair_joining import read_joining
from attlas.pipeline.pairs.joining import Form, Order
from attlas.pipeline.pairs.memory import predict_pair_bytes
from attlas.pipeline.pairs.settings import DEFAULT_PER_RESIDUE
from attlas.pipeline.pairs.shards import cut_pair_shards
from attlas.pipeline.pairs.supported_forms import PairModel
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.passes import read_finished_receipts, run_pass
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.sealed import hold_sealed
from attlas.schema import PAIR_NULLS, AtlasPaths, InputError, Manifest
from attlas.schema.json_file import digest

N_NULLS = 2
"""Nulls of a pair: its partner swapped, and letters shuffled."""


@dataclass(frozen=True)
class NullSettings:
    """The settings of the pass; forms, gap and orders are those of the pairs."""

    groups: Path | None = None
    """File of homology groups; None: by alignment."""
    identity: float = IDENTITY
    """Share of the shorter sequence from which on identical residues make two sequences alike."""
    seed: int = 0


@dataclass(frozen=True)
class AddedNulls:
    """The nulls of an atlas."""

    manifest: Manifest
    n_pairs: int
    """Computed pairs with a label."""
    n_groups: int
    """Their homology groups."""
    n_swapped: int
    """Pairs that have a partner of another group."""
    n_failed: int
    """Nulls without rows because the model's attention on them is not finite."""


def add_nulls(
    root: Path,
    settings: NullSettings,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> AddedNulls:
    """Compute the nulls of every labelled pair of a sealed atlas; finished shards are kept.

    Args:
        root: directory of the atlas.
        settings: the settings of the pass.
        progress: as in `build.build`.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.

    Raises:
        InputError: the identity makes no sense, no computed pair has a label, or the file of groups does not fit.
        PlanError: there is no plan, as in a release.
        EnvironmentFault: as `encode.encode`.
    """
    if not 0 < settings.identity <= 1:
        raise InputError("--identity cannot be used as it is.", expected="above 0, to 1", found=f"{settings.identity}")
    with hold_sealed(root) as (paths, manifest, plan):
        pairs = read_labelled_pairs(paths, manifest, groups=settings.groups, identity=settings.identity)
        if not pairs:
            raise InputError(
                f"No computed pair of {root} has a label.",
                expected="a file of pairs with a label in the third column, such as: P1 P2 binder",
                hint=f"`attlas pairs {root} PAIRS` computes pairs and keeps their labels",
            )

        task = _make_task(paths, manifest, plan, pairs, settings)
        run = partial(run_pass, paths, plan, task, tables=[PAIR_NULLS], shards=task.shards)
        manifest = run(progress=progress, n_workers=n_workers, scheduler=scheduler)
        receipts = read_finished_receipts(paths, task.shards, task)
        return AddedNulls(
            manifest=manifest,
            n_pairs=len(pairs),
            n_groups=len({pair.group for pair in pairs}),
            n_swapped=sum(pair.swapped is not None for pair in pairs),
            n_failed=sum(receipt.n_failed for receipt in receipts.values()),
        )


def _make_task(
    paths: AtlasPaths, manifest: Manifest, plan: Plan, pairs: tuple[JudgedPair, ...], settings: NullSettings
) -> ComputeNulls:
    """Return the task that computes the nulls of pairs, joined as the pairs of the atlas are."""
    joining = read_joining(paths, manifest)
    shards = _cut_shards(pairs, plan, forms=joining.forms, orders=joining.orders)

    return ComputeNulls(
        atlas_id=manifest.atlas_id,
        inputs=digest_inputs(manifest, PAIR_NULLS),
        plan_digest=digest([]),  # nulls have no plan file
        forms=joining.forms,
        orders=joining.orders,
        gap=joining.gap,
        floor=NO_LINKS,
        per_residue=DEFAULT_PER_RESIDUE,
        heads=None,
        max_length=None,
        labelled=pairs,
        shards=tuple(shards),
        seed=settings.seed,
        groups=settings.groups.name if settings.groups else f"identity {settings.identity:g}",
    )


def _cut_shards(
    pairs: Sequence[JudgedPair], plan: Plan, *, forms: tuple[Form, ...], orders: tuple[Order, ...]
) -> list[Shard]:
    """Return the shards of labelled pairs, with the cost and a bound on the memory of their nulls."""
    by_id = {pair.pair_id: pair for pair in pairs}

    # A swapped partner may be longer than the own one; shards are cut of lengths that ascend.
    lengths: list[int] = []
    for pair in pairs:
        other = by_id[pair.pair_id if pair.swapped is None else pair.swapped]
        longest = pair.n_residues + max(0, other.partner_length - pair.partner_length)
        lengths.append(max(longest, lengths[-1] if lengths else 0))

    model = PairModel.of_plan(plan)
    predict = partial(
        predict_pair_bytes,
        shape=model.shape,
        forms=forms,
        n_orders=len(orders),
        pack_tokens=model.pack_tokens,
        per_residue=DEFAULT_PER_RESIDUE,
    )
    return cut_pair_shards(
        lengths,
        model,
        forms=forms,
        n_inputs=N_NULLS * len(forms) * len(orders),
        predict_bytes=lambda _, of_shard: predict(of_shard),
    )
