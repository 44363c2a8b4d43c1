"""The last step of a build: check that every shard is finished, write the table `proteins`, then the manifest."""

import datetime
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from attlas.pipeline.indexes.writing import write_indexes
from attlas.pipeline.joining import write_proteins
from attlas.pipeline.plan import Plan
from attlas.pipeline.receipts import find_changed_files, read_receipts
from attlas.pipeline.shard_parts import remove_finished_parts
from attlas.schema import (
    ADDED_TABLES,
    FORMAT_VERSION,
    PROTEINS,
    SITES,
    AtlasPaths,
    BrokenAtlasError,
    Counts,
    Manifest,
    PlanError,
    Receipt,
    TableFile,
)
from attlas.schema.file_list import FileList
from attlas.schema.parquet_file import describe_file, provenance
from attlas.schema.unnamed_parts import remove_unnamed_parts


def seal(paths: AtlasPaths, plan: Plan, *, by_digest: bool = True) -> Manifest:
    """Check that every shard is finished, write `proteins`, then the manifest; the caller holds the lock.

    An atlas that is sealed again keeps its added tables, as far as their files are undamaged. Files are compared with
    their entries by SHA-256, or by size alone if not `by_digest`: then somebody else has looked at the digests.

    Raises:
        PlanError: shards are missing.
        BrokenAtlasError: a file of a shard differs from its receipt.
    """
    receipts = _read_all_receipts(paths, plan, by_digest=by_digest)
    remove_finished_parts(paths)
    statuses = write_proteins(paths, plan)
    names = write_indexes(paths, [paths.proteins], metadata=provenance(plan.run, plan.plan_id))

    earlier = read_earlier_manifest(paths)
    earlier_files = list_added_files(earlier) if earlier else []
    added_files = _select_undamaged(paths, earlier_files, by_digest=by_digest)
    manifest = _make_manifest(paths, plan, receipts, statuses, [*names, *added_files])
    if earlier:
        manifest = replace(manifest, version=earlier.version + 1)
    manifest = manifest.write(paths)

    # Only now that no manifest names them may damaged files of added tables go.
    paths.manifest_before.unlink(missing_ok=True)
    for file in set(earlier_files).difference(added_files):
        (paths.root / file.path).unlink(missing_ok=True)
    remove_unnamed_parts(paths)
    return manifest


def _make_manifest(
    paths: AtlasPaths, plan: Plan, receipts: Sequence[Receipt], statuses: Counter[str], other_files: Sequence[TableFile]
) -> Manifest:
    """Return the manifest of an atlas that is sealed for the first time, not yet published."""
    shard_files = (file for receipt in receipts for file in receipt.files)
    files = (describe_file(paths, paths.proteins, PROTEINS), *shard_files, *other_files)

    return Manifest(
        format_version=FORMAT_VERSION,
        atlas_id=plan.plan_id,
        run=plan.run,
        source=plan.source,
        source_sha256=plan.source_sha256,
        counts=_count(statuses, plan, receipts),
        files=FileList(files),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        cost={
            "wall_s": round(sum(receipt.wall_s for receipt in receipts), 1),
            "model_s": round(sum(receipt.model_s for receipt in receipts), 1),
            "peak_bytes": max((receipt.peak_bytes for receipt in receipts), default=0),
        },
    )


def set_manifest_aside(paths: AtlasPaths) -> None:
    """Rename the manifest while shards are computed again; `seal` reads from it which tables were added."""
    if paths.manifest.is_file():
        paths.manifest.replace(paths.manifest_before)


def read_earlier_manifest(paths: AtlasPaths) -> Manifest | None:
    """Return the manifest of a sealed atlas, or the one from before shards were computed again; None without any.

    Raises:
        BrokenAtlasError: it has another format version, or cannot be read.
    """
    for path in (paths.manifest, paths.manifest_before):
        if path.is_file():
            return Manifest.read_file(path, paths)
    return None


def list_added_files(manifest: Manifest) -> list[TableFile]:
    """Return the files of added tables; none of a table of which a list part is damaged: nobody knows its files."""
    added = manifest.added
    files = list(added.listed)
    for table in dict.fromkeys(part.table for part in added.parts):
        with suppress(BrokenAtlasError):
            files += list(added.of_tables([table]))
    return files


def _select_undamaged(paths: AtlasPaths, files: Sequence[TableFile], *, by_digest: bool) -> list[TableFile]:
    """Return the added files that match their entry; of a table with a file per shard, all files or none."""
    damaged = find_changed_files(paths, files, by_digest=by_digest)
    tables_of_runs = {table.name for table in ADDED_TABLES if table.is_by_source or table.is_by_type}
    incomplete = {file.table for file in damaged} - tables_of_runs
    return [file for file in files if file not in damaged and file.table not in incomplete]


def _read_all_receipts(paths: AtlasPaths, plan: Plan, *, by_digest: bool) -> list[Receipt]:
    """Return the receipts of all shards, in order, after their files have been checked by digest.

    The receipt of a shard whose files differ from it is removed, so that `encode` computes the shard again: `encode`
    itself looks at sizes only.

    Raises:
        PlanError: shards are missing.
        BrokenAtlasError: a file of a shard differs from its receipt.
    """
    receipts = read_receipts(paths, plan, plan.shards)
    if missing := [shard.index for shard in plan.shards if shard.index not in receipts]:
        raise PlanError(
            f"{len(missing)} of {len(plan.shards):,} shards are not done.",
            offenders=[f"shard {index}" for index in missing],
            hint=f"run `attlas encode {paths.root}`",
        )

    files = [file for receipt in receipts.values() for file in receipt.files]
    if changed := find_changed_files(paths, files, by_digest=by_digest):
        for index, receipt in receipts.items():
            if not changed.isdisjoint(receipt.files):
                paths.receipt(index).unlink(missing_ok=True)
        raise BrokenAtlasError(
            "Files of finished shards are missing or changed.",
            offenders=[file.path for file in files if file in changed],
            hint=f"run `attlas encode {paths.root}`, or the same `attlas build`, again: it computes those shards",
        )
    return [receipts[shard.index] for shard in plan.shards]


def _count(statuses: Counter[str], plan: Plan, receipts: Sequence[Receipt]) -> Counts:
    n_sites = [file.n_rows for receipt in receipts for file in receipt.files if file.table == SITES.name]

    return Counts(
        n_records=plan.n_records,
        n_requested=statuses.total(),
        n_ok=statuses["ok"],
        n_skipped=statuses["skipped"],
        n_failed=statuses["failed"],
        n_sequences=sum(receipt.n_sequences for receipt in receipts),
        n_residues=sum(receipt.n_residues for receipt in receipts),
        n_sites=sum(n_sites),
    )
