"""Files of a release: small ones are joined, large ones linked or copied, and no row changes on its way."""

import errno
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.release_case import BUILT, NOTHING, digest_files, read_rows
from helpers.sealed_atlas import list_problems, read_manifest
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.release import publish, tables
from attlas.schema import RESIDUES, SHARD_TABLES, BrokenAtlasError, TableFile

pytestmark = pytest.mark.slow


@pytest.mark.thorough
def test_neighbouring_files_are_joined_up_to_a_size_and_row_groups_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proteins = [SyntheticProtein(f"A{i:03d}", "MKVLAEGT" * (30 + i)) for i in range(150)]
    source = write_atlas(tmp_path / "atlas", proteins, n_shards=6)
    sizes = [file.n_bytes for file in source.of_table(RESIDUES)]
    monkeypatch.setattr(tables, "FILE_BYTES", sum(sizes[:3]))
    manifest = publish(tmp_path / "atlas", tmp_path / "release", NOTHING).manifest
    files = manifest.of_table(RESIDUES)
    n = len(files)
    assert 1 < n < 6
    assert [f.path for f in files] == [f"residues/residues-{i:05d}-of-{n:05d}.parquet" for i in range(1, n + 1)]
    ranges = [(f.first_sequence_id, f.last_sequence_id) for f in files]
    assert all(end < begin for (_, end), (begin, _) in pairwise(ranges))
    for file in files:
        metadata = pq.read_metadata(tmp_path / "release" / file.path)
        rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        assert set(rows[:-1]) <= {RESIDUES.row_group_rows}
        assert rows[-1] <= RESIDUES.row_group_rows
    assert max(pq.read_metadata(tmp_path / "release" / file.path).num_row_groups for file in files) > 1
    assert read_rows(tmp_path / "release", RESIDUES.name) == read_rows(tmp_path / "atlas", RESIDUES.name)
    with Atlas.open(tmp_path / "release") as atlas:
        assert [atlas.residues(p.accession).num_rows for p in proteins] == [len(p.sequence) for p in proteins]


def make_large_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write an atlas of two shards whose files count as large, and return its directory."""
    write_atlas(folder, [SyntheticProtein(f"A{i}", "MKVLAEGT" * (3 + i)) for i in range(6)], n_shards=2)
    monkeypatch.setattr(tables, "FILE_BYTES", 1)
    return folder


@pytest.mark.thorough
def test_large_files_are_released_as_they_are_without_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_large_files(tmp_path / "atlas", monkeypatch)
    release = publish(source, tmp_path / "release", NOTHING)
    assert (release.n_linked, release.n_copied) == (11, 0)
    assert sorted(path.name for path in (tmp_path / "release" / "heads").iterdir()) == [
        "heads-00001-of-00002.parquet",
        "heads-00002-of-00002.parquet",
    ]
    for table in BUILT:
        pairs = zip(release.manifest.of_table(table), read_manifest(source).of_table(table), strict=True)
        assert all((tmp_path / "release" / new.path).samefile(source / old.path) for new, old in pairs)
    assert list_problems(tmp_path / "release") == []

    # The same bytes, however the files came there; and a release outlives its atlas.
    before = digest_files(tmp_path / "release")
    publish(tmp_path / "release", tmp_path / "again", NOTHING)
    shutil.rmtree(source)
    assert digest_files(tmp_path / "release") == digest_files(tmp_path / "again") == before


@pytest.mark.thorough
def test_where_no_link_can_be_made_large_files_are_copied_and_it_is_reported(
    attlas: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_large_files(tmp_path / "atlas", monkeypatch)
    publish(source, tmp_path / "linked", NOTHING)

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    done = attlas("publish", source, "--out", tmp_path / "release")
    assert done.code == 0
    assert "11 of the files are copies, because no hard link to the atlas could be made" in done.err
    assert digest_files(tmp_path / "release") == digest_files(tmp_path / "linked")
    assert not (tmp_path / "release" / "proteins" / "proteins.parquet").samefile(
        source / "proteins" / "proteins.parquet"
    )

    copy = shutil.copyfile

    def copy_less(file: Path, target: Path) -> None:
        copy(file, target)
        os.truncate(target, target.stat().st_size - 1)

    monkeypatch.setattr(shutil, "copyfile", copy_less)
    with pytest.raises(BrokenAtlasError, match="changed while they were copied"):
        publish(source, tmp_path / "damaged", NOTHING)
    assert not (tmp_path / "damaged").exists()


@pytest.mark.thorough
def test_the_file_that_a_symbolic_link_points_to_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches of hubs keep files so; what they do with theirs is not known."""
    source = make_large_files(tmp_path / "atlas", monkeypatch)
    path = source / "sites" / "shard-00001.parquet"
    path.rename(tmp_path / "cached")
    path.symlink_to(tmp_path / "cached")
    release = publish(source, tmp_path / "release", NOTHING)
    assert (release.n_linked, release.n_copied) == (10, 1)
    released = tmp_path / "release" / "sites" / "sites-00001-of-00002.parquet"
    assert not released.is_symlink()
    assert not released.samefile(tmp_path / "cached")


def test_linked_files_need_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_large_files(tmp_path / "atlas", monkeypatch)
    manifest = read_manifest(source)
    assert tables.count_joined_bytes(manifest) == 0
    monkeypatch.setattr(tables, "FILE_BYTES", 1_000_000_000)
    shards = sum(file.n_bytes for table in SHARD_TABLES for file in manifest.of_table(table))
    assert tables.count_joined_bytes(manifest) == shards


def test_a_row_that_changes_on_its_way_is_noticed(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = pq.ParquetWriter.write_table

    def write_less(writer: pq.ParquetWriter, rows: pa.Table, **options: int) -> None:
        write(writer, rows.slice(1) if "rank" in rows.column_names else rows, **options)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", write_less)
    with pytest.raises(BrokenAtlasError, match=r"rows of `sites` changed"):
        publish(atlas_dir, tmp_path / "release", NOTHING)
    assert list(tmp_path.iterdir()) == []


def test_files_of_the_same_sequences_are_not_joined() -> None:
    def file(name: str, begin: int, end: int) -> TableFile:
        return TableFile("features", f"features/{name}.parquet", 1, 100, "0" * 64, 50, "0" * 64, begin, end)

    file_a, file_b, file_c, file_d = file("a", 0, 9), file("b", 3, 12), file("c", 12, 20), file("d", 13, 13)
    assert tables.group_files([file_a, file_b]) == [[file_a], [file_b]]
    assert tables.group_files([file_a, file_d]) == [[file_a, file_d]]
    assert tables.group_files([file_c, file_a]) == [[file_a, file_c]]
    assert tables.group_files([file_b, file_c]) == [[file_b], [file_c]]
