"""The shards of a plan on disk: a task reads the row of its own shard, and who needs all reads them once."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.pipeline.plan import Shard, ShardTotals, list_shard_columns, sum_shards
from attlas.schema import BrokenAtlasError
from attlas.schema.publish import publishing

GROUP_SHARDS = 1024
"""Shards of a row group, which are read for one."""
_DIGEST = "sequences_sha256"
"""Column of the digests of the sequences."""


def write_shards(path: Path, shards: Sequence[Shard], digests: Sequence[str]) -> None:
    """Publish the shards of a plan, each with the digest of its sequences."""
    columns = {**list_shard_columns(shards), _DIGEST: pa.array(digests, pa.string())}
    with publishing(path) as beside:
        pq.write_table(pa.table(columns), beside, row_group_size=GROUP_SHARDS, compression="zstd")


def read_sequences_digest(path: Path, shard: Shard) -> str | None:
    """Return the digest of the sequences of a shard; None for a part of it, and in a plan of an earlier version.

    Raises:
        BrokenAtlasError: the file does not hold it.
    """
    try:
        with pq.ParquetFile(path) as file:
            if _DIGEST not in file.schema_arrow.names:
                return None
            columns = ["index", "first_sequence_id", "end_sequence_id", _DIGEST]
            rows = file.read_row_group((shard.index - 1) // GROUP_SHARDS, columns=columns, use_threads=False)

        by_index = {row["index"]: row for row in rows.to_pylist()}
        row = by_index[shard.index]
        is_whole = (row["first_sequence_id"], row["end_sequence_id"]) == (
            shard.first_sequence_id,
            shard.end_sequence_id,
        )
        return str(row[_DIGEST]) if is_whole else None
    except (OSError, pa.ArrowException, ValueError, IndexError, KeyError) as error:
        raise _broken_error(path, str(error).splitlines()[0]) from error


class StoredShards(Sequence[Shard]):
    """The shards of a plan on disk, in order of their index."""

    def __init__(self, path: Path, totals: ShardTotals) -> None:
        self._path = path
        self._totals = totals

    def __len__(self) -> int:
        return self._totals.n_shards

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._all)

    @overload
    def __getitem__(self, place: int) -> Shard: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Shard]: ...

    def __getitem__(self, place: int | slice) -> Shard | Sequence[Shard]:
        """Return a shard, or some. Raises BrokenAtlasError if the file does not hold them."""
        if "_all" in vars(self):
            return self._all[place]
        places = range(len(self))[place]
        if isinstance(places, int):
            return self._read(range(places, places + 1))[0]
        return self._read(places) if places.step == 1 else self._all[place]

    @cached_property
    def _all(self) -> tuple[Shard, ...]:
        shards = self._read(range(len(self)))
        if sum_shards(shards) != self._totals:
            raise _broken_error(self._path, "other numbers than those that the plan was made with")
        return shards

    def _read(self, places: range) -> tuple[Shard, ...]:
        """Return the shards at consecutive places, from the row groups that hold them."""
        if not places:
            return ()
        groups = range(places.start // GROUP_SHARDS, (places.stop - 1) // GROUP_SHARDS + 1)
        try:
            with pq.ParquetFile(self._path) as file:
                rows = file.read_row_groups(groups, columns=list(Shard.__dataclass_fields__), use_threads=False)
        except (OSError, pa.ArrowException, ValueError, IndexError) as error:
            raise _broken_error(self._path, str(error).splitlines()[0]) from error

        rows = rows.slice(places.start - groups.start * GROUP_SHARDS, len(places))
        shards = tuple(Shard(*values) for values in zip(*rows.to_pydict().values(), strict=True))
        if [shard.index for shard in shards] != list(range(places.start + 1, places.stop + 1)):
            raise _broken_error(self._path, "its shards are not numbered 1, 2, ...")
        return shards


def _broken_error(path: Path, found: str) -> BrokenAtlasError:
    return BrokenAtlasError(f"{path} cannot be read.", found=found, hint="build into a new directory")
