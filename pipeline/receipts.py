"""The receipts of a build: which shards are finished, and whether their files are as their receipts say."""

import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attlas.pipeline.plan import Plan, Shard
from attlas.schema import SHARD_TABLES, AtlasPaths, BrokenAtlasError, Receipt, TableFile
from attlas.schema.publish import file_sha256

_NAME = re.compile(r"shard-(\d{5,9})\.json", re.ASCII)
"""Name of the receipt of a shard; those of passes have other names."""


def list_finished(paths: AtlasPaths) -> set[int]:
    """Return the indexes of the shards that have a receipt, by the names in its folder; no receipt is read."""
    try:
        with os.scandir(paths.receipts) as entries:  # of tens of thousands, several times as fast as a glob
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        return set()
    return {int(match[1]) for name in names if (match := _NAME.fullmatch(name))}


def read_receipts(paths: AtlasPaths, plan: Plan, shards: Iterable[Shard]) -> dict[int, Receipt]:
    """Return the receipts of those of the shards that have one, by the index of the shard.

    Nothing of other shards is looked at.

    Raises:
        BrokenAtlasError: a receipt cannot be read, belongs to another plan, or names files of another shard.
    """
    finished = [shard for shard in shards if paths.receipt(shard.index).is_file()]
    return {shard.index: read_receipt(paths, plan, shard) for shard in finished}


def read_receipt(paths: AtlasPaths, plan: Plan, shard: Shard) -> Receipt:
    """Return the receipt of a shard of the plan. Raises BrokenAtlasError as `read_receipts`."""
    path = paths.receipt(shard.index)
    receipt = Receipt.read(path)
    if receipt.plan_id != plan.plan_id:
        raise BrokenAtlasError(
            f"{path} belongs to another plan.",
            expected=plan.plan_id,
            found=receipt.plan_id,
            hint="remove the file to compute its shard again",
        )

    name = paths.shard(SHARD_TABLES[0], shard.index).name
    expected = {f"{table.name}/{name}" for table in SHARD_TABLES}
    files = {file.path for file in receipt.files}
    if receipt.index != shard.index or files != expected:
        raise BrokenAtlasError(
            f"{path} is not the receipt of shard {shard.index}.",
            expected=", ".join(sorted(expected)),
            found=", ".join(sorted(files)),
            hint="remove the file to compute its shard again",
        )
    return receipt


def find_missing_shards(
    paths: AtlasPaths, plan: Plan, shards: Sequence[Shard], *, by_digest: bool = False
) -> list[Shard]:
    """Return those of the shards that have no receipt, or whose files differ from it: in size or, if asked, in bytes.

    Nothing of other shards is read.
    """
    receipts = read_intact_receipts(paths, plan, shards, by_digest=by_digest)
    return [shard for shard in shards if shard.index not in receipts]


def read_intact_receipts(
    paths: AtlasPaths, plan: Plan, shards: Iterable[Shard], *, by_digest: bool
) -> dict[int, Receipt]:
    """Return the receipts whose files are unchanged: by SHA-256, or by size alone if not `by_digest`."""
    receipts = read_receipts(paths, plan, shards)
    files = [file for receipt in receipts.values() for file in receipt.files]
    changed = find_changed_files(paths, files, by_digest=by_digest)
    return {index: receipt for index, receipt in receipts.items() if changed.isdisjoint(receipt.files)}


def find_changed_files(paths: AtlasPaths, files: Sequence[TableFile], *, by_digest: bool = True) -> set[TableFile]:
    """Return the files that are missing or do not match their entry; several are read at once, on all cores."""
    with ThreadPoolExecutor() as threads:
        matches = threads.map(lambda file: matches_entry(paths.root / file.path, file, by_digest=by_digest), files)
        return {file for file, is_match in zip(files, matches, strict=True) if not is_match}


def matches_entry(path: Path, file: TableFile, *, by_digest: bool = True) -> bool:
    """Return whether a file exists with the size and, if `by_digest`, the SHA-256 of its entry."""
    if not path.is_file() or path.stat().st_size != file.n_bytes:
        return False
    return not by_digest or file_sha256(path) == file.sha256
