"""The task of a pass: what happens to one shard of a sealed atlas, from the sequences to the receipt."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.encoder.device_check import confirm_device, refuse_faulty_device
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.finishing import Output, finish_shard
from attlas.pipeline.part_limits import PASS_PART_LIMITS, PartLimits, cut_parts
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.planned_sequences import read_sequences
from attlas.pipeline.shard_parts import Part, PartRecord, compute_parts, find_part_folder
from attlas.pipeline.workers.runners import load_plan_and_model, prepare_model
from attlas.schema import (
    SEQUENCES,
    AtlasPaths,
    Computation,
    EnvironmentFault,
    Manifest,
    Receipt,
    Table,
)
from attlas.schema.parquet_file import provenance

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
    """The rows that a pass adds for a shard, or for a part of one, not yet published."""

    tables: Sequence[TableRows]
    lengths: Sequence[int]
    """Residues of each sequence that ran through the model."""
    n_failed: int = 0
    """Sequences whose attention is not finite: they have no rows."""


@dataclass(frozen=True)
class PassTask(ABC, Generic[Sequences, Results]):
    """A `runners.ShardTask` over the shards of a sealed atlas; its fields are its identity, and it travels pickled.

    A pass over other inputs than the sequences of the atlas, such as pairs of them, has shards of its own
    (`find_shard`, `read_lengths`); `sequence_id` then counts its inputs.

    `compute_shard` calls the three steps in order for each part of a shard, which it hands over as a shard of fewer
    sequences: `select_sequences`, `compute`, `make_rows`.
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

    def find_shard(self, paths: AtlasPaths, plan: Plan, index: int) -> Shard:
        """Return shard `index` (from 1): of the atlas's plan, where a pass has no plan of its own."""
        return plan.shards[index - 1]

    def read_lengths(self, paths: AtlasPaths, shard: Shard) -> Sequence[int]:
        """Return the residues of every sequence of a shard, in order."""
        lengths: list[int] = pq.read_table(paths.shard(SEQUENCES, shard.index), columns=["length"])[
            "length"
        ].to_pylist()
        return lengths

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return the path at which the receipt of shard `index` is published."""
        return paths.receipts / f"{self.name}-{index:05d}.json"

    def make_output(self, paths: AtlasPaths, plan: Plan, table: Table, index: int) -> Output:
        """Return where the rows that shard `index` adds to a table are published, and what the file says of them."""
        computation = Computation(self.settings, dict(self.inputs)).of(table)
        metadata = {**provenance(plan.run, plan.plan_id), **computation.metadata(table)}
        return Output(paths.added(table, f"{self.name}-{index:05d}"), metadata)

    def prepare(self, root: str, n_threads: int) -> None:
        """Load the model, and run the known protein."""
        prepare_model(root, n_threads)

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compute shard `index` in this process, publish its files and its receipt, and return the receipt."""
        return compute_shard(self, root, index, n_threads)


def compute_shard(
    task: PassTask[Sequences, Results],
    root: str,
    index: int,
    n_threads: int,
    *,
    limits: PartLimits = PASS_PART_LIMITS,
) -> Receipt:
    """Compute one shard of a pass, publish its files and its receipt, and return the receipt.

    Its memory is that of a part. A shard that was interrupted is taken up after its last closed part.

    Raises:
        EnvironmentFault: a table that the pass reads has changed since the pass began.
        Exception: as `PassTask.compute`; nothing is published then.
    """
    paths, plan, encoder = load_plan_and_model(root, n_threads)
    shard = task.find_shard(paths, plan, index)
    started = time.perf_counter()

    manifest = Manifest.read(paths)
    refuse_changed_inputs(manifest, task.inputs)
    refuse_faulty_device(encoder)

    # A part ends where its sequences of all lengths fill it, whichever of them the pass selects.
    slices = cut_parts(task.read_lengths(paths, shard), limits)
    ends = {shard.first_sequence_id + part.start: shard.first_sequence_id + part.stop for part in slices}

    def compute_part(begin: int) -> Part:
        part = replace(shard, first_sequence_id=begin, end_sequence_id=ends[begin])
        return _compute_part(task, paths, manifest, plan, part, encoder)

    folder = find_part_folder(paths, task.receipt(paths, index), task.name)
    parts = compute_parts(
        folder,
        begin=shard.first_sequence_id,
        ends=list(ends.values()),
        compute=compute_part,
        confirm_device=partial(confirm_device, encoder),
    )

    return finish_shard(
        paths,
        shard,
        parts,
        encoder,
        folder=folder,
        receipt_path=task.receipt(paths, index),
        output=lambda table: task.make_output(paths, plan, table, index),
        started=started,
    )


def _compute_part(
    task: PassTask[Sequences, Results],
    paths: AtlasPaths,
    manifest: Manifest,
    plan: Plan,
    part: Shard,
    encoder: Encoder,
) -> Part:
    """Run the sequences of a part that the pass selects through the model and return their rows."""
    started = time.perf_counter()
    sequences = task.select_sequences(paths, manifest, part)

    # One shard at a time uses the device, while the tables of another are written.
    with encoder.lock:
        model_started = time.perf_counter()
        results = task.compute(encoder, plan, sequences)
        model_s = time.perf_counter() - model_started

    rows = task.make_rows(plan, sequences, results)
    arrow_tables = {table_rows.table: make_arrow_table(table_rows, plan.run.n_layers) for table_rows in rows.tables}
    record = PartRecord(
        plan_id=task.name,
        first_sequence_id=part.first_sequence_id,
        end_sequence_id=part.end_sequence_id,
        n_sequences=len(rows.lengths),
        n_residues=sum(rows.lengths),
        n_failed=rows.n_failed,
        model_s=model_s,
        wall_s=time.perf_counter() - started,
    )
    return Part(record, arrow_tables)


def make_arrow_table(rows: TableRows, n_layers: int) -> pa.Table:
    """Return rows as the table has them, in its types."""
    schema = rows.table.schema(n_layers)
    arrays = [_make_arrow_array(rows.columns[field.name]).cast(field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _make_arrow_array(values: object) -> pa.Array | pa.ChunkedArray:
    """Return the values of a column as Arrow has them, unless they are that already."""
    return values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)


def digest_inputs(manifest: Manifest, *tables: Table) -> Inputs:
    """Return the tables that the given added tables are computed from, each with the digest of its files."""
    sources = dict.fromkeys(source for table in tables for source in table.computed_from)
    return tuple((source.name, manifest.digest_of(source)) for source in sources)


def refuse_changed_inputs(manifest: Manifest, inputs: Inputs) -> None:
    """Refuse tables that have changed since the pass began, for example because a scheduler kept a task for long.

    Raises:
        EnvironmentFault: a table has changed.
    """
    if changed := [name for name, digest in inputs if manifest.files.digest_of(name) != digest]:
        raise EnvironmentFault(
            f"Tables were changed while a pass over them was running: {', '.join(changed)}.",
            hint="run the same command again: it reads the tables as they are now",
        )


def read_computed_sequences(paths: AtlasPaths, shard: Shard) -> SequencesById:
    """Return the sequences of a shard that the build computed, by `sequence_id`, in ascending order."""
    begin, end = shard.first_sequence_id, shard.end_sequence_id
    is_computed = (pc.field("status") == "ok") & (pc.field("sequence_id") >= begin) & (pc.field("sequence_id") < end)
    ok = pq.read_table(paths.shard(SEQUENCES, shard.index), columns=["sequence_id"], filters=is_computed)
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
