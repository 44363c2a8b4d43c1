"""The verbs for the steps of a build, which may run on several machines: plan, encode, seal; and status."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

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
from attlas.cli.build_report import report_build
from attlas.cli.output import AsJson, find_store
from attlas.cli.progress import build_progress, say
from attlas.cli.workshop import MaxLength, Place, Scheduler, Workers, workshop

if TYPE_CHECKING:
    from attlas.pipeline.plan import Plan, Shard
    from attlas.pipeline.status import BuildStatus
    from attlas.schema.run import Run

PartOption = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="I/N",
        help="Compute part I, from 0, of N parts: every N-th shard. auto/N: the number of the job in a SLURM array, "
        "a Kubernetes indexed Job or MPI.",
    ),
]


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (plan, encode, seal, status):
        app.command()(verb)


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
    _say_old_gpus(new_plan.run)
    say(f"next: attlas encode {directory} [--shards A-B], then attlas seal {directory}")


def _say_old_gpus(run: "Run") -> None:
    """Say that all GPUs of this machine are too old for a run: a plan may be for another machine."""
    from attlas.pipeline.workers.resources import check_precision
    from attlas.schema import EnvironmentFault

    if run.device == "cuda":
        try:
            check_precision(run.dtype, run.products)
        except EnvironmentFault as fault:
            say(f"not on this machine: {fault.what} Compute capability {fault.found}; {fault.hint}")


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
        from attlas.pipeline.job_parts import read_part
        from attlas.pipeline.lock import hold_lock
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
    report_build(out, manifest)


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
    if as_json:
        print(json.dumps(_describe_status(build_status), indent=1))
    else:
        _print_status(out, build_status)


def _describe_status(build_status: "BuildStatus") -> dict[str, object]:
    """Return how far a build is, as JSON values."""
    return {
        "state": _name_state(build_status),
        "plan_id": build_status.plan.plan_id,
        "n_shards": len(build_status.plan.shards),
        "n_shards_done": len(build_status.finished),
        "n_sequences": build_status.plan.totals.n_sequences,
        "n_sequences_done": build_status.n_sequences_done,
        "n_sequences_in_parts": build_status.n_sequences_in_parts,
        "n_failed": build_status.n_failed,
        "missing_shards": [shard.index for shard in build_status.missing],
    }


def _print_status(out: str, build_status: "BuildStatus") -> None:
    n_failed, n_in_parts = build_status.n_failed, build_status.n_sequences_in_parts
    failed = "failed not counted (--verify counts them)" if n_failed is None else f"{n_failed:,} failed"
    n_shards, n_sequences = len(build_status.plan.shards), build_status.plan.totals.n_sequences

    print(f"{out}: {_name_state(build_status)}")
    print(f"  shards     {len(build_status.finished):,} of {n_shards:,}")
    print(f"  sequences  {build_status.n_sequences_done:,} of {n_sequences:,}, {failed}")
    if n_in_parts:
        print(f"             {n_in_parts:,} more in shards that are half-finished")


def _name_state(build_status: "BuildStatus") -> str:
    if build_status.is_sealed:
        return "sealed"
    return "unfinished" if build_status.missing else "ready to seal"
