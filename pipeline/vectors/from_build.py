"""Vectors that a build has pooled while it ran, published as the pass would publish them, without the model.

A build cannot publish them itself: files of `vectors` say of which table `sequences` they are, and that is whole only
when all shards are. So it keeps the rows of each shard in a folder of closed parts, which has the name that the task
has before the table is known.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from attlas.pipeline.finishing import make_receipt, publish_table
from attlas.pipeline.pass_task import select_short_sequences
from attlas.pipeline.passes import read_finished_receipts
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.shard_parts import ComputedParts, Part, PartFolder, PartRecord, find_kept_vectors
from attlas.pipeline.vectors.embedding import EmbedProteins
from attlas.schema import VECTORS, AtlasPaths


def publish_build_vectors(paths: AtlasPaths, plan: Plan, task: EmbedProteins, shards: Sequence[Shard]) -> None:
    """Publish the files and the receipts of those shards whose vectors the build has kept whole.

    The others are left to the pass: shards that a build without vectors computed, and those with a sequence of which a
    number is not finite, which is looked at again. The caller holds the lock.
    """
    kept_name = replace(task, inputs=()).name
    finished = read_finished_receipts(paths, shards, task) if paths.parts.is_dir() else {}

    for index in (shard.index for shard in shards if shard.index not in finished):
        folder = find_kept_vectors(paths, kept_name, index)
        if folder.path.is_dir():
            _publish_shard(paths, plan, task, plan.shards[index - 1], folder)


def _publish_shard(paths: AtlasPaths, plan: Plan, task: EmbedProteins, shard: Shard, folder: PartFolder) -> None:
    """Publish the vectors of a shard, if all that the pass would compute are there and intact."""
    started = time.perf_counter()
    records = folder.read_chain(
        shard.first_sequence_id, ends=range(shard.first_sequence_id + 1, shard.end_sequence_id + 1)
    )
    if not records or records[-1].end_sequence_id != shard.end_sequence_id:
        return
    if _read_sequence_ids(folder, records) != set(select_short_sequences(paths, shard, task.max_length)):
        return

    *earlier, last = records
    rows_in_memory = Part(replace(last, files=()), folder.read(last).rows)
    parts = ComputedParts(taken_up=earlier, closed=(), last=rows_in_memory)
    output = task.make_output(paths, plan, VECTORS, shard.index)
    file = publish_table(paths, parts, VECTORS, folder, output)
    wall_s = parts.measure_wall_s(started=started)
    receipt = make_receipt(shard, parts.records, [file], plan_id=task.name, wall_s=wall_s, device="cpu")
    receipt.write_to(task.receipt(paths, shard.index))
    folder.remove()


def _read_sequence_ids(folder: PartFolder, records: Sequence[PartRecord]) -> set[int]:
    """Return the sequences that have rows in closed parts."""
    ids: set[int] = set()
    for record in records:
        ids.update(folder.read(record).rows[VECTORS]["sequence_id"].to_pylist())
    return ids
