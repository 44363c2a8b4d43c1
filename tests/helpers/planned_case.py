"""A plan of 23 sequences in three shards, written down."""

from pathlib import Path

import pyarrow as pa

from attlas.pipeline.plan import Shard
from attlas.pipeline.planned_sequences import write_sequences
from attlas.pipeline.proteins.ordering import PLANNED_SEQUENCES
from attlas.pipeline.stored_shards import write_shards
from attlas.schema import AtlasPaths

N = 23
SHARDS = [Shard(1, 0, 5, 9, 1.5, 7), Shard(2, 5, 6, 9, 2.5, 8), Shard(3, 6, 23, 9, 3.5, 9)]


def write_planned(root: Path) -> AtlasPaths:
    """Write the sequences and shards of the plan."""
    paths = AtlasPaths(root)
    columns = {"sequence_id": range(N), "sequence": [f"M{'K' * i}" for i in range(N)], "accessions": [["A"]] * N}
    rows = pa.Table.from_pydict(columns, schema=PLANNED_SEQUENCES)
    digests = write_sequences(paths, [rows.slice(0, 7), rows.slice(7)], SHARDS)
    write_shards(paths.shards, SHARDS, digests)
    return paths
