"""The three steps of a build: plan, encode, seal. Each reads from the directory what the step before it wrote."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from attlas.pipeline.build_vectors import BuildVectors
from attlas.pipeline.directory import read_plan, write_plan, write_plan_file
from attlas.pipeline.drafting import Draft, Options, Sources, draft_plan
from attlas.pipeline.encode import StartProgress, encode
from attlas.pipeline.estimate import runs_in_process
from attlas.pipeline.lock import hold_lock
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.receipts import find_missing_shards, read_receipts
from attlas.pipeline.seal import seal, set_manifest_aside
from attlas.pipeline.shard_parts import find_kept_vectors, remove_failed_parts
from attlas.pipeline.workers.cluster import prepare_workers
from attlas.pipeline.workers.libraries import import_libraries
from attlas.pipeline.workers.resources import check_device, check_precision, has_device
from attlas.pipeline.workers.runners import EncodeTask
from attlas.schema import AtlasPaths, InputError, Manifest, PlanError
from attlas.schema.run import PLAIN, Run
from attlas.schema.verify import find_problems

MakeVectors = Callable[[Plan], BuildVectors]
"""Takes a plan, and returns what pools the hidden states of its build."""


def make_plan(draft: Draft, paths: AtlasPaths, *, place: str | None = None) -> Plan:
    """Write a plan into a directory, or return the same plan that the directory holds; the caller holds the lock.

    `place` is what the user calls the place of the build, where it is not that directory.

    Raises:
        PlanError: the directory holds another plan; the message names the differences.
    """
    proteins, plan = draft
    if paths.plan.is_file():
        earlier = read_plan(paths)
        if differences := earlier.describe_changes(plan):
            raise PlanError(
                f"The build in {place or paths.root} has another input, model or rule.",
                expected=f"plan {earlier.plan_id}",
                found=f"plan {plan.plan_id}; differences (in the directory -> now):",
                offenders=differences,
                hint=f"{_explain_products(earlier.run, plan.run)}, or build into another directory",
            )
        if earlier.model_directory != plan.model_directory:
            earlier = replace(earlier, model_directory=plan.model_directory)
            write_plan_file(paths, earlier)
        proteins.workspace.close()
        return earlier

    write_plan(paths, plan, proteins)
    proteins.workspace.close()
    return replace(plan, shards=read_plan(paths).shards)


def refuse_missing_device(draft: Draft) -> None:
    """Refuse a plan that this machine cannot compute, before it is written. Raises EnvironmentFault."""
    _, plan = draft
    if plan.shards:
        check_device(plan.run.device)
        if plan.run.device == "cuda":
            check_precision(plan.run.dtype, plan.run.products)


def _explain_products(begun: Run, run: Run) -> str:
    """Return the advice on a build that was begun as another run: above all if only the products differ."""
    if begun.dtype == run.dtype and begun.device == run.device and begun.products != run.products:
        if begun.products == PLAIN:
            return "add --exact, as the build was begun with plain float32 (the default of earlier releases)"
        return "leave out --exact, as the build was begun with products of halves"
    return "repeat the command with which it began"


def build(
    source: Sources,
    out: Path,
    options: Options,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
    is_retry: bool = False,
    make_vectors: MakeVectors | None = None,
) -> Manifest:
    """Plan, encode and seal: build an atlas from FASTA files. Finished shards are kept.

    Args:
        source: paths of FASTA files, or `-`.
        out: directory of the atlas.
        options: the model, the rule and the like.
        progress: called once with the plan and the missing shards; its result is called with every event.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.
        is_retry: whether shards that hold failed proteins are computed again.
        make_vectors: returns what pools hidden states while the shards of a plan are computed; the rows are kept for
            the pass that adds them afterwards. None: there are no vectors.

    Raises:
        InputError: as `draft_plan`, or as `make_vectors`.
        PlanError: as `make_plan`.
        EnvironmentFault: as `draft_plan` and `encode.encode`.
    """
    # Before the lock: a build that is refused leaves no directory behind.
    paths = AtlasPaths(out)
    is_new = scheduler is None and not paths.manifest.is_file()
    draft = draft_plan(source, options, prepare=partial(_prepare, n_workers=n_workers) if is_new else None)
    if scheduler is None and not paths.plan.is_file():
        refuse_missing_device(draft)
    vectors = make_vectors(draft[1]) if make_vectors is not None else None

    with hold_lock(paths):
        plan = make_plan(draft, paths)
        if is_retry:
            remove_failed_receipts(paths, plan)

        was_sealed = paths.manifest.is_file() or paths.manifest_before.is_file()
        if paths.manifest.is_file():
            manifest = Manifest.read(paths)
            if not find_problems(paths, manifest):
                return manifest
            set_manifest_aside(paths)  # damaged shards are computed again

        # A sealed atlas that is mended may have files of the right size and other bytes.
        if shards := find_missing_shards(paths, plan, plan.shards, by_digest=was_sealed):
            report = progress(plan, shards)
            if vectors is not None:
                shards = [_with_vectors(shard, vectors) for shard in shards]
                for shard in shards:  # rows kept by a build whose receipt of the shard is gone
                    find_kept_vectors(paths, vectors.name, shard.index).remove()
            encode(
                paths,
                plan,
                shards=shards,
                progress=report,
                n_workers=n_workers,
                scheduler=scheduler,
                task=EncodeTask(vectors=vectors),
            )
        return seal(paths, plan)


def _with_vectors(shard: Shard, vectors: BuildVectors) -> Shard:
    """Return a shard with the memory that it takes where its hidden states are pooled meanwhile."""
    return replace(shard, predicted_bytes=shard.predicted_bytes + vectors.predict_bytes(shard.n_sequences))


def _prepare(shards: Sequence[Shard], device: str, *, n_workers: int | None) -> None:
    """Begin to import what computes the shards, here or in the process from which workers fork."""
    if not shards or not has_device(device):
        return
    if runs_in_process(shards, device=device, n_workers=n_workers):
        import_libraries()
    else:
        prepare_workers()


def remove_failed_receipts(paths: AtlasPaths, plan: Plan) -> None:
    """Remove the receipts of shards with failed proteins, and the parts, so that these are computed again."""
    remove_failed_parts(paths)
    failed = [receipt for receipt in read_receipts(paths, plan, plan.shards).values() if receipt.n_failed]
    if failed:
        set_manifest_aside(paths)  # before the receipts: without all its shards the atlas is not whole
    for receipt in failed:
        paths.receipt(receipt.index).unlink()


def select_shards(plan: Plan, text: str | None) -> Sequence[Shard]:
    """Return the shards A to B of a text `A-B` or `A`, from 1, inclusive; all of them for None.

    B may be larger than the last shard: the last job of an array may have fewer shards.

    Raises:
        InputError: the text is no range, or it begins outside the plan.
    """
    if text is None:
        return plan.shards

    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text, re.ASCII)
    if match is not None:
        begin, end = int(match[1]), int(match[2] or match[1])
        if 1 <= begin <= min(end, len(plan.shards)):
            return plan.shards[begin - 1 : end]

    raise InputError(
        f"--shards {text} names no shards of this plan.", expected=f"A-B within 1-{len(plan.shards)}", found=text
    )
