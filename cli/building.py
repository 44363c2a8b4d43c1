"""The verbs of the workshop: build, plan, encode, seal, status, verify, fetch."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attlas.cli.interrupting import stopping_at_once
from attlas.cli.output import OUTPUT_NAMES, AtlasDir
from attlas.cli.progress import build_progress, duration, say

if TYPE_CHECKING:
    from attlas.pipeline.estimate import Estimate
    from attlas.pipeline.proteins import Protein
    from attlas.schema import Manifest

EXIT_FAILURES = 3
"""Finished, but some proteins failed."""

DEFAULT_MODEL = "facebook/esm2_t33_650M_UR50D"
DEFAULT_RULE = "nayar-2025-05"
N_SKIPPED_SHOWN = 10

Device = Literal["auto", "cpu", "cuda"]
Dtype = Literal["float32", "mixed", "bfloat16"]
Input = Annotated[str, typer.Argument(metavar="INPUT", help="FASTA file, plain or compressed; `-` is stdin.")]
Out = Annotated[Path, typer.Option(*OUTPUT_NAMES, metavar="DIR", help="Directory of the atlas.", show_default=False)]
Dir = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the atlas.", show_default=False)]
Model = Annotated[str, typer.Option("--model", metavar="PATH_OR_ID", help="Model directory, or hub id once fetched.")]
Revision = Annotated[str | None, typer.Option(help="Revision of a hub model; default: the one in the cache.")]
DeviceOption = Annotated[Device, typer.Option(help="auto: cuda where there is one.")]
DtypeOption = Annotated[Dtype, typer.Option(help="mixed: products in float16, the rest in float32; moves some sites.")]
RuleOption = Annotated[str, typer.Option(help="Rule for HA sites: nayar-2025-05 or nayar-2025-07.")]
MaxLength = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Skip proteins longer than N residues, with that reason.")
]
Workers = Annotated[
    int | None,
    typer.Option(min=0, help="Worker processes; default: one per core or GPU. 0: compute in this process."),
]
Scheduler = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Use the workers of this Dask scheduler.")]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Compute again the shards that have failed proteins.")
]
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
    dtype: DtypeOption = "float32",
    rule: RuleOption = DEFAULT_RULE,
    max_length: MaxLength = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    retry_failed: RetryFailed = False,
    dry_run: DryRun = False,
) -> None:
    """Build an atlas: plan, encode and seal in one command.

    The same command again continues where it was stopped.
    """
    with workshop():
        from attlas.pipeline import build as steps
        from attlas.pipeline.seal import sealed_before
        from attlas.schema import AtlasPaths

        options = steps.Options(model, revision, device, dtype, rule, max_length)
        if dry_run:
            _print_dry_run(model, *steps.dry_run(source, options, n_workers=workers))
            return
        before = sealed_before(AtlasPaths(out))
        with build_progress() as progress:
            manifest = steps.build(
                source,
                out,
                options,
                progress=progress,
                n_workers=workers,
                scheduler=scheduler,
                is_retry=retry_failed,
            )
    if before and before.added and before.version != manifest.version:
        _say_added(before, manifest)
    _finish(out, manifest)


def plan(
    source: Input,
    out: Out,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    rule: RuleOption = DEFAULT_RULE,
    max_length: MaxLength = None,
) -> None:
    """Plan a build; compute nothing.

    Checks the input, orders the proteins and cuts them into shards.
    """
    with workshop():
        from attlas.pipeline import build as steps
        from attlas.pipeline.directory import locked
        from attlas.schema import AtlasPaths

        paths = AtlasPaths(out)
        draft = steps.draft_plan(source, steps.Options(model, revision, device, dtype, rule, max_length))
        with locked(paths):
            made = steps.make_plan(draft, paths)
    where = quote(str(out))
    print(f"{out}: {len(made.shards):,} shards planned")
    say(f"next: attlas encode {where} [--shards A-B], then attlas seal {where}")


def encode(
    out: Dir,
    shards: Annotated[str | None, typer.Option(metavar="A-B", help="Shards A to B only; default: all missing.")] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Compute the planned shards that are missing.

    Several may run at once on different shards (array jobs).
    """
    with workshop():
        from attlas.pipeline import build as steps
        from attlas.pipeline.directory import locked, read_plan
        from attlas.pipeline.encode import encode as encode_shards
        from attlas.schema import AtlasPaths

        paths = AtlasPaths(out)
        made = read_plan(paths)
        with locked(paths, is_shared=True), build_progress() as progress:
            chosen = steps.chosen_shards(made, shards)
            missing = [shard for shard in steps.missing_shards(paths, made) if shard in chosen]
            encode_shards(
                paths, made, shards=missing, progress=progress(made, missing), n_workers=workers, scheduler=scheduler
            )
    print(f"{out}: {len(missing):,} shards computed")


