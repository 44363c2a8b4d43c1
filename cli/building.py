"""The verbs of the workshop: build, plan, encode, seal, status, verify, fetch."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attlas.cli.interrupting import stopping_at_once
from attlas.cli.output import OUTPUT_NAMES, AtlasDir, find_store
from attlas.cli.progress import build_progress, format_duration, say

if TYPE_CHECKING:
    from attlas.pipeline.estimate import Estimate
    from attlas.pipeline.pairs.foretelling import PairCost
    from attlas.pipeline.plan import Plan, Shard
    from attlas.pipeline.proteins.arranging import SkippedProtein
    from attlas.schema import Manifest

EXIT_FAILURES = 3
"""Exit code of a build that finished but has failed proteins."""

DEFAULT_MODEL = "facebook/esm2_t33_650M_UR50D"
DEFAULT_RULE = "nayar-2025-05"
N_SKIPPED_SHOWN = 10

DIRECTORY_HELP = "Directory of the atlas, or s3://BUCKET/PREFIX."

Device = Literal["auto", "cpu", "cuda"]
Dtype = Literal["auto", "float32", "mixed", "bfloat16"]
Input = Annotated[
    list[str],
    typer.Argument(metavar="INPUT...", help="FASTA files, plain or compressed; `-` is stdin.", show_default=False),
]
# Texts: `Path` would make one slash of the two in a URL.
Out = Annotated[str, typer.Option(*OUTPUT_NAMES, metavar="DIR", help=DIRECTORY_HELP, show_default=False)]
Dir = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the atlas.", show_default=False)]
Place = Annotated[str, typer.Argument(metavar="DIR", help=DIRECTORY_HELP, show_default=False)]
Model = Annotated[str, typer.Option("--model", metavar="PATH_OR_ID", help="Model directory, or hub id once fetched.")]
Revision = Annotated[str | None, typer.Option(help="Revision of a hub model; default: the one in the cache.")]
DeviceOption = Annotated[Device, typer.Option(help="auto: cuda where there is a GPU.")]
DtypeOption = Annotated[
    Dtype, typer.Option(help="auto: float32. mixed: products in float16, all else in float32; a few sites change.")
]
Exact = Annotated[
    bool, typer.Option("--exact", help="float32 by plain products on a GPU too, which is several times slower.")
]
RuleOption = Annotated[str, typer.Option(help="Rule for HA sites: nayar-2025-05 or nayar-2025-07.")]
MaxLength = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Skip proteins longer than N residues, with a reason.")
]
PartOption = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="I/N",
        help="Compute part I, from 0, of N parts: every N-th shard. auto/N: the number of the job in a SLURM array, "
        "a Kubernetes indexed Job or MPI.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Worker processes; default: one for each core or GPU, none for less than half a minute of work. "
        "0: compute in this process.",
    ),
]
Scheduler = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Use the workers of this Dask scheduler.")]
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
    Path | None, typer.Option("--aliases", metavar="FILE", help="Of --pairs: STRING's protein.aliases.")
]
MinScore = Annotated[
    float | None, typer.Option("--min-score", metavar="N", help="Of --pairs: leave out those of a lower score.")
]
AllAgainst = Annotated[
    Path | None, typer.Option("--all-against", metavar="FILE", help="Of --pairs, a list: with each protein of FILE.")
]
Join = Annotated[str | None, typer.Option("--join", metavar="FORMS", help="Of --pairs: as of `attlas pairs`.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what a build would do and cost; write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (build, plan, encode, seal, status, verify, fetch):
        app.command()(verb)


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
    dry_run: DryRun = False,
) -> None:
    """Build an atlas: plan, encode and seal in one command.

    The same command again continues where it was stopped.
    """
    of_pairs = {"--aliases": aliases, "--min-score": min_score, "--all-against": all_against, "--join": join}
    for option, value in of_pairs.items():
        if value is not None and pairs is None:
            raise typer.BadParameter("it belongs to --pairs FILE", param_hint=option)
    with workshop():
        from attlas.pipeline import build as steps
        from attlas.pipeline import remote_build
        from attlas.pipeline.drafting import Options
        from attlas.pipeline.dry_run import estimate_build
        from attlas.pipeline.seal import read_earlier_manifest
        from attlas.schema import AtlasPaths

        options = Options(model, revision, device, dtype, rule, max_length, exact)
        make_vectors = None
        if vectors is not None:
            from attlas.pipeline.vectors.adding import VectorSettings, make_build_vectors

            make_vectors = partial(make_build_vectors, VectorSettings(vectors))
        listed = None
        if pairs is not None:
            from attlas.pipeline.pairs.files.rows import PairFileOptions
            from attlas.pipeline.pairs.pair_list import needs_names, read_pairs

            # Before the build, so that a file that cannot be read costs none; ids of databases need the atlas.
            pair_options = PairFileOptions(aliases, min_score, all_against)
            listed = None if needs_names(pairs, pair_options) else read_pairs(pairs, pair_options)
        if dry_run:
            _print_dry_run(model, *estimate_build(source, options, n_workers=workers))
            if links:
                print("links    one more pass over every protein, about as long as the build")
            if vectors is not None:
                print("vectors  pooled while the build runs; on a GPU by one more pass over every protein")
            if pairs is not None:
                n_pairs = "those of its pairs whose proteins are here"
                n_pairs = n_pairs if listed is None else f"{len(listed.pairs):,} pairs"
                print(f"pairs    one more pass over {n_pairs}, twice in every form of --join; `attlas pairs --dry-run`")
                print("         foretells it where the atlas is built")
            return
        store = find_store(out)
        if store and (links or pairs or vectors):
            option = "links" if links else "pairs" if pairs else "vectors"
            raise typer.BadParameter(f"{option} are computed of an atlas in a directory", param_hint=f"--{option}")
        earlier = read_earlier_manifest(AtlasPaths(Path(out))) if store is None else None
        with build_progress() as progress:
            if store:
                run_build = partial(remote_build.build, source, store)
            else:
                run_build = partial(steps.build, source, Path(out), make_vectors=make_vectors)
            manifest = run_build(
                options, progress=progress, n_workers=workers, scheduler=scheduler, is_retry=retry_failed
            )
    if earlier and earlier.added and earlier.version != manifest.version:
        _report_added(earlier, manifest)

    has_failed = False
    if links:
        from attlas.cli.linking import add_and_report_links

        has_failed = add_and_report_links(Path(out), workers=workers, scheduler=scheduler)
    if vectors is not None:
        from attlas.cli.embedding import add_and_report_vectors

        has_failed |= add_and_report_vectors(Path(out), vectors=vectors, workers=workers, scheduler=scheduler)
    if pairs is not None:
        from attlas.cli.pairing import add_and_report_pairs, read_listed_pairs
        from attlas.pipeline.pairs.settings import PairSettings

        settings = PairSettings(forms=join)
        if listed is None:
            with workshop():
                listed = read_listed_pairs(Path(out), pairs, pair_options)
        has_failed |= add_and_report_pairs(
            Path(out), listed, settings, workers=workers, scheduler=scheduler, is_foretold=all_against is not None
        )
    _report_build(out, manifest)
    if has_failed:
        sys.exit(EXIT_FAILURES)


def plan(
    source: Input,
    out: Out,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    exact: Exact = False,
    rule: RuleOption = DEFAULT_RULE,
    max_length: MaxLength = None,
) -> None:
    """Plan a build; compute nothing.

    Checks the input, orders the proteins and cuts them into shards.
    """
    with workshop():
        from attlas.pipeline import remote_build
        from attlas.pipeline.build import make_plan
        from attlas.pipeline.drafting import Options, draft_plan
        from attlas.pipeline.lock import hold_lock
        from attlas.schema import AtlasPaths

        options = Options(model, revision, device, dtype, rule, max_length, exact)
        if (store := find_store(out)) is not None:
            new_plan = remote_build.plan(source, store, options)
        else:
            paths = AtlasPaths(Path(out))
            draft = draft_plan(source, options)
            with hold_lock(paths):
                new_plan = make_plan(draft, paths)
    from attlas.queries.text import counted

    directory = quote(out)
    print(f"{out}: {counted(len(new_plan.shards), 'shard')} planned")
    say(f"next: attlas encode {directory} [--shards A-B], then attlas seal {directory}")


def encode(
    out: Place,
    shards: Annotated[
        str | None, typer.Option(metavar="A-B", help="Compute shards A to B only; default: all missing ones.")
    ] = None,
    part: PartOption = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Compute the planned shards that are missing.

    Several may run at once on different shards (array jobs).
    """
    if part is not None and shards is not None:
        raise typer.BadParameter("give one of them, not both", param_hint="--part and --shards")
    with workshop():
        from attlas.pipeline import build as steps
        from attlas.pipeline import remote_build
        from attlas.pipeline.directory import read_plan
        from attlas.pipeline.encode import encode as encode_shards
        from attlas.pipeline.lock import hold_lock
        from attlas.pipeline.parts import read_part
        from attlas.pipeline.receipts import find_missing_shards
        from attlas.schema import AtlasPaths

        def select(build_plan: "Plan") -> "Sequence[Shard]":
            if part is None:
                return steps.select_shards(build_plan, shards)
            return read_part(part, os.environ).select(build_plan.shards)

        if (store := find_store(out)) is not None:
            with build_progress() as progress:
                n_computed = remote_build.encode_missing(
                    store, select, progress=progress, n_workers=workers, scheduler=scheduler
                )
        else:
            paths = AtlasPaths(Path(out))
            build_plan = read_plan(paths)
            with hold_lock(paths, is_shared=True), build_progress() as progress:
                selected = select(build_plan)
                missing = find_missing_shards(paths, build_plan, selected)
                encode_shards(
                    paths,
                    build_plan,
                    shards=missing,
                    progress=progress(replace(build_plan, shards=selected), missing),  # which counts those alone
                    n_workers=workers,
                    scheduler=scheduler,
                )
            n_computed = len(missing)
    from attlas.queries.text import counted

    print(f"{out}: {counted(n_computed, 'shard')} computed")


