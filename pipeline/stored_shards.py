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


def write_shards(path: Path, shards: Sequence[Shard]) -> None:
    """Publish the shards of a plan."""
    with publishing(path) as beside:
        pq.write_table(pa.table(list_shard_columns(shards)), beside, row_group_size=GROUP_SHARDS, compression="zstd")


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
            raise self._broken("other numbers than those that the plan was made with")
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
            raise self._broken(str(error).splitlines()[0]) from error

        rows = rows.slice(places.start - groups.start * GROUP_SHARDS, len(places))
        shards = tuple(Shard(*values) for values in zip(*rows.to_pydict().values(), strict=True))
        if [shard.index for shard in shards] != list(range(places.start + 1, places.stop + 1)):
            raise self._broken("its shards are not numbered 1, 2, ...")
        return shards

    def _broken(self, found: str) -> BrokenAtlasError:
        return BrokenAtlasError(f"{self._path} cannot be read.", found=found, hint="build into a new directory")
