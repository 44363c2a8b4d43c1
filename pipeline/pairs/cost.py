"""The cost of a pass over pairs, predicted before it begins, as `dry_run` does for a build."""

from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.contacts.pairs import KEPT_PER_RESIDUE
from attlas.pipeline.directory import read_plan
from attlas.pipeline.drafting import Options
from attlas.pipeline.dry_run import BuildDraft, predict_pass_cost
from attlas.pipeline.estimate import ProcessCost
from attlas.pipeline.model.files import PUBLISHED_SHAPES, find_model
from attlas.pipeline.pairs.drafting import PairDraft, draft_pairs
from attlas.pipeline.pairs.files.rows import PairFileOptions
from attlas.pipeline.pairs.memory import count_head_rows
from attlas.pipeline.pairs.pair_list import PairList, read_pairs
from attlas.pipeline.pairs.planning import read_drafted_proteins, read_proteins
from attlas.pipeline.pairs.settings import PairSettings, check_settings
from attlas.pipeline.pairs.supported_forms import PairModel, read_is_rotary
from attlas.pipeline.plan import choose_pack_tokens
from attlas.pipeline.segments import N_SEGMENTS
from attlas.schema import AtlasPaths, EnvironmentFault, Manifest

SECONDS_OF_BUILD = 1.7
"""Seconds that a pass over pairs takes for operations that take a build one second: it took 2.0 builds where the
operations are 1.22 times as many (docs/pairs.md)."""

HEAD_ROW_DISK_BYTES = 20
"""Bytes of a row of `pair_heads` in a file; this and the following from ten pairs with ESM-2 8M (docs/pairs.md)."""

RECEIVED_DISK_BYTES = 7
"""Bytes of what a residue receives in a layer, within and across, in a file."""

LINK_DISK_BYTES = 8
"""Bytes of a row of `pair_links` or of `pair_contacts` in a file."""

SEGMENT_DISK_BYTES = 4
"""Bytes of a row of `pair_segments` in a file."""


@dataclass(frozen=True)
class PairCost(ProcessCost):
    """The predicted cost of a pass over pairs."""

    n_pairs: int
    """Pairs that are computed."""
    n_left_out: int
    """Lines that name no pair to compute."""
    n_inputs: int
    """Inputs of a pair: those of every form, in every order."""
    n_residues: int
    """Residues that run through the model: of both proteins, in each input."""


def predict_pair_cost(
    root: Path, listed: PairList, settings: PairSettings, *, n_workers: int | None = None, scheduler: str | None = None
) -> PairCost:
    """Return the cost of a pass over the pairs of a list; nothing is written. Raises as `adding.add_listed_pairs`."""
    check_settings(settings)
    paths = AtlasPaths(root)
    Manifest.read(paths)
    draft = draft_pairs(listed, read_proteins(paths), PairModel.of_plan(read_plan(paths)), settings)
    return predict_draft_cost(draft, settings, n_workers=n_workers, scheduler=scheduler)


def predict_build_pairs_cost(
    build: BuildDraft,
    source: Path,
    options: PairFileOptions,
    settings: PairSettings,
    *,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> PairCost:
    """Return the cost of the pairs of a file, behind a build that is drafted.

    Raises as `adding.add_listed_pairs`, where the model need not be there if it is a published ESM-2.
    """
    check_settings(settings)
    proteins = read_drafted_proteins(build.proteins)
    listed = read_pairs(source, options, names=proteins.names)
    model = PairModel(
        name=build.options.model,
        shape=build.shape,
        is_rotary=_expect_rotary(build.options),
        attention=build.attention,
        device=build.device,
        pack_tokens=choose_pack_tokens(build.attention, build.device),
    )
    return predict_draft_cost(
        draft_pairs(listed, proteins, model, settings), settings, n_workers=n_workers, scheduler=scheduler
    )


def _expect_rotary(options: Options) -> bool:
    """Return whether a model has rotary positions; a published ESM-2, which has, does not have to be here."""
    try:
        return read_is_rotary(find_model(options.model, revision=options.revision).directory)
    except EnvironmentFault:
        if options.model not in PUBLISHED_SHAPES:
            raise
    return True


def predict_draft_cost(
    draft: PairDraft, settings: PairSettings, *, n_workers: int | None = None, scheduler: str | None = None
) -> PairCost:
    """Return the cost of a pass by processes as of `encode.encode`. Raises as `dry_run.choose_processes`."""
    cost = predict_pass_cost(
        draft.shards,
        draft.model.shape,
        device=draft.model.device,
        n_workers=n_workers,
        scheduler=scheduler,
        seconds_of_build=SECONDS_OF_BUILD,
        disk_bytes=predict_pair_disk_bytes(draft, settings),
    )

    return PairCost(
        **vars(cost),
        n_pairs=len(draft.planned.computed),
        n_left_out=len(draft.planned.left_out),
        n_inputs=draft.n_inputs,
        n_residues=sum(shard.n_residues for shard in draft.shards),
    )


def predict_pair_disk_bytes(draft: PairDraft, settings: PairSettings) -> int:
    """Return the expected size on disk of the tables of pairs, from what real ones took."""
    shape, n_forms, n_orders = draft.model.shape, len(draft.forms), len(draft.orders)
    n_pairs = len(draft.planned.computed)
    n_residues = sum(pair.length for pair in draft.planned.computed) * n_forms

    # Of links there are at most so many of each order, of contacts at least so many for each residue.
    n_links = n_residues * settings.per_residue * n_orders
    n_contacts = n_residues * KEPT_PER_RESIDUE
    n_head_rows = n_pairs * count_head_rows(shape.n_layers, shape.n_heads, n_forms=n_forms, n_orders=n_orders)
    n_segment_rows = n_pairs * n_forms * shape.n_layers * (2 * N_SEGMENTS) ** 2 if settings.has_segments else 0
    return (
        n_head_rows * HEAD_ROW_DISK_BYTES
        + n_residues * shape.n_layers * RECEIVED_DISK_BYTES
        + (n_links + n_contacts) * LINK_DISK_BYTES
        + n_segment_rows * SEGMENT_DISK_BYTES
    )
