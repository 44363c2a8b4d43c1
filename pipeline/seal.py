"""Seal an atlas: every shard accounted for, the table `proteins` written, the manifest last."""

import datetime
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.directory import is_as_noted, read_receipts
from attlas.pipeline.plan import Plan
from attlas.schema import (
    ADDED_TABLES,
    FORMAT_VERSION,
    PROTEINS,
    SEQUENCES,
    SITES,
    AtlasPaths,
    BrokenAtlasError,
    Counts,
    Manifest,
    PlanError,
    Receipt,
    TableFile,
)
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import publishing


def seal(paths: AtlasPaths, plan: Plan) -> Manifest:
    """Check that every shard is done, write `proteins`, then the manifest; the caller holds the lock.

    What was added to an atlas that was sealed before stays in it, as far as its files are whole.

    Raises:
        PlanError: shards are missing.
        BrokenAtlasError: a shard's file is not as its receipt says.
    """
    receipts = read_receipts(paths, plan)

    if missing := [shard.index for shard in plan.shards if shard.index not in receipts]:
        raise PlanError(
            f"{len(missing)} of {len(plan.shards)} shards are not done.",
            offenders=[f"shard {index}" for index in missing],
            hint=f"run `attlas encode {paths.root}`",
        )
    shard_files = [file for index in sorted(receipts) for file in receipts[index].files]
    _check_files(paths, shard_files)

    proteins = _proteins(paths, plan)
    with publishing(paths.proteins) as beside:
        write_table(beside, table=PROTEINS, rows=proteins, metadata=provenance(plan.run, plan.plan_id))

    # An atlas that is sealed again keeps the tables that were added to it, as far as their files are undamaged.
    previous = sealed_before(paths)
    added_files = _undamaged(paths, previous.added) if previous else []

    manifest = Manifest(
        format_version=FORMAT_VERSION,
        atlas_id=plan.plan_id,
        run=plan.run,
        source=plan.source,
        source_sha256=plan.source_sha256,
        counts=_counts(proteins, plan, list(receipts.values())),
        files=(
            describe_file(paths, paths.proteins, PROTEINS),
            *shard_files,
            *added_files,
        ),
        version=previous.version + 1 if previous else 1,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        cost={
            "wall_s": round(sum(receipt.wall_s for receipt in receipts.values()), 1),
            "model_s": round(sum(receipt.model_s for receipt in receipts.values()), 1),
            "peak_bytes": max((receipt.peak_bytes for receipt in receipts.values()), default=0),
        },
    )
    manifest.write(paths)

    paths.manifest_before.unlink(missing_ok=True)
    for file in previous.added if previous else ():
        if file not in added_files:
            (paths.root / file.path).unlink(missing_ok=True)
    return manifest


def set_aside(paths: AtlasPaths) -> None:
    """Take the manifest away while shards are computed again; what it says of tables added later is kept for `seal`."""
    if paths.manifest.is_file():
        paths.manifest.replace(paths.manifest_before)


def sealed_before(paths: AtlasPaths) -> Manifest | None:
    """Return the manifest of an atlas as it is sealed, or was before shards were computed again; None if it never was.

    Raises:
        BrokenAtlasError: it is of another format version, or cannot be read.
    """
    for path in (paths.manifest, paths.manifest_before):
        if path.is_file():
            return Manifest.parse(path.read_bytes(), source=str(paths.root))
    return None


def _undamaged(paths: AtlasPaths, files: Sequence[TableFile]) -> list[TableFile]:
    """Return the added files that are as the manifest says; of a table with a file per shard, all or none."""
    damaged = {file for file in files if not is_as_noted(paths.root / file.path, file)}
    by_source = {table.name for table in ADDED_TABLES if table.is_by_source}
    incomplete = {file.table for file in damaged} - by_source
    return [file for file in files if file not in damaged and file.table not in incomplete]


def _check_files(paths: AtlasPaths, files: Sequence[TableFile]) -> None:
    broken = [file.path for file in files if not is_as_noted(paths.root / file.path, file)]
    if broken:
        raise BrokenAtlasError(
            "Files of finished shards are missing or changed.",
            offenders=broken,
            hint=f"run `attlas encode {paths.root}`, or the same `attlas build`, again: it computes those shards",
        )


def _proteins(paths: AtlasPaths, plan: Plan) -> pa.Table:
    """Return the table `proteins`: what was planned, joined with what became of each sequence."""
    planned = pq.read_table(paths.planned_proteins)
    schema = PROTEINS.schema(plan.run.n_layers)
    if not plan.shards:
        return planned.sort_by("accession").cast(schema)
    outcomes = pa.concat_tables(pq.read_table(paths.shard(SEQUENCES, shard.index)) for shard in plan.shards)
    # Sequence ids are 0, 1, ... in the order of the shards: a protein's outcome is the row of its id.
    sequence_outcomes = outcomes.take(planned["sequence_id"])

    is_skipped = pc.equal(planned["status"], "skipped")
    columns = {name: planned[name] for name in planned.column_names}
    columns["status"] = pc.if_else(is_skipped, "skipped", sequence_outcomes["status"])
    columns["reason"] = pc.if_else(is_skipped, planned["reason"], sequence_outcomes["reason"])
    for name in ("layer", "n_sites", "sites_note"):
        columns[name] = sequence_outcomes[name]
    return pa.table(columns).select(schema.names).sort_by("accession").cast(schema)


def _counts(proteins: pa.Table, plan: Plan, receipts: Sequence[Receipt]) -> Counts:
    by_status = {entry["values"]: entry["counts"] for entry in pc.value_counts(proteins["status"]).to_pylist()}
    n_sites = [file.n_rows for receipt in receipts for file in receipt.files if file.table == SITES.name]
    return Counts(
        n_records=plan.n_records,
        n_requested=proteins.num_rows,
        n_ok=by_status.get("ok", 0),
        n_skipped=by_status.get("skipped", 0),
        n_failed=by_status.get("failed", 0),
        n_sequences=sum(receipt.n_sequences for receipt in receipts),
        n_residues=sum(receipt.n_residues for receipt in receipts),
        n_sites=sum(n_sites),
    )