def seal(out: Place) -> None:
    """Seal an atlas whose shards are all computed.

    Counts, checks the digests and writes the manifest.
    """
    with workshop():
        from attlas.pipeline import remote_build
        from attlas.pipeline.directory import read_plan
        from attlas.pipeline.lock import hold_lock
        from attlas.pipeline.seal import seal as seal_atlas
        from attlas.schema import AtlasPaths

        if (store := find_store(out)) is not None:
            manifest = remote_build.seal_store(store)
        else:
            paths = AtlasPaths(Path(out))
            plan = read_plan(paths)  # before the lock, so that a directory without a plan stays as it is
            with hold_lock(paths):
                manifest = seal_atlas(paths, plan)
    _report_build(out, manifest)


def status(
    out: Place,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every receipt and look at every file, which takes longer.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say how far a build is.

    The names of its receipts are counted. Beyond 2,000 finished shards failed sequences are not counted without
    `--verify`.
    """
    with workshop():
        from attlas.pipeline import remote_build
        from attlas.pipeline.status import read_status
        from attlas.schema import AtlasPaths

        if (store := find_store(out)) is not None:
            build_status = remote_build.read_store_status(store, is_verifying=verify)
        else:
            build_status = read_status(AtlasPaths(Path(out)), is_verifying=verify)
    missing = [shard.index for shard in build_status.missing]
    values = {
        "state": "sealed" if build_status.is_sealed else "unfinished" if missing else "ready to seal",
        "plan_id": build_status.plan.plan_id,
        "n_shards": len(build_status.plan.shards),
        "n_shards_done": len(build_status.finished),
        "n_sequences": build_status.plan.totals.n_sequences,
        "n_sequences_done": build_status.n_sequences_done,
        "n_sequences_in_parts": build_status.n_sequences_in_parts,
        "n_failed": build_status.n_failed,
        "missing_shards": missing,
    }
    if as_json:
        print(json.dumps(values, indent=1))
        return
    n_failed = build_status.n_failed
    failed = "failed not counted (--verify counts them)" if n_failed is None else f"{n_failed:,} failed"
    print(f"{out}: {values['state']}")
    print(f"  shards     {values['n_shards_done']:,} of {values['n_shards']:,}")
    print(f"  sequences  {values['n_sequences_done']:,} of {values['n_sequences']:,}, {failed}")
    if n_in_parts := build_status.n_sequences_in_parts:
        print(f"             {n_in_parts:,} more in shards that are half-finished")


def verify(directory: AtlasDir, as_json: AsJson = False) -> None:
    """Check every file of an atlas against its manifest.

    Compares digests, schemas and counts, and looks for missing files.

    Behind a URL every file is read, from end to end.
    """
    from attlas.queries.lookup.storage import find_root, read_manifest
    from attlas.schema import AtlasPaths, BrokenAtlasError
    from attlas.schema.verify import find_problems, find_unfinished_files

    root = find_root(directory)
    manifest = read_manifest(root)
    if isinstance(root, Path):
        texts = find_problems(AtlasPaths(root), manifest)
        if unfinished := find_unfinished_files(AtlasPaths(root), manifest):
            say(f"{len(unfinished):,} files, such as {unfinished[0]}, are of commands that add tables: not finished")
            say("they are not part of the atlas: the same command continues with them, another one removes them")
    else:
        from attlas.queries.lookup.verify_remote import remote_problems

        texts = remote_problems(root, manifest)
    if as_json:
        print(json.dumps({"is_whole": not texts, "n_files": len(manifest.files), "problems": texts}, indent=1))
    if texts:
        raise BrokenAtlasError(
            f"{directory} differs from its manifest.",
            offenders=texts,
            hint="--json lists all of them; copy the atlas again; where it was built, `attlas build` repairs it",
        )
    if not as_json:
        n_bytes = sum(file.n_bytes for file in manifest.files)
        summary = f"whole; {len(manifest.files):,} files, {n_bytes / 1e6:,.1f} MB, every digest as in the manifest"
        print(f"{directory}: {summary}")


def fetch(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Hub id, such as facebook/esm2_t33_650M_UR50D.")],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Directory for the model; default: the cache of the hub.")
    ] = None,
    revision: Revision = None,
) -> None:
    """Download a model, once.

    No other command uses the network, except to read an atlas whose DIR is a URL.
    """
    with workshop():
        from attlas.pipeline.model.fetch import fetch_model

        model_directory = fetch_model(model, revision=revision, to=to)
    print(f"{model} is in {model_directory}; use it with --model {to or model}")


@contextmanager
def workshop() -> Iterator[None]:
    """Stop at Ctrl-C at once, and name the extra to install where a library of the build is missing."""
    from attlas.schema import EnvironmentFault

    try:
        with stopping_at_once("stopped; the same command continues"):
            yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "attlas":
            raise
        raise EnvironmentFault(
            f"This verb needs the package {error.name}, which is not installed.",
            hint="pip install 'attlas[build]'",
        ) from error


def _report_added(earlier: "Manifest", sealed: "Manifest") -> None:
    """Print which added tables are kept, and which are not, after shards were computed again."""
    kept = {file.path for file in sealed.added}
    lost = [file for file in earlier.added if file.path not in kept]
    for table in sorted({file.table for file in lost}):
        paths = [file.path for file in lost if file.table == table]
        say(f"removed from {table}, because damaged: {', '.join(paths[:5])}; the same command adds them again")
    if names := sorted({file.table for file in sealed.added}):
        say(f"kept unchanged: {', '.join(names)}; for proteins that were computed now, add them again")


def _report_build(out: str, manifest: "Manifest") -> None:
    from attlas.queries.text import counted

    counts = manifest.counts
    print(
        f"{out}: {counted(counts.n_requested, 'protein')}: {counts.n_ok:,} ok, {counts.n_skipped:,} skipped, "
        f"{counts.n_failed:,} failed; {counted(counts.n_sites, 'site')} in "
        f"{counted(counts.n_sequences, 'distinct sequence')}"
    )

    reasons = f'attlas sql {quote(out)} "SELECT accession, reason FROM proteins WHERE status ='
    if counts.n_skipped:
        say(f"reasons for skipping: {reasons} 'skipped'\"")
    if counts.n_failed:
        say(f"reasons for failing: {reasons} 'failed'\"")
        say("the same command with --retry-failed computes these again")
        sys.exit(EXIT_FAILURES)


def describe_needs(cost: "Estimate | PairCost") -> list[str]:
    """Return the memory, the disk and the time of an estimate, a line each."""
    place = f"{cost.device} in this process" if cost.is_in_process else cost.device
    return [
        f"memory   at most {cost.peak_bytes / 2**30:.1f} GiB {_describe_processes(cost)}",
        f"disk     about {cost.disk_bytes / 1e6:,.0f} MB",
        f"time     about {format_duration(cost.wall_s)} on {place} (rough: from the speed of matrix products)",
    ]


def _describe_processes(cost: "Estimate | PairCost") -> str:
    """Return where the memory of an estimate is needed."""
    if not cost.is_in_process:
        return f"per worker (workers: {cost.n_workers})"
    return "in this process" + (f", {cost.n_at_once} shards side by side" if cost.n_at_once > 1 else "")


def _print_dry_run(model: str, cost: "Estimate", skipped: "tuple[SkippedProtein, ...]") -> None:
    from attlas.queries.text import counted

    print(f"{counted(cost.n_proteins, 'protein')}, {cost.n_skipped:,} of them skipped")
    sizes = f"{counted(cost.n_sequences, 'distinct sequence')}, {counted(cost.n_residues, 'residue')}"
    print(f"{sizes}, in {counted(cost.n_shards, 'shard')}\n")

    print("length (residues)   sequences")
    largest = max((n for _, _, n in cost.histogram), default=1) or 1
    for low, high, n in cost.histogram:
        if n:
            span = f"{low:,} to {high:,}" if high else f"{low:,} and more"
            print(f"{span:>17}   {n:>9,} {'█' * max(1, round(30 * n / largest))}")

    print(f"\nmodel    {model} ({cost.shape.n_layers} layers x {cost.shape.n_heads} heads), {cost.dtype}")
    print("\n".join(describe_needs(cost)))

    for protein in skipped[:N_SKIPPED_SHOWN]:
        print(f"skipped  {protein.accession} ({protein.place}): {protein.reason}")
    if cost.n_skipped > N_SKIPPED_SHOWN:
        print(f"skipped  ... and {cost.n_skipped - N_SKIPPED_SHOWN:,} more")
