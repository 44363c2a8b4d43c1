"""Every damage of an atlas is found, and a whole one has no problems."""

import os
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.written_run import RUN

from attlas.schema import RESIDUES, SITES, AtlasPaths, Manifest
from attlas.schema.blocks import add_block_digests
from attlas.schema.file_list import FileList
from attlas.schema.parquet_file import describe_file
from attlas.schema.verify import find_problems, find_unfinished_files


def test_a_whole_atlas_has_no_problems(paths: AtlasPaths, manifest: Manifest) -> None:
    assert find_problems(paths, manifest) == []


def test_a_missing_file_is_found(paths: AtlasPaths, manifest: Manifest) -> None:
    paths.shard(SITES, 1).unlink()
    assert find_problems(paths, manifest) == ["sites/shard-00001.parquet: missing"]


def test_a_link_or_a_pipe_that_nobody_names_is_found_in_the_folder_of_a_table(
    paths: AtlasPaths, manifest: Manifest
) -> None:
    """They are said where they are found, in the folder of an added table, too; other files are not."""
    features = paths.root / "features"
    features.mkdir()
    (paths.root / "sites" / "etc").symlink_to("/etc")
    (features / "y.txt").symlink_to("/etc/passwd")
    os.mkfifo(features / "shard-00001.parquet")
    (features / "notes.txt").write_text("mine")
    assert find_problems(paths, manifest) == [
        "features/shard-00001.parquet: not in the manifest; remove it",
        "features/y.txt: not in the manifest; remove it",
        "sites/etc: not in the manifest; remove it",
    ]
    assert find_unfinished_files(paths, manifest) == []


def test_one_changed_byte_is_found_wherever_it_is(paths: AtlasPaths, manifest: Manifest) -> None:
    path = paths.shard(SITES, 1)
    whole = path.read_bytes()
    for at in (0, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        (text,) = find_problems(paths, manifest)
        assert text.startswith("sites/shard-00001.parquet: sha256 ")


def test_a_truncated_file_is_found(paths: AtlasPaths, manifest: Manifest) -> None:
    path = paths.shard(SITES, 1)
    path.write_bytes(path.read_bytes()[:-1])
    (text,) = find_problems(paths, manifest)
    assert "bytes expected" in text


@pytest.mark.parametrize("change", ["dropped", "retyped", "renamed"])
def test_a_file_with_other_columns_is_found(paths: AtlasPaths, manifest: Manifest, change: str) -> None:
    path = paths.shard(SITES, 1)
    rows = pq.read_table(path)
    if change == "dropped":
        rows = rows.drop_columns(["share"])
    elif change == "retyped":
        rows = rows.set_column(rows.column_names.index("share"), "share", rows["share"].cast(pa.float64()))
    else:
        rows = rows.rename_columns({"share": "fraction"})
    pq.write_table(rows, path)
    add_block_digests(path)
    wrong = describe_file(paths, path, SITES)
    problems = find_problems(paths, replace(manifest, files=FileList((*manifest.files[:2], wrong))))
    assert problems == ["sites/shard-00001.parquet: its columns are not those of table sites"]


def test_a_list_of_another_number_of_layers_is_found(paths: AtlasPaths, manifest: Manifest) -> None:
    other = replace(manifest, run=replace(RUN, n_layers=RUN.n_layers + 1))
    assert find_problems(paths, other) == []  # neither table has a list per layer
    path = paths.root / "residues" / "shard-00001.parquet"
    path.parent.mkdir()
    pq.write_table(RESIDUES.schema(RUN.n_layers).empty_table(), path)
    add_block_digests(path)
    with_list = replace(other, files=FileList((*manifest.files, describe_file(paths, path, RESIDUES))))
    assert find_problems(paths, with_list) == [
        "residues/shard-00001.parquet: its columns are not those of table residues"
    ]


def test_a_wrong_number_of_rows_is_found(paths: AtlasPaths, manifest: Manifest) -> None:
    proteins, names, sites = manifest.files
    files = FileList((proteins, names, replace(sites, n_rows=3)))
    problems = find_problems(paths, replace(manifest, files=files))
    assert problems == ["sites/shard-00001.parquet: 3 rows expected, 2 found"]


def test_counts_that_do_not_add_up_are_found(paths: AtlasPaths, manifest: Manifest) -> None:
    (text,) = find_problems(paths, replace(manifest, counts=replace(manifest.counts, n_failed=1)))
    assert "2 requested, but ok + skipped + failed differ" in text


def test_a_protein_too_few_is_found(paths: AtlasPaths, manifest: Manifest) -> None:
    counts = replace(manifest.counts, n_requested=3, n_ok=2)
    assert find_problems(paths, replace(manifest, counts=counts)) == ["proteins: 3 rows expected, 2 found"]


def test_an_atlas_without_its_index_of_names_is_not_whole(paths: AtlasPaths, manifest: Manifest) -> None:
    files = FileList(tuple(file for file in manifest.files if file.table != "names"))
    texts = find_problems(paths, replace(manifest, files=files))
    assert [text.partition(":")[0] for text in texts] == ["names/names-00001-of-00001.parquet", "names"]
    assert "no file of this index" in texts[1]


def test_every_problem_is_listed_not_only_the_first(paths: AtlasPaths, manifest: Manifest) -> None:
    paths.shard(SITES, 1).unlink()
    paths.proteins.unlink()
    assert len(find_problems(paths, manifest)) == 2
