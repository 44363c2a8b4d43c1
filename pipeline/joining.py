"""The table `proteins`: planned proteins joined with the outcomes of their sequences, a row group at a time.

The planned proteins are in order of accession already, so that nothing is sorted. Memory holds the outcomes, some 20
bytes for each distinct sequence, and a row group.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.directory import OUTCOME_COLUMNS, planned_schema
from attlas.pipeline.plan import Plan, Shard
from attlas.schema import PROTEINS, SEQUENCES, AtlasPaths, BrokenAtlasError
from attlas.schema.parquet_file import provenance, write_batches
from attlas.schema.publish import publishing

_TEXTS = ["status", "reason", "sites_note"]
"""Columns of few distinct texts, held as numbers."""


def write_proteins(paths: AtlasPaths, plan: Plan) -> Counter[str]:
    """Publish the table `proteins` and return the number of proteins by status.

    Raises:
        BrokenAtlasError: the shards do not hold the sequences of the plan, or the planned proteins cannot be read.
    """
    outcomes = _read_outcomes(paths, plan)
    schema = PROTEINS.schema(plan.run.n_layers)
    counts: Counter[str] = Counter()

    def join() -> Iterator[pa.RecordBatch]:
        for planned in _read_planned(paths):
            proteins = join_outcomes(planned, outcomes, schema)
            for entry in pc.value_counts(proteins["status"]):
                counts[entry["values"].as_py()] += entry["counts"].as_py()
            yield from proteins.to_batches()

    metadata = provenance(plan.run, plan.plan_id)
    with publishing(paths.proteins) as beside:
        write_batches(beside, table=PROTEINS, schema=schema, batches=join(), metadata=metadata)
    return counts


def join_outcomes(planned: pa.Table, outcomes: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return planned proteins with the outcomes of their sequences; row `i` of `outcomes` is of `sequence_id` i."""
    sequence_outcomes = outcomes.take(planned["sequence_id"])
    is_skipped = pc.equal(planned["status"], "skipped")

    columns = {name: planned[name] for name in planned.column_names}
    for name in ("status", "reason"):
        columns[name] = pc.if_else(is_skipped, planned[name], sequence_outcomes[name].cast(pa.string()))
    for name in OUTCOME_COLUMNS:
        columns[name] = sequence_outcomes[name].cast(schema.field(name).type)
    return pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema)


def _read_planned(paths: AtlasPaths) -> Iterator[pa.Table]:
    names = planned_schema().names
    try:
        with pq.ParquetFile(paths.planned_proteins, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group).select(names)
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise BrokenAtlasError(
            f"{paths.planned_proteins} cannot be read.",
            found=str(error).splitlines()[0],
            hint="start again in a new directory",
        ) from error


def _read_outcomes(paths: AtlasPaths, plan: Plan) -> pa.Table:
    """Return the outcomes of all sequences of a plan, in order of `sequence_id`."""
    parts = [_read_shard_outcomes(paths, shard) for shard in plan.shards]
    if not parts:
        schema = SEQUENCES.schema(plan.run.n_layers)
        return schema.empty_table().drop_columns(["sequence_id", "length"])
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks()


def _read_shard_outcomes(paths: AtlasPaths, shard: Shard) -> pa.Table:
    columns = ["sequence_id", *_TEXTS, *(name for name in OUTCOME_COLUMNS if name not in _TEXTS)]
    rows = pq.read_table(paths.shard(SEQUENCES, shard.index), columns=columns, read_dictionary=_TEXTS)
    if not np.array_equal(rows["sequence_id"], np.arange(shard.first_sequence_id, shard.end_sequence_id)):
        raise BrokenAtlasError(
            f"The shards of {paths.root} do not hold the sequences of its plan in order.",
            expected=f"sequence_id {shard.first_sequence_id} to {shard.end_sequence_id - 1} in shard {shard.index}",
            hint="start again in a new directory",
        )
    return rows.drop_columns(["sequence_id"]).replace_schema_metadata(None)