def seal(out: Dir) -> None:
    """Seal an atlas whose shards are all computed.

    Counts, checks the digests and writes the manifest.
    """
    with workshop():
        from attlas.pipeline.directory import locked, read_plan
        from attlas.pipeline.seal import seal as seal_atlas
        from attlas.schema import AtlasPaths

        paths = AtlasPaths(out)
        made = read_plan(paths)
        with locked(paths):
            manifest = seal_atlas(paths, made)
    _finish(out, manifest)


def status(out: Dir, as_json: AsJson = False) -> None:
    """Say how far a build is."""
    with workshop():
        from attlas.pipeline import build as steps
        from attlas.schema import AtlasPaths

        found = steps.status(AtlasPaths(out))
    receipts = found.receipts.values()
    values = {
        "state": "sealed" if found.is_sealed else "unfinished" if found.missing else "ready to seal",
        "plan_id": found.plan.plan_id,
        "n_shards": len(found.plan.shards),
        "n_shards_done": len(found.receipts),
        "n_sequences": sum(shard.n_sequences for shard in found.plan.shards),
        "n_sequences_done": sum(receipt.n_sequences for receipt in receipts),
        "n_failed": sum(receipt.n_failed for receipt in receipts),
        "missing_shards": [shard.index for shard in found.missing],
    }
    if as_json:
        print(json.dumps(values, indent=1))
        return
    print(f"{out}: {values['state']}")
    print(f"  shards     {values['n_shards_done']:,} of {values['n_shards']:,}")
    print(f"  sequences  {values['n_sequences_done']:,} of {values['n_sequences']:,}, {values['n_failed']:,} failed")


def verify(directory: AtlasDir, as_json: AsJson = False) -> None:
    """Check every file of an atlas against its manifest.

    Compares digests, schemas and counts, and looks for missing files.

    Behind a URL every file is read, from end to end.
    """
    from attlas.queries.lookup.storage import read_manifest, root_of
    from attlas.schema import AtlasPaths, BrokenAtlasError
    from attlas.schema.verify import problems, unfinished

    root = root_of(directory)
    manifest = read_manifest(root)
    if isinstance(root, Path):
        texts = problems(AtlasPaths(root), manifest)
        if left := unfinished(AtlasPaths(root), manifest):
            say(
                f"{len(left):,} files, such as {left[0]}, are of an annotation, probe or contacts that was not finished"
            )
            say("they are no part of the atlas: the same command goes on with them, another removes them")
    else:
        from attlas.queries.lookup.verify_remote import remote_problems

        texts = remote_problems(root, manifest)
    if as_json:
        print(json.dumps({"is_whole": not texts, "n_files": len(manifest.files), "problems": texts}, indent=1))
    if texts:
        raise BrokenAtlasError(
            f"{directory} is not as its manifest says.",
            offenders=texts,
            hint="--json names all of them; copy it again; where it was built, `attlas build` computes what is damaged",
        )
    if not as_json:
        n_bytes = sum(file.n_bytes for file in manifest.files)
        summary = f"whole; {len(manifest.files):,} files, {n_bytes / 1e6:,.1f} MB, every digest as in the manifest"
        print(f"{directory}: {summary}")


