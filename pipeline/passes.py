"""A pass over a sealed atlas: the model once more over its shards, and tables added of it; resumable like a build."""

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.adding import add_files
from attlas.pipeline.directory import is_as_noted
from attlas.pipeline.encode import Progress, encode
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.runners import Task
from attlas.pipeline.shard import peak_bytes, read_sequences
from attlas.schema import (
    SEQUENCES,
    TABLES,
    AtlasPaths,
    BrokenAtlasError,
    Computation,
    EnvironmentFault,
    Manifest,
    Receipt,
    Table,
    TableFile,
)
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import publishing

Begin = Callable[[Plan, Sequence[Shard]], Progress]
"""Is told the plan and the missing shards, and gives what to call for each that is finished."""


Inputs = tuple[tuple[str, str], ...]
"""Name of each table that a pass reads, with the digest of its files: a changed table changes the pass's identity."""


def inputs_of(manifest: Manifest, *tables: Table) -> Inputs:
    """Return the tables that some added tables are computed from, each with the digest of its files."""
    sources = dict.fromkeys(source for table in tables for source in table.computed_from)
    return tuple((source.name, manifest.digest_of(source)) for source in sources)


def refuse_other_inputs(manifest: Manifest, inputs: Inputs) -> None:
    """Refuse to compute from tables that have changed since the pass began, as where a scheduler kept a task for long.

    Raises:
        EnvironmentFault: a table has changed.
    """
    digests = {table.name: manifest.digest_of(table) for table in TABLES}
    if changed := [name for name, digest in inputs if digests[name] != digest]:
        raise EnvironmentFault(
            f"Tables were changed while a pass over them was running: {', '.join(changed)}.",
            hint="run the same command again: it asks of the tables as they are now",
        )


def run_pass(
    paths: AtlasPaths,
    plan: Plan,
    task: Task,
    *,
    tables: Sequence[Table],
    shards: Sequence[Shard],
    progress: Begin,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> Manifest:
    """Do a task with the shards that lack its receipt, and have its files take the place of what `tables` hold.

    The caller holds the lock. What was done before is kept; asked again, nothing changes.

    Args:
        paths: the atlas.
        plan: its plan.
        task: what to do with a shard; the task is its own identity, by the path of its receipts.
        tables: what it publishes: their other files are forgotten.
        shards: those it is about, with the memory that each takes of a process; all of the plan, as a rule.
        progress: as in `build.build`.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.

    Raises:
        EnvironmentFault: as `encode.encode`.
    """
    done = finished(paths, shards, task)
    if missing := [shard for shard in shards if shard.index not in done]:
        report = progress(replace(plan, shards=tuple(shards)), missing)
        encode(paths, plan, shards=missing, progress=report, n_workers=n_workers, scheduler=scheduler, task=task)
        done = finished(paths, shards, task)
    if lost := [shard.index for shard in shards if shard.index not in done]:
        raise BrokenAtlasError(
            "Files of finished shards are missing or changed.",
            offenders=[f"shard {index}" for index in lost],
            hint="run the same command again: it computes those shards",
        )
    files = [file for index in sorted(done) for file in done[index].files]
    names = {table.name for table in tables}
    manifest = add_files(paths, files, is_replaced=lambda file: file.table in names)
    _forget_unnamed(paths, manifest, tables)
    return manifest


def computed_sequences(paths: AtlasPaths, shard: Shard) -> dict[int, str]:
    """Return the sequences of a shard that the build computed, by `sequence_id`, in its order."""
    ok = pq.read_table(paths.shard(SEQUENCES, shard.index), columns=["sequence_id"], filters=pc.field("status") == "ok")
    sequences = read_sequences(paths, shard)
    return {i: sequences[i - shard.first_sequence_id] for i in sorted(ok["sequence_id"].to_pylist())}


def publish_rows(
    paths: AtlasPaths,
    plan: Plan,
    table: Table,
    columns: Mapping[str, object],
    *,
    name: str,
    computation: Computation,
) -> TableFile:
    """Publish rows as a file of an added table and return the manifest's entry.

    `name` is the file's; its metadata say the run and the computation.
    """
    schema = table.schema(plan.run.n_layers)
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in schema]
    path = paths.added(table, name)
    rows = pa.Table.from_arrays(arrays, schema=schema)
    metadata = {**provenance(plan.run, plan.plan_id), **computation.metadata(table)}
    with publishing(path) as beside:
        write_table(beside, table=table, rows=rows, metadata=metadata)
    return describe_file(paths, path, table)


def receipt_of(
    shard: Shard,
    files: Sequence[TableFile],
    *,
    pass_id: str,
    lengths: Sequence[int],
    started: float,
    model_s: float,
    device: str,
    n_failed: int = 0,
) -> Receipt:
    """Return the receipt of a shard that was begun at `started` (`time.perf_counter`), not yet published.

    `lengths` are those of the sequences that ran through the model, in residues.
    """
    return Receipt(
        index=shard.index,
        plan_id=pass_id,
        files=tuple(files),
        n_sequences=len(lengths),
        n_failed=n_failed,
        n_residues=sum(lengths),
        wall_s=round(time.perf_counter() - started, 3),
        model_s=round(model_s, 3),
        peak_bytes=peak_bytes(device),
        predicted_bytes=shard.predicted_bytes,
        host=socket.gethostname(),
    )


def _forget_unnamed(paths: AtlasPaths, manifest: Manifest, tables: Sequence[Table]) -> None:
    """Remove what passes that were asked otherwise, and never finished, left in the folders of some tables."""
    for table in tables:
        named = {paths.root / file.path for file in manifest.of_table(table)}
        for path in paths.added(table, "any").parent.glob("*.parquet"):
            if path not in named:
                path.unlink()


def finished(paths: AtlasPaths, shards: Sequence[Shard], task: Task) -> dict[int, Receipt]:
    """Return the receipts of a task whose files are as noted."""
    found = {}
    for shard in shards:
        path = task.receipt(paths, shard.index)
        if path.is_file():
            receipt = Receipt.read(path)
            if all(is_as_noted(paths.root / file.path, file) for file in receipt.files):
                found[shard.index] = receipt
    return found
