"""Publishing: a file is there whole or not at all, and a full disk is an error that says so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from attlas.schema import SITES, EnvironmentFault
from attlas.schema.parquet_file import write_table
from attlas.schema.publish import file_sha256, publish_bytes, publishing

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


def _write_half_and_raise(path: Path, error: BaseException) -> None:
    with publishing(path) as beside:
        beside.write_bytes(b"half")
        raise error


def _write_to_dev_full(path: Path, write: Callable[[Path], object]) -> None:
    with publishing(path) as beside:
        beside.symlink_to("/dev/full")
        write(beside)


def test_what_was_written_is_there_and_nothing_else(tmp_path: Path) -> None:
    publish_bytes(tmp_path / "deep" / "file.json", b"{}")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file.json"]
    assert (tmp_path / "deep" / "file.json").read_bytes() == b"{}"


def test_the_file_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with publishing(path) as beside:
        beside.write_bytes(b"half")
        assert not path.exists()
        assert beside.parent == path.parent
    assert path.read_bytes() == b"half"


def test_two_writers_of_one_file_with_one_process_number_publish_each_its_own_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    # Two pods may both have process number 1 and the same name: here one process writes twice.
    with publishing(path) as late:
        late.write_bytes(b"late, and not whole")
        with publishing(path) as early:
            early.write_bytes(b"early")
        assert path.read_bytes() == b"early"
        late.write_bytes(b"late")
    assert path.read_bytes() == b"late"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt("no"), EnvironmentFault("no")])
def test_an_error_midway_leaves_nothing_behind_and_passes_through(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error), match="no"):
        _write_half_and_raise(tmp_path / "file", error)
    assert list(tmp_path.iterdir()) == []


def test_an_error_midway_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    publish_bytes(path, b"old")
    with pytest.raises(ValueError, match="no"):
        _write_half_and_raise(path, ValueError("no"))
    assert path.read_bytes() == b"old"
    publish_bytes(path, b"new")
    assert path.read_bytes() == b"new"


@needs_dev_full
def test_a_full_disk_is_reported_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="disk is full") as caught:
        _write_to_dev_full(tmp_path / "file", lambda beside: beside.write_bytes(b"a real write that finds no space"))
    assert str(tmp_path / "file") in str(caught.value)
    assert "goes on with the shards that are missing" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@needs_dev_full
def test_a_full_disk_is_reported_when_parquet_is_written(tmp_path: Path) -> None:
    rows = SITES.schema(6).empty_table()
    with pytest.raises(EnvironmentFault, match="disk is full"):
        _write_to_dev_full(tmp_path / "file", lambda beside: write_table(beside, table=SITES, rows=rows, metadata={}))
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_is_reported(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a directory should be")
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        publish_bytes(tmp_path / "taken" / "file", b"")


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    # The test vector of FIPS 180-2.
    assert file_sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
