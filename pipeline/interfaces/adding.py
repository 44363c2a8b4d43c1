"""Attention across pairs judged against known contacts, and added to a sealed atlas: two passes, resumed like a build.

The first judges every head; heads are then chosen on some pairs, and the second judges their means on all others.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from attlas.pipeline.contacts.head_choice import Head
from attlas.pipeline.encode import StartProgress
from attlas.pipeline.interfaces.across_maps import APC_PARTS, Apc
from attlas.pipeline.interfaces.homology_groups import IDENTITY
from attlas.pipeline.interfaces.judged_pairs import JudgedPair, read_judged_pairs
from attlas.pipeline.interfaces.judging import GIVEN, FusedChoice, JudgeFusedHeads, JudgeHeads, JudgeSettings
from attlas.pipeline.interfaces.memory import predict_trial_bytes
from attlas.pipeline.interfaces.pair_joining import read_joining
from attlas.pipeline.interfaces.splits import choose_heads, draw_splits
from attlas.pipeline.pairs.joining import Form
from attlas.pipeline.pairs.shards import cut_pair_shards
from attlas.pipeline.pairs.supported_forms import PairModel, choose_forms
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.passes import read_finished_receipts, run_pass
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.sealed import hold_sealed
from attlas.schema import PAIR_CHOICES, PAIR_HEAD_CONTACTS, PAIRS, AtlasPaths, InputError, Manifest
from attlas.schema.interface_tables import KINDS

DEFAULT_HEADS = (3, 10)
"""Numbers of heads that are fused."""
DEFAULT_CHOOSING = 10
"""Pairs on which heads are chosen."""
DEFAULT_SPLITS = 20
"""Splits of the pairs into those that choose and those that judge."""


@dataclass(frozen=True)
class InterfaceSettings:
    """The settings of the passes that judge pairs."""

    forms: str | None = None
    """Forms of joining, separated by commas; None: those in which `attlas pairs` has joined the pairs."""
    gap: int | None = None
    """Positions without letters in the form `gap`; None: as many as `attlas pairs` has put there."""
    order: str = "both"
    """`both`: scores are of the mean map of both orders of the two; or `forward`."""
    apc: Apc = "joined"
    groups: Path | None = None
    """File of homology groups; None: by alignment."""
    identity: float = IDENTITY
    """Share of the shorter sequence from which on identical residues make two sequences alike."""
    n_heads: tuple[int, ...] = DEFAULT_HEADS
    n_choosing: int = DEFAULT_CHOOSING
    n_splits: int = DEFAULT_SPLITS
    seed: int = 0


@dataclass(frozen=True)
class AddedInterfaces:
    """The judged pairs of an atlas."""

    manifest: Manifest
    forms: tuple[Form, ...]
    n_pairs: int
    """Pairs with known contacts."""
    n_groups: int
    """Their homology groups."""
    n_homodimers: int
    n_without_contacts: int
    """Computed pairs without a known contact."""
    n_swapped: int
    """Pairs that have a partner of another group in the null."""
    n_splits: int
    """Splits in which fused heads were chosen and judged; 0 where there are too few groups."""
    n_failed: int
    """Trials without rows because the model's attention on them is not finite."""


