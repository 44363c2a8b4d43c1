"""The verb that builds an atlas: build."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attlas.cli.build_additions import (
    Additions,
    add_to_atlas,
    make_vector_maker,
    print_costs,
    read_early_pairs,
    refuse_any,
    refuse_contradictions,
)
from attlas.cli.build_options import (
    DEFAULT_MODEL,
    DEFAULT_RULE,
    DeviceOption,
    DtypeOption,
    Exact,
    Input,
    Model,
    Out,
    Revision,
    RuleOption,
)
from attlas.cli.build_report import EarlierAtlas, print_estimate, report_build, report_kept_tables
from attlas.cli.output import find_store
from attlas.cli.progress import build_progress
from attlas.cli.workshop import EXIT_FAILURES, MaxLength, Scheduler, Workers, workshop

if TYPE_CHECKING:
    from attlas.pipeline.build import MakeVectors
    from attlas.pipeline.drafting import Options
    from attlas.schema import Manifest

RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Compute again the shards that have failed proteins.")
]
WithLinks = Annotated[
    bool, typer.Option("--links", help="Then keep the strongest attention between residues, as `attlas links` does.")
]
WithVectors = Annotated[
    str | None,
    typer.Option("--vectors", metavar="KINDS", help="Keep vectors, too, as `attlas embed` does."),
]
WithPairs = Annotated[
    Path | None,
    typer.Option("--pairs", metavar="FILE", help="Then run these pairs of proteins, as `attlas pairs` does."),
]
Aliases = Annotated[
    Path | None, typer.Option("--aliases", metavar="FILE", help="With --pairs: STRING's protein.aliases.")
]
MinScore = Annotated[
    float | None, typer.Option("--min-score", metavar="N", help="With --pairs: leave out pairs of a lower score.")
]
AllAgainst = Annotated[
    Path | None,
    typer.Option(
        "--all-against",
        metavar="FILE",
        help="With --pairs as a list: pair each of its proteins with each protein of FILE.",
    ),
]
Join = Annotated[str | None, typer.Option("--join", metavar="FORMS", help="With --pairs: as in `attlas pairs`.")]
Order = Annotated[
    Literal["both", "forward"] | None,
    typer.Option("--order", help="With --pairs: as in `attlas pairs`; default: both."),
]
Gap = Annotated[
    int | None, typer.Option("--gap", min=0, metavar="N", help="With --pairs: as in `attlas pairs`; default: 100.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what a build would do and cost; write nothing.")]


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(build)


def build(
    source: Input,
    out: Out,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    exact: Exact = False,
    rule: RuleOption = DEFAULT_RULE,
    max_length: MaxLength = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    retry_failed: RetryFailed = False,
    links: WithLinks = False,
    vectors: WithVectors = None,
    pairs: WithPairs = None,
    aliases: Aliases = None,
    min_score: MinScore = None,
    all_against: AllAgainst = None,
    join: Join = None,
    order: Order = None,
    gap: Gap = None,
    dry_run: DryRun = False,
) -> None:
    """Build an atlas: plan, encode and seal in one command.

    The same command again continues where it was stopped.
    """
    additions = Additions(links, vectors, pairs, aliases, min_score, all_against, join, order, gap)
    refuse_contradictions(additions)
    with workshop():
        from attlas.pipeline.drafting import Options
        from attlas.pipeline.dry_run import draft_build, estimate_draft

        options = Options(model, revision, device, dtype, rule, max_length, exact)
        make_vectors = make_vector_maker(additions)
        if dry_run:
            draft = draft_build(source, options)
            print_estimate(model, estimate_draft(draft, n_workers=workers, scheduler=scheduler), draft.proteins.skipped)
            print_costs(additions, draft, workers=workers, scheduler=scheduler)
            return

        early_pairs = read_early_pairs(additions)

        if find_store(out):
            refuse_any(additions)
        earlier, manifest = _compute(
            source, out, options, make_vectors, workers=workers, scheduler=scheduler, is_retry=retry_failed
        )
    if earlier and earlier.manifest.added and earlier.manifest.version != manifest.version:
        report_kept_tables(earlier, manifest)

    has_failed = add_to_atlas(additions, Path(out), early_pairs, workers=workers, scheduler=scheduler)
    report_build(out, manifest)
    if has_failed:
        sys.exit(EXIT_FAILURES)


def _compute(
    source: list[str],
    out: str,
    options: "Options",
    make_vectors: "MakeVectors | None",
    *,
    workers: int | None,
    scheduler: str | None,
    is_retry: bool,
) -> "tuple[EarlierAtlas | None, Manifest]":
    """Build the atlas, and return what was there before, None where nothing was, and the new manifest."""
    from attlas.pipeline import build as steps
    from attlas.pipeline import remote_build
    from attlas.pipeline.seal import list_added_files, read_earlier_manifest
    from attlas.schema import AtlasPaths

    store = find_store(out)
    if store:
        earlier = None
        run_build = partial(remote_build.build, source, store)
    else:
        earlier_manifest = read_earlier_manifest(AtlasPaths(Path(out)))
        # Now, because the lists of its files may be replaced by the build.
        earlier = EarlierAtlas(earlier_manifest, list_added_files(earlier_manifest)) if earlier_manifest else None
        run_build = partial(steps.build, source, Path(out), make_vectors=make_vectors)

    with build_progress() as progress:
        manifest = run_build(options, progress=progress, n_workers=workers, scheduler=scheduler, is_retry=is_retry)
    return earlier, manifest
