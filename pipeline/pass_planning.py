"""The sequences that a pass computes, by shard, and the memory that its shards need besides the build's."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.plan import Plan, Shard
from attlas.schema import AtlasPaths, Manifest, Table


@dataclass(frozen=True)
class ComputedSequence:
    """A sequence that the build computed, named by the first of its accessions."""

    sequence_id: int
    accession: str
    length: int

    def __str__(self) -> str:
        return f"{self.accession} ({self.length:,} residues)"


def list_computed_sequences(paths: AtlasPaths) -> Iterator[ComputedSequence]:
    """Yield the sequences that the build computed, in order of `sequence_id`."""
    columns = ["sequence_id", "accession", "length"]
    rows = pq.read_table(paths.proteins, columns=columns, filters=pc.field("status") == "ok").to_pydict()
    ordered = sorted(zip(*(rows[name] for name in columns), strict=True))
    for _, proteins in groupby(ordered, key=lambda row: row[0]):
        yield ComputedSequence(*next(proteins))


def group_by_shard(plan: Plan, sequences: Iterable[ComputedSequence]) -> dict[int, list[ComputedSequence]]:
    """Return the sequences of each shard that has any, by its index, in order of length."""
    ends = [shard.end_sequence_id for shard in plan.shards]
    groups = groupby(sequences, key=lambda sequence: bisect_right(ends, sequence.sequence_id))
    return {plan.shards[place].index: list(shard_sequences) for place, shard_sequences in groups}


def list_pass_shards(
    plan: Plan, sequences: Mapping[int, list[ComputedSequence]], predict_bytes: Callable[[list[int]], int]
) -> list[Shard]:
    """Return the shards that hold the sequences, with these alone, and the memory of a pass besides the build's.

    A task finds its shard by the index; the other numbers serve progress and the check of memory.

    Args:
        plan: the plan of the atlas.
        sequences: the sequences of each shard, by its index.
        predict_bytes: returns the bytes that the pass needs for sequences of these lengths, besides the build's.
    """
    shards = []

    for shard in plan.shards:
        lengths = [sequence.length for sequence in sequences.get(shard.index, ())]
        if lengths:
            shards.append(
                replace(
                    shard,
                    end_sequence_id=shard.first_sequence_id + len(lengths),
                    n_residues=sum(lengths),
                    cost=shard.cost * sum(lengths) / shard.n_residues,
                    predicted_bytes=shard.predicted_bytes + predict_bytes(lengths),
                )
            )
    return shards


def read_ids_with_rows(paths: AtlasPaths, manifest: Manifest, table: Table, column: str = "sequence_id") -> set[int]:
    """Return the ids that have rows in an added table: what was computed and is not among them has failed."""
    ids: set[int] = set()
    for file in manifest.of_table(table):
        values = pq.read_table(paths.root / file.path, columns=[column])[column]
        ids.update(pc.unique(values).to_pylist())
    return ids
