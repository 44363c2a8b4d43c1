"""The task of a pass: what happens to one shard of a sealed atlas, from the sequences to the receipt."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.encoder.device_check import refuse_faulty_device, while_device_works
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.planned_sequences import read_sequences
from attlas.pipeline.shard import make_receipt
from attlas.pipeline.workers.runners import load_plan_and_model
from attlas.schema import (
    SEQUENCES,
    TABLES,
    AtlasPaths,
    Computation,
    EnvironmentFault,
    Manifest,
    Receipt,
    Table,
    TableFile,
)
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import publishing

Inputs = tuple[tuple[str, str], ...]
"""Name of each table that a pass reads, with the digest of its files: a changed table changes the pass's identity."""

Columns = Mapping[str, object]
"""The values of each column of a table, by the column's name."""

SequencesById = dict[int, str]
"""Sequences by their `sequence_id`."""

Sequences = TypeVar("Sequences")
Results = TypeVar("Results")


@dataclass(frozen=True)
class TableRows:
    """Rows of one table, column by column."""

    table: Table
    columns: Columns


@dataclass(frozen=True)
class ShardRows:
    """The rows that a pass adds for one shard, not yet published."""

    tables: Sequence[TableRows]
    lengths: Sequence[int]
    """Residues of each sequence that ran through the model."""
    n_failed: int = 0
    """Sequences whose attention is not finite: they have no rows."""


@dataclass(frozen=True)
class PassTask(ABC, Generic[Sequences, Results]):
    """A `runners.Task` over the shards of a sealed atlas; its fields are its identity, and it travels pickled.

    `compute_shard` calls the three steps in order: `select_sequences`, `compute`, `make_rows`.
    """

    atlas_id: str
    inputs: Inputs
    """The tables that the pass reads."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The beginning of its files' names: the same pass over the same tables has the same name."""

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, object]:
        """The settings that its tables declare, by name."""

    @abstractmethod
    def select_sequences(self, paths: AtlasPaths, manifest: Manifest, shard: Shard) -> Sequences:
        """Return the sequences of a shard that run through the model, with what the pass knows of them."""

    @abstractmethod
    def compute(self, encoder: Encoder, plan: Plan, sequences: Sequences) -> Results:
        """Run the sequences through the model; called while this shard alone uses the device.

        Raises:
            DeviceFault: the device does not work.
            EnvironmentFault: the model lacks what the pass needs.
            Exception: a sequence fails alone, for example when it needs more memory than there is.
        """

    @abstractmethod
    def make_rows(self, plan: Plan, sequences: Sequences, results: Results) -> ShardRows:
        """Return the rows of each table that the pass adds."""

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return the path at which the receipt of shard `index` is published."""
        return paths.receipts / f"{self.name}-{index:05d}.json"

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compute shard `index` in this process, publish its files and its receipt, and return the receipt."""
        return compute_shard(self, root, index, n_threads)


def compute_shard(task: PassTask[Sequences, Results], root: str, index: int, n_threads: int) -> Receipt:
    """Compute one shard of a pass, publish its files and its receipt, and return the receipt.

    Raises:
        EnvironmentFault: a table that the pass reads has changed since the pass began.
        Exception: as `PassTask.compute`; nothing is published then.
    """
    paths, plan, encoder = load_plan_and_model(root, n_threads)
    shard = plan.shards[index - 1]
    started = time.perf_counter()

    manifest = Manifest.read(paths)
    refuse_changed_inputs(manifest, task.inputs)
    sequences = task.select_sequences(paths, manifest, shard)
    refuse_faulty_device(encoder)

    # One shard at a time uses the device, while the tables of another are written.
    with encoder.lock:
        model_started = time.perf_counter()
        results = task.compute(encoder, plan, sequences)
        model_s = time.perf_counter() - model_started

    rows = task.make_rows(plan, sequences, results)
    computation = Computation(task.settings, dict(task.inputs))
    files = [
        publish_rows(paths, plan, table_rows, name=f"{task.name}-{index:05d}", computation=computation)
        for table_rows in rows.tables
    ]

    receipt = make_receipt(
        shard,
        files,
        plan_id=task.name,
        n_sequences=len(rows.lengths),
        n_residues=sum(rows.lengths),
        n_failed=rows.n_failed,
        started=started,
        model_s=model_s,
        device=encoder.device.type,
    )
    with while_device_works(encoder):
        receipt.write_to(task.receipt(paths, index))
    return receipt


def digest_inputs(manifest: Manifest, *tables: Table) -> Inputs:
    """Return the tables that the given added tables are computed from, each with the digest of its files."""
    sources = dict.fromkeys(source for table in tables for source in table.computed_from)
    return tuple((source.name, manifest.digest_of(source)) for source in sources)


def refuse_changed_inputs(manifest: Manifest, inputs: Inputs) -> None:
    """Refuse tables that have changed since the pass began, for example because a scheduler kept a task for long.

    Raises:
        EnvironmentFault: a table has changed.
    """
    digests = {table.name: manifest.digest_of(table) for table in TABLES}
    if changed := [name for name, digest in inputs if digests[name] != digest]:
        raise EnvironmentFault(
            f"Tables were changed while a pass over them was running: {', '.join(changed)}.",
            hint="run the same command again: it reads the tables as they are now",
        )


def read_computed_sequences(paths: AtlasPaths, shard: Shard) -> SequencesById:
    """Return the sequences of a shard that the build computed, by `sequence_id`, in ascending order."""
    ok = pq.read_table(paths.shard(SEQUENCES, shard.index), columns=["sequence_id"], filters=pc.field("status") == "ok")
    sequences = read_sequences(paths, shard)["sequence"].to_pylist()
    return {
        sequence_id: sequences[sequence_id - shard.first_sequence_id]
        for sequence_id in sorted(ok["sequence_id"].to_pylist())
    }


def select_short_sequences(paths: AtlasPaths, shard: Shard, max_length: int | None) -> SequencesById:
    """Return the computed sequences of a shard of at most `max_length` residues; None: all of them."""
    return {
        sequence_id: sequence
        for sequence_id, sequence in read_computed_sequences(paths, shard).items()
        if max_length is None or len(sequence) <= max_length
    }


def publish_rows(paths: AtlasPaths, plan: Plan, rows: TableRows, *, name: str, computation: Computation) -> TableFile:
    """Publish rows as a file of an added table and return the manifest's entry for it.

    Args:
        paths: the atlas.
        plan: its plan; the run stands in the metadata of the file.
        rows: the rows of an added table.
        name: of the file, without its ending.
        computation: the settings and inputs, which stand in the metadata as well.
    """
    schema = rows.table.schema(plan.run.n_layers)
    arrays = [pa.array(rows.columns[field.name]).cast(field.type) for field in schema]

    path = paths.added(rows.table, name)
    metadata = {**provenance(plan.run, plan.plan_id), **computation.of(rows.table).metadata(rows.table)}
    with publishing(path) as beside:
        arrow_table = pa.Table.from_arrays(arrays, schema=schema)
        write_table(beside, table=rows.table, rows=arrow_table, metadata=metadata)
    return describe_file(paths, path, rows.table)
