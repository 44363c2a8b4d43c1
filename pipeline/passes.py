"""A pass over a sealed atlas: the model runs again over its shards and adds tables; it resumes like a build."""

from collections.abc import Sequence
from dataclasses import replace

from attlas.pipeline.adding import add_files, remove_unnamed_files
from attlas.pipeline.encode import StartProgress, encode
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.receipts import matches_entry
from attlas.pipeline.shard_parts import remove_parts
from attlas.pipeline.workers.runners import ShardTask
from attlas.schema import AtlasPaths, BrokenAtlasError, Manifest, Receipt, Table


def run_pass(
    paths: AtlasPaths,
    plan: Plan,
    task: ShardTask,
    *,
    tables: Sequence[Table],
    shards: Sequence[Shard],
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> Manifest:
    """Run a task on the shards that lack its receipt, and replace the files of `tables` by those of the task.

    The caller holds the lock. Finished shards are kept; the same task again changes nothing.

    Args:
        paths: the atlas.
        plan: its plan.
        task: what to compute; the path of its receipts is its identity.
        tables: the tables that it publishes: files of theirs that it did not write are removed.
        shards: the shards to compute, usually all of the plan, with the memory that each takes of a process.
        progress: as in `build.build`.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.

    Raises:
        BrokenAtlasError: files of finished shards are missing or damaged.
        EnvironmentFault: as `encode.encode`.
    """
    receipts = read_finished_receipts(paths, shards, task)
    if missing := [shard for shard in shards if shard.index not in receipts]:
        report = progress(replace(plan, shards=tuple(shards)), missing)
        encode(paths, plan, shards=missing, progress=report, n_workers=n_workers, scheduler=scheduler, task=task)
        receipts = read_finished_receipts(paths, shards, task)

    if lost := [shard.index for shard in shards if shard.index not in receipts]:
        raise BrokenAtlasError(
            "Files of finished shards are missing or changed.",
            offenders=[f"shard {index}" for index in lost],
            hint="run the same command again: it computes those shards",
        )

    files = [file for index in sorted(receipts) for file in receipts[index].files]
    names = {table.name for table in tables}
    manifest = add_files(paths, files, is_replaced=lambda file: file.table in names)
    remove_unnamed_files(paths, manifest, tables)
    remove_parts(paths, _name_kind(paths, task))
    return manifest


def read_finished_receipts(paths: AtlasPaths, shards: Sequence[Shard], task: ShardTask) -> dict[int, Receipt]:
    """Return the receipts of a task by the index of the shard, without those whose files are missing or changed."""
    receipts = {}
    for shard in shards:
        path = task.receipt(paths, shard.index)
        if path.is_file():
            receipt = Receipt.read(path)
            if all(matches_entry(paths.root / file.path, file) for file in receipt.files):
                receipts[shard.index] = receipt
    return receipts


def _name_kind(paths: AtlasPaths, task: ShardTask) -> str:
    """Return the beginning of the names of a task's receipts, for any settings: `links-` of `links-DIGEST-00001`."""
    return task.receipt(paths, 1).stem.rsplit("-", 2)[0] + "-"