def fetch(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Hub id, such as facebook/esm2_t33_650M_UR50D.")],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Directory to put it in; default: the hub's cache.")
    ] = None,
    revision: Revision = None,
) -> None:
    """Download a model, once.

    No other command uses the network, except to read an atlas whose DIR is a URL.
    """
    with workshop():
        from attlas.pipeline.fetch import fetch_model

        found = fetch_model(model, revision=revision, to=to)
    print(f"{model} is in {found}; use it with --model {to or model}")


@contextmanager
def workshop() -> Iterator[None]:
    """Answer Ctrl-C at once, and say which extra to install where the workshop's libraries are missing."""
    from attlas.schema import EnvironmentFault

    try:
        with stopping_at_once("stopped; the same command goes on where it was"):
            yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "attlas":
            raise
        raise EnvironmentFault(
            f"This verb needs the package {error.name}, which is not installed.",
            hint="pip install 'attlas[build]'",
        ) from error


def _say_added(before: "Manifest", after: "Manifest") -> None:
    """Say what became of the tables that were added before shards were computed again."""
    kept = {file.path for file in after.added}
    lost = [file for file in before.added if file.path not in kept]
    for table in sorted({file.table for file in lost}):
        paths = [file.path for file in lost if file.table == table]
        say(f"left out of {table}, as files were damaged: {', '.join(paths[:5])}; the verb that added it adds it again")
    if names := sorted({file.table for file in after.added}):
        say(f"kept as they were: {', '.join(names)}; for proteins computed now, add them again")


def _finish(out: Path, manifest: "Manifest") -> None:
    counts = manifest.counts
    print(
        f"{out}: {counts.n_requested:,} proteins: {counts.n_ok:,} ok, {counts.n_skipped:,} skipped, "
        f"{counts.n_failed:,} failed; {counts.n_sites:,} sites in {counts.n_sequences:,} distinct sequences"
    )
    reasons = f'attlas sql {quote(str(out))} "SELECT accession, reason FROM proteins WHERE status ='
    if counts.n_skipped:
        say(f"reasons for skipping: {reasons} 'skipped'\"")
    if counts.n_failed:
        say(f"what failed: {reasons} 'failed'\"")
        say("the same command with --retry-failed computes them again")
        sys.exit(EXIT_FAILURES)


def _print_dry_run(model: str, cost: "Estimate", skipped: "tuple[Protein, ...]") -> None:
    print(f"{cost.n_proteins:,} proteins, {cost.n_skipped:,} of them skipped")
    print(f"{cost.n_sequences:,} distinct sequences, {cost.n_residues:,} residues, in {cost.n_shards:,} shards\n")
    print("length (residues)   sequences")
    largest = max((n for _, _, n in cost.histogram), default=1) or 1
    for low, high, n in cost.histogram:
        if n:
            span = f"{low:,} to {high:,}" if high else f"{low:,} and more"
            print(f"{span:>17}   {n:>9,} {'█' * max(1, round(30 * n / largest))}")
    print(f"\nmodel    {model} ({cost.shape.n_layers} layers x {cost.shape.n_heads} heads), {cost.dtype}")
    print(f"memory   at most {cost.peak_bytes / 2**30:.1f} GiB per worker (workers: {cost.n_workers})")
    print(f"disk     about {cost.disk_bytes / 1e6:,.0f} MB")
    print(f"time     about {duration(cost.wall_s)} on {cost.device} (rough: from this machine's matrix products)")
    for protein in skipped[:N_SKIPPED_SHOWN]:
        print(f"skipped  {protein.accession} (line {protein.line:,}): {protein.reason}")
    if len(skipped) > N_SKIPPED_SHOWN:
        print(f"skipped  ... and {len(skipped) - N_SKIPPED_SHOWN:,} more")
