"""The list of an atlas's files: divided where it is long, and read part by part where something is looked up."""

from dataclasses import replace

import pytest
from helpers.divided import dividing, listed_file
from helpers.long_list import FILES, N_SHARDS

from attlas.schema import NAMES, SITES
from attlas.schema.file_list import FileList, PartReader, divide
from attlas.schema.json_file import digest
from attlas.schema.list_parts import ListPart


@pytest.fixture
def counted() -> tuple[FileList, list[str]]:
    """Return a divided list, and the paths of the parts that are read of it from now on."""
    with dividing():
        files, data = divide(FILES)
    paths_read: list[str] = []

    def read(part: ListPart) -> bytes:
        paths_read.append(part.path)
        return data[part.path]

    return replace(files, reader=PartReader(read, "x")), paths_read


def test_a_list_of_many_tables_of_few_files_is_not_divided() -> None:
    with dividing(few_listed=N_SHARDS):
        files, data = divide(FILES)
    assert (files.listed, files.parts, data) == (tuple(FILES), (), {})


def test_parts_grow_with_the_root_of_the_number_of_files() -> None:
    files = [listed_file(SITES, i) for i in range(1, 1_000)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attlas.schema.file_list.PART_FILES", 10)
        assert max(part.n_files for part in divide(files)[0].parts) == 31


def test_sums_and_digests_are_those_of_the_files_and_read_no_part(counted: tuple[FileList, list[str]]) -> None:
    files, paths_read = counted
    sites = [file for file in FILES if file.table == "sites"]
    assert (len(files), len(files.of_tables(["sites"])), len(files.of_tables(["heads"]))) == (len(FILES), N_SHARDS, 0)
    assert files.of_tables(["sites"]).n_rows == sum(file.n_rows for file in sites)
    assert files.n_bytes == sum(file.n_bytes for file in FILES)
    assert files.digest_of("sites") == digest(sorted(file.sha256 for file in sites))
    assert files.digest_of("proteins") == FileList(tuple(FILES)).digest_of("proteins")
    assert set(files.tables) == {"proteins", "sequences", "sites", "names"}
    assert not files.of_tables(["heads"])
    assert paths_read == []


def test_a_sequence_is_looked_up_in_one_part(counted: tuple[FileList, list[str]]) -> None:
    files, paths_read = counted
    sites = files.of_tables(["sites"])
    assert [file.path for file in sites.holding(350, 350)] == ["sites/shard-00004.parquet"]
    assert len(paths_read) == 1
    assert [file.path for file in sites.holding(299, 300)] == ["sites/shard-00003.parquet", "sites/shard-00004.parquet"]
    assert len(paths_read) == 1  # the part is kept
    assert [file.path for file in sites.holding_any([5, 950, 5_000])] == [
        "sites/shard-00001.parquet",
        "sites/shard-00010.parquet",
    ]
    assert len(paths_read) == 3
    assert {file.path for file in sites.in_memory()} == {f"sites/shard-{i:05d}.parquet" for i in (1, 2, 3, 4, 9, 10)}
    assert list(sites.holding(5_000, None)) == []
    assert len(list(sites.holding(None, None))) == N_SHARDS


def test_a_key_is_looked_up_in_one_part() -> None:
    names = [
        listed_file(
            NAMES,
            i,
            path=f"names/names-{i:05d}-of-00006.parquet",
            first_sequence_id=None,
            last_sequence_id=None,
            first_key=f"{i}a",
            last_key=f"{i}z",
        )
        for i in range(1, 7)
    ]
    with dividing():
        files, data = divide(names)
    read: list[str] = []
    reader = PartReader(lambda part: (read.append(part.path), data[part.path])[1], "x")
    files = replace(files, reader=reader)
    assert list(files.between_keys("3b", "3c")) == [names[2]]
    assert len(read) == 1
    assert list(files.between_keys("2x", "3c")) == names[1:3]
    assert list(files.between_keys("7", "8")) == []
    assert list(files.between_keys("", "1a")) == [names[0]]


def test_a_file_that_says_no_range_may_hold_any_sequence() -> None:
    unknown = listed_file(SITES, 11, first_sequence_id=None, last_sequence_id=None)
    empty = listed_file(SITES, 12, n_rows=0, first_sequence_id=None, last_sequence_id=None)
    with dividing():
        files, data = divide([*FILES, unknown, empty])
    files = replace(files, reader=PartReader(lambda part: data[part.path], "x"))
    held = list(files.of_tables(["sites"]).holding(350, 350))
    assert {unknown, FILES[8]} <= set(held) <= {unknown, empty, FILES[8]}


def test_lists_without_their_atlas_cannot_read_parts() -> None:
    with dividing():
        files, _ = divide(FILES)
    with pytest.raises(ValueError, match="a manifest without its atlas"):
        list(files)
