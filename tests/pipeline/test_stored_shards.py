"""The shards of a plan on disk: read singly, in slices and all, and refused with other numbers."""

import pyarrow.parquet as pq
import pytest
from helpers.planned_case import SHARDS

from attlas.pipeline.plan import Shard, sum_shards
from attlas.pipeline.stored_shards import StoredShards, write_shards
from attlas.schema import AtlasPaths, BrokenAtlasError

pytestmark = pytest.mark.slow


def test_shards_are_read_singly_in_slices_and_all(planned_paths: AtlasPaths) -> None:
    for read in (lambda shards: shards, lambda shards: (list(shards), shards)[1]):
        shards = read(StoredShards(planned_paths.shards, sum_shards(SHARDS)))
        assert len(shards) == 3
        assert [shards[0], shards[-1]] == [SHARDS[0], SHARDS[2]]
        assert list(shards[1:]) == SHARDS[1:]
        assert list(shards[::-1]) == SHARDS[::-1]
        assert list(shards) == SHARDS


def test_one_shard_is_read_without_the_others(planned_paths: AtlasPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    read = pq.ParquetFile.read_row_groups
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_groups",
        lambda file, places, **options: groups.extend(places) or read(file, places, **options),
    )
    assert StoredShards(planned_paths.shards, sum_shards(SHARDS))[2] == SHARDS[2]
    assert groups == [1]


def test_shards_with_other_numbers_than_the_plan_are_refused(planned_paths: AtlasPaths) -> None:
    write_shards(planned_paths.shards, [*SHARDS[:2], Shard(3, 6, 23, 9, 3.5, 10)], ["digest"] * 3)
    with pytest.raises(BrokenAtlasError, match=r"shards\.parquet cannot be read(.|\n)*other numbers"):
        list(StoredShards(planned_paths.shards, sum_shards(SHARDS)))
    planned_paths.shards.write_text("damaged")
    with pytest.raises(BrokenAtlasError, match=r"shards\.parquet cannot be read"):
        _ = StoredShards(planned_paths.shards, sum_shards(SHARDS))[0]