def add_interfaces(
    root: Path,
    settings: InterfaceSettings,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> AddedInterfaces:
    """Judge every pair of a sealed atlas that has known contacts; finished shards are kept.

    Args:
        root: directory of the atlas.
        settings: the settings of the passes.
        progress: as in `build.build`.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.

    Raises:
        InputError: a setting makes no sense, no pair has known contacts, or the file of groups does not fit.
        PlanError: there is no plan, as in a release.
        EnvironmentFault: as `encode.encode`; or the model does not read joined sequences.
    """
    with hold_sealed(root) as (paths, manifest, plan):
        _check_settings(settings, plan)
        pairs = read_judged_pairs(paths, manifest, groups=settings.groups, identity=settings.identity)
        if not pairs:
            raise _lacks_contacts(root, len(_list_computed_pairs(paths, manifest)))

        judge_settings = _complete_settings(paths, manifest, plan, settings)
        run = partial(run_pass, paths, plan, progress=progress, n_workers=n_workers, scheduler=scheduler)
        heads_task = JudgeHeads(
            atlas_id=manifest.atlas_id,
            inputs=digest_inputs(manifest, PAIR_HEAD_CONTACTS),
            pairs=pairs,
            shards=tuple(_cut_shards(pairs, plan, judge_settings, n_choices=0)),
            judge_settings=judge_settings,
        )
        manifest = run(heads_task, tables=[PAIR_HEAD_CONTACTS], shards=heads_task.shards)

        # Heads are chosen by what the first pass has found.
        fused_task = JudgeFusedHeads(
            atlas_id=manifest.atlas_id,
            inputs=heads_task.inputs,
            pairs=pairs,
            shards=tuple(_cut_shards(pairs, plan, judge_settings, n_choices=settings.n_splits * len(settings.n_heads))),
            judge_settings=judge_settings,
            choices=_choose_all(pairs, _read_aurocs(paths, manifest, plan), settings),
            n_choosing=settings.n_choosing,
        )
        # Without a choice, the pass runs over nothing and removes what an earlier one has added.
        shards = fused_task.shards if fused_task.choices else ()
        manifest = run(fused_task, tables=[PAIR_CHOICES], shards=shards)
        return _describe(paths, manifest, heads_task, fused_task)


def _lacks_contacts(root: Path, n_pairs: int) -> InputError:
    """Return the error for an atlas of so many computed pairs, none of which has known contacts."""
    return InputError(
        f"No pair of {root} has known contacts.",
        expected="pairs that were computed, and contacts between their two proteins",
        found=f"{n_pairs} computed pairs",
        hint=f"`attlas pairs {root} PAIRS` computes pairs, `attlas annotate {root} COMPLEX` adds contacts",
    )


def _complete_settings(paths: AtlasPaths, manifest: Manifest, plan: Plan, settings: InterfaceSettings) -> JudgeSettings:
    """Return how pairs are joined and judged; what is not said is as the pairs have it. Raises as `choose_forms`."""
    return JudgeSettings(
        forms=choose_forms(settings.forms or _read_forms(paths, manifest), PairModel.of_plan(plan)),
        gap=read_joining(paths, manifest).gap if settings.gap is None else settings.gap,
        is_both_orders=settings.order == "both",
        apc=settings.apc,
        seed=settings.seed,
        groups=settings.groups.name if settings.groups else f"identity {settings.identity:g}",
    )


def _describe(
    paths: AtlasPaths, manifest: Manifest, heads_task: JudgeHeads, fused_task: JudgeFusedHeads
) -> AddedInterfaces:
    """Return the numbers of pairs, groups, homodimers and swapped pairs that were judged."""
    pairs = heads_task.pairs
    receipts = read_finished_receipts(paths, heads_task.shards, heads_task)
    return AddedInterfaces(
        manifest=manifest,
        forms=heads_task.judge_settings.forms,
        n_pairs=len(pairs),
        n_groups=len({pair.group for pair in pairs}),
        n_homodimers=sum(pair.is_homodimer for pair in pairs),
        n_without_contacts=len(_list_computed_pairs(paths, manifest)) - len(pairs),
        n_swapped=sum(pair.swapped is not None for pair in pairs),
        n_splits=len({choice.split for choice in fused_task.choices}),
        n_failed=sum(receipt.n_failed for receipt in receipts.values()),
    )


def _check_settings(settings: InterfaceSettings, plan: Plan) -> None:
    n_heads = plan.run.n_layers * plan.run.n_heads
    checks = {
        "order": (settings.order in ("both", "forward"), "both or forward", settings.order),
        "apc": (settings.apc in APC_PARTS, "joined or across", settings.apc),
        "gap": (settings.gap is None or settings.gap >= 0, "0 positions or more", settings.gap),
        "identity": (0 < settings.identity <= 1, "above 0, to 1", settings.identity),
        "heads": (all(1 <= n <= n_heads for n in settings.n_heads), f"numbers from 1 to {n_heads}", settings.n_heads),
        "choosing": (settings.n_choosing >= 1, "1 pair or more", settings.n_choosing),
        "splits": (settings.n_splits >= 1, "1 split or more", settings.n_splits),
    }
    for name, (is_allowed, expected, value) in checks.items():
        if not is_allowed:
            raise InputError(f"--{name} cannot be used as it is.", expected=expected, found=f"{value}")


def _list_computed_pairs(paths: AtlasPaths, manifest: Manifest) -> list[int]:
    """Return the `pair_id` of every pair that was computed."""
    is_computed = pc.field("status") == "ok"
    files = [paths.root / file.path for file in manifest.of_table(PAIRS)]
    return [id for file in files for id in pq.read_table(file, columns=["pair_id"], filters=is_computed)[0].to_pylist()]


def _read_forms(paths: AtlasPaths, manifest: Manifest) -> str | None:
    """Return the forms in which the pairs of the atlas were joined, None where there are none."""
    files = [paths.root / file.path for file in manifest.of_table(PAIRS)]
    forms = {
        form
        for file in files
        for text in pq.read_table(file, columns=["forms"])[0].to_pylist()
        for form in text.split()
    }
    return ",".join(sorted(forms)) or None


def _cut_shards(
    pairs: Sequence[JudgedPair], plan: Plan, judge_settings: JudgeSettings, *, n_choices: int
) -> list[Shard]:
    """Return the shards of the pairs, with the cost and the memory of their trials."""
    n_of_form = len(judge_settings.forms) * len(KINDS)
    n_rows = n_of_form * (n_choices or plan.run.n_layers * (plan.run.n_heads + 1))

    def predict_bytes(shard: Shard, lengths: Sequence[int]) -> int:
        trials = predict_trial_bytes(lengths, n_heads=plan.run.n_heads, n_choices=n_choices, n_rows=n_rows)
        return shard.predicted_bytes + trials

    return cut_pair_shards(
        [pair.n_residues for pair in pairs],
        PairModel.of_plan(plan),
        forms=judge_settings.forms,
        n_inputs=n_of_form * (2 if judge_settings.is_both_orders else 1),
        predict_bytes=predict_bytes,
    )


def _read_aurocs(paths: AtlasPaths, manifest: Manifest, plan: Plan) -> dict[str, dict[int, NDArray[np.float64]]]:
    """Return the AUROC of every head on each given pair, (L, H), by form and `pair_id`."""
    is_of_head = (pc.field("kind") == GIVEN) & pc.field("head").is_valid() & pc.field("auroc").is_valid()
    aurocs: dict[str, dict[int, NDArray[np.float64]]] = defaultdict(dict)
    for file in manifest.of_table(PAIR_HEAD_CONTACTS):
        columns = ["form", "pair_id", "layer", "head", "auroc"]
        rows = pq.read_table(paths.root / file.path, columns=columns, filters=is_of_head).to_pydict()
        for form, pair_id, layer, head, auroc in zip(*(rows[name] for name in columns), strict=True):
            of_form = aurocs[form]
            of_pair = of_form.setdefault(pair_id, np.full((plan.run.n_layers, plan.run.n_heads), np.nan))
            of_pair[layer, head] = auroc
    return aurocs


def _choose_all(
    pairs: Sequence[JudgedPair],
    aurocs: Mapping[str, Mapping[int, NDArray[np.float64]]],
    settings: InterfaceSettings,
) -> tuple[FusedChoice, ...]:
    """Return the choices of all forms, splits and numbers of heads; none where there are too few groups.

    A homodimer's map across mirrors that within, so that homodimers choose no heads.
    """
    choices = []
    for form in sorted(aurocs):
        groups = {pair.pair_id: pair.group for pair in pairs if pair.pair_id in aurocs[form] and not pair.is_homodimer}
        splits = draw_splits(groups, n_splits=settings.n_splits, n_choosing=settings.n_choosing, seed=settings.seed)
        for split in splits:
            of_choosing = [aurocs[form][pair_id] for pair_id in split.choosing]
            choosing_groups = [groups[pair_id] for pair_id in split.choosing]
            choices += [
                _make_choice(form, split.number, heads, choosing_groups)
                for heads in choose_heads(of_choosing, settings.n_heads)
            ]
    return tuple(choices)


def _make_choice(form: str, split: int, heads: tuple[Head, ...], groups: Sequence[str]) -> FusedChoice:
    return FusedChoice(form=form, split=split, heads=heads, choosing_groups=tuple(sorted(groups)))  # type: ignore[arg-type]
