"""A release: the same rows in few files, read by outside programs, whole or not at all, the same bytes every time."""

import datetime
import errno
import hashlib
import importlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from helpers.default_cases import each_nth_by_default
from helpers.older_duckdb import ask_older
from helpers.range_server import serving
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.release import Statement, publish, tables
from attlas.schema import (
    PROTEINS,
    RESIDUES,
    SHARD_TABLES,
    TABLES,
    AtlasPaths,
    BrokenAtlasError,
    EnvironmentFault,
    InputError,
    Manifest,
    Table,
    TableFile,
)
from attlas.schema.leftovers import leftover_name
from attlas.schema.verify import find_problems

pytestmark = pytest.mark.slow

BUILT = (PROTEINS, *SHARD_TABLES)
"""The tables of the atlas here: nothing was added to it."""

NOTHING = Statement()
EVERYTHING = Statement(
    title='The "first" | atlas: <b>50 %</b>',
    creators=("Ada Lovelace", "Grüße GmbH"),
    licence="CC-BY-4.0",
    citation="Lovelace (2026), doi:10.1/x",
    url="https://example.org/atlases/first/",
)


@pytest.fixture(scope="module")
def release(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "release"
    publish(atlas_dir, out, NOTHING)
    return out


@pytest.fixture(scope="module")
def stated(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "release"
    publish(atlas_dir, out, EVERYTHING)
    return out


def whole(root: Path, table: Table) -> list[dict]:
    """Every stored row of a table, by reading every file there is in order of name."""
    files = [pq.ParquetFile(path).read() for path in sorted((root / table.name).glob("*.parquet"))]
    return pa.concat_tables(files).to_pylist()


def digests(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("table", BUILT, ids=lambda table: table.name)
def test_a_release_holds_the_rows_of_the_atlas_in_their_order(atlas_dir: Path, release: Path, table: Table) -> None:
    assert whole(release, table) == whole(atlas_dir, table)
    assert len(list((atlas_dir / table.name).iterdir())) >= len(list((release / table.name).iterdir())) == 1


def test_the_layout_is_the_promised_one(release: Path) -> None:
    names = ("sequences", "sites", "residues", "heads", "names", "words")
    joined = {f"{name}/{name}-00001-of-00001.parquet" for name in names}
    beside = {"README.md", "DATACARD.md", "croissant.json", "atlas.duckdb", "manifest.json", "SHA256SUMS"}
    assert set(digests(release)) == {"proteins/proteins.parquet"} | joined | beside


def test_a_release_is_an_atlas_with_the_same_identity(atlas_dir: Path, release: Path) -> None:
    source, published = (Manifest.read(AtlasPaths(root)) for root in (atlas_dir, release))
    assert replace(published, files=source.files) == source
    assert find_problems(AtlasPaths(release), published) == []
    with Atlas.open(release) as atlas, Atlas.open(atlas_dir) as other:
        assert atlas.residues("P04637").equals(other.residues("P04637"))
        assert atlas.sql("FROM heads ORDER BY ALL").equals(other.sql("FROM heads ORDER BY ALL"))


def test_every_file_keeps_docs_and_provenance(atlas_dir: Path, release: Path) -> None:
    for table in BUILT:
        (path,) = (release / table.name).iterdir()
        source = next((atlas_dir / table.name).iterdir())
        assert pq.read_schema(path).equals(pq.read_schema(source), check_metadata=True)


def test_the_same_atlas_and_statement_give_the_same_bytes(atlas_dir: Path, stated: Path, tmp_path: Path) -> None:
    publish(atlas_dir, tmp_path / "again", EVERYTHING)
    assert digests(tmp_path / "again") == digests(stated)


@pytest.mark.thorough
def test_a_release_of_a_release_is_the_same(stated: Path, tmp_path: Path) -> None:
    publish(stated, tmp_path / "again", EVERYTHING)
    assert digests(tmp_path / "again") == digests(stated)


def test_the_sums_are_of_every_file_and_sha256sum_agrees(release: Path) -> None:
    lines = (release / "SHA256SUMS").read_text().splitlines()
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    sums = digests(release)
    sums.pop("SHA256SUMS")
    assert listed == sums
    if shutil.which("sha256sum"):
        done = subprocess.run(
            ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=release, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout.count(": OK")) == (0, len(sums))


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
    assert whole(tmp_path / "release", RESIDUES) == whole(tmp_path / "atlas", RESIDUES)
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
        pairs = zip(release.manifest.of_table(table), Manifest.read(AtlasPaths(source)).of_table(table), strict=True)
        assert all((tmp_path / "release" / new.path).samefile(source / old.path) for new, old in pairs)
    assert find_problems(AtlasPaths(tmp_path / "release"), release.manifest) == []

    # The same bytes, however the files came there; and a release outlives its atlas.
    before = digests(tmp_path / "release")
    publish(tmp_path / "release", tmp_path / "again", NOTHING)
    shutil.rmtree(source)
    assert digests(tmp_path / "release") == digests(tmp_path / "again") == before


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
    assert digests(tmp_path / "release") == digests(tmp_path / "linked")
    assert not (tmp_path / "release" / "proteins" / "proteins.parquet").samefile(AtlasPaths(source).proteins)

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
    manifest = Manifest.read(AtlasPaths(source))
    assert tables.count_joined_bytes(manifest) == 0
    monkeypatch.setattr(tables, "FILE_BYTES", 1_000_000_000)
    shards = sum(file.n_bytes for table in SHARD_TABLES for file in manifest.of_table(table))
    assert tables.count_joined_bytes(manifest) == shards


@pytest.mark.thorough
def test_an_atlas_in_which_nothing_was_computed_is_published_with_its_reasons(tmp_path: Path) -> None:
    write_atlas(tmp_path / "a", [SyntheticProtein("A1", "MK*V", status="skipped", reason="inner `*`")], n_shards=1)
    publish(tmp_path / "a", tmp_path / "release", NOTHING)
    assert "| skipped | inner \\`\\*\\` | 1 | A1 |" in (tmp_path / "release" / "DATACARD.md").read_text()
    with Atlas.open(tmp_path / "release") as atlas:
        assert atlas.sql("FROM sites").num_rows == 0


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


def test_a_damaged_atlas_is_refused_with_every_bad_file(atlas_dir: Path, tmp_path: Path) -> None:
    root = shutil.copytree(atlas_dir, tmp_path / "copy")
    (root / "sites" / "shard-00002.parquet").unlink()
    path = root / "heads" / "shard-00001.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(
        BrokenAtlasError, match=r"(?s)heads/shard-00001\.parquet: sha256.*|sites/shard-00002.*missing"
    ) as e:
        publish(root, tmp_path / "release", NOTHING)
    assert len(e.value.offenders) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]


def test_an_unfinished_atlas_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "plan.json").write_text("{}")
    with pytest.raises(BrokenAtlasError, match="not whole yet"):
        publish(tmp_path / "a", tmp_path / "release", NOTHING)


@pytest.mark.thorough
def test_of_two_that_publish_at_once_the_second_leaves_the_first_as_it_is(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("attlas.queries.release.publish")
    write = module._write

    def write_behind_another(*arguments: object, **options: object) -> object:
        release = write(*arguments, **options)
        (tmp_path / "release").mkdir()
        (tmp_path / "release" / "README.md").write_text("of the other")
        return release

    monkeypatch.setattr(module, "_write", write_behind_another)
    with pytest.raises(InputError, match="release is there already"):
        publish(atlas_dir, tmp_path / "release", NOTHING)
    assert [path.name for path in tmp_path.iterdir()] == ["release"]
    assert (tmp_path / "release" / "README.md").read_text() == "of the other"


def test_what_is_there_is_never_written_over(atlas_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    publish(atlas_dir, tmp_path / "release", NOTHING)  # an empty folder is no loss
    before = digests(tmp_path / "release")
    with pytest.raises(InputError, match="is there already"):
        publish(atlas_dir, tmp_path / "release", EVERYTHING)
    assert digests(tmp_path / "release") == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        publish(atlas_dir, tmp_path / "file", NOTHING)
    with pytest.raises(InputError, match="inside the atlas"):
        publish(atlas_dir, atlas_dir / "release", NOTHING)


def test_a_disk_without_room_is_reported_before_anything_is_written(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(EnvironmentFault, match=r"(?s)too little room.*found: +1 MB"):
        publish(atlas_dir, tmp_path / "new" / "release", NOTHING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
def test_a_folder_may_have_any_name(atlas_dir: Path, tmp_path: Path, stated: Path) -> None:
    out = tmp_path / "my [first] atlas's *release*? Ω"
    publish(atlas_dir, out, EVERYTHING)
    assert digests(out) == digests(stated)


def test_a_release_is_readable_by_who_may_read_new_folders(release: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert release.stat().st_mode == (tmp_path / "new").stat().st_mode


of_mlcroissant = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated", "ignore:The inplace keyword")


@of_mlcroissant
@pytest.mark.parametrize("root", each_nth_by_default(["release", "stated"], 2))
def test_mlcroissant_finds_no_error(request: pytest.FixtureRequest, root: str) -> None:
    import mlcroissant

    logging.getLogger("absl").setLevel(logging.ERROR)
    metadata = mlcroissant.Dataset(jsonld=str(request.getfixturevalue(root) / "croissant.json")).metadata
    assert metadata.ctx.issues.errors == set()
    warnings = " ".join(metadata.ctx.issues.warnings)
    assert ("license" in warnings, "citeAs" in warnings) == ((True, True) if root == "release" else (False, False))
    assert len(metadata.ctx.issues.warnings) == (2 if root == "release" else 0)


@pytest.mark.thorough
@of_mlcroissant
@pytest.mark.parametrize("table", BUILT, ids=lambda table: table.name)
def test_mlcroissant_reads_every_row_and_column(release: Path, table: Table) -> None:
    import mlcroissant

    dataset = mlcroissant.Dataset(jsonld=str(release / "croissant.json"))
    rows = [{k.split("/")[1]: v for k, v in row.items()} for row in dataset.records(table.name)]
    stored = whole(release, table)
    assert len(rows) == len(stored)
    assert list(rows[0]) == [column.name for column in table.stored()]
    for name in ("sequence_id", "length", "position", "rank", "n_edges", "sequence", "residue"):
        if name in rows[0] and name in stored[0]:
            values = [v.decode() if isinstance(v, bytes) else v for v in (row[name] for row in rows)]
            assert [None if v != v or v is None else v for v in values] == [row[name] for row in stored]
    if table is RESIDUES:
        assert [list(map(float, row["received"])) for row in rows[:50]] == [row["received"] for row in stored[:50]]


def test_the_metadata_names_every_file_with_its_digest(stated: Path) -> None:
    values = json.loads((stated / "croissant.json").read_text())
    files = {entry["@id"]: entry for entry in values["distribution"] if entry["@type"] == "cr:FileObject"}
    sums = digests(stated)
    assert {path: entry["sha256"] for path, entry in files.items()} == {
        path: digest for path, digest in sums.items() if path not in ("croissant.json", "SHA256SUMS")
    }
    assert files["manifest.json"]["contentUrl"] == "https://example.org/atlases/first/manifest.json"
    assert values["license"] == "CC-BY-4.0"
    assert [entry["name"] for entry in values["creator"]] == ["Ada Lovelace", "Grüße GmbH"]
    received = [field for entry in values["recordSet"] for field in entry["field"] if field.get("isArray")]
    assert [(entry["@id"], entry["arrayShape"], entry["dataType"]) for entry in received] == [
        ("residues/received", "4", "cr:Float32")
    ]


@pytest.fixture
def views(release: Path, tmp_path: Path) -> duckdb.DuckDBPyConnection:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{release / 'atlas.duckdb'}' AS far (READ_ONLY)")
        yield connection


@pytest.mark.parametrize("table", BUILT, ids=lambda table: table.name)
def test_the_views_answer_from_anywhere_once_told_where(
    views: duckdb.DuckDBPyConnection, release: Path, atlas: Atlas, table: Table
) -> None:
    views.execute(f"SET VARIABLE atlas = '{release}'")
    assert views.sql(f"FROM far.{table.name} ORDER BY ALL").fetchall() == [
        tuple(tuple(v) if isinstance(v, list) else v for v in row.values())
        for row in atlas.sql(f"FROM {table.name} ORDER BY ALL").to_pylist()
    ]


def test_the_views_work_in_the_folder_without_being_told(
    release: Path, monkeypatch: pytest.MonkeyPatch, atlas: Atlas
) -> None:
    monkeypatch.chdir(release)
    with duckdb.connect("atlas.duckdb", read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM sites").fetchall() == [(atlas.sql("FROM sites").num_rows,)]
        assert connection.sql("SELECT value FROM provenance WHERE name = 'rule'").fetchall() == [("nayar-2025-05",)]
        comments = connection.sql("SELECT comment FROM duckdb_columns() WHERE table_name = 'sites'").fetchall()
        assert all(comment for (comment,) in comments)


@pytest.mark.thorough
def test_an_older_duckdb_reads_the_views(release: Path, monkeypatch: pytest.MonkeyPatch, atlas: Atlas) -> None:
    monkeypatch.chdir(release)
    queries = [f"SELECT count(*) FROM {table.name}" for table in TABLES]
    queries.append("SELECT position, residue FROM sites WHERE accession = 'P04637' ORDER BY rank")
    *counts, sites = ask_older(release / "atlas.duckdb", *queries)
    assert counts == [[[atlas.sql(f"FROM {table.name}").num_rows]] for table in TABLES]
    assert sites == [[row["position"], row["residue"]] for row in atlas.sites("P04637").to_pylist()]


def test_the_file_of_views_is_of_the_oldest_storage_version_and_holds_no_path(release: Path) -> None:
    data = (release / "atlas.duckdb").read_bytes()
    assert data[8:12] == b"DUCK"
    assert int.from_bytes(data[12:20], "little") == 64  # v1.0.0; 1.2.0 is 65
    assert str(release.parent).encode() not in data
    assert b".tmp-" not in data


def sql_blocks(text: str) -> list[str]:
    return re.findall(r"```sql\n(.*?)```", text, re.DOTALL)


def test_the_three_ways_of_the_readme_give_the_same_sites(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec
    from fsspec.implementations.dirfs import DirFileSystem
    from fsspec.implementations.http import HTTPFileSystem

    class Web(HTTPFileSystem):
        def modified(self, path: str) -> datetime.datetime:
            return datetime.datetime(2026, 1, 1)  # DuckDB asks, and fsspec does not know

    class Hub(DirFileSystem):
        protocol = "hf"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path.removeprefix("hf://").removeprefix("datasets/ORG/NAME/")

    with serving(tmp_path / "release") as server:
        publish(atlas_dir, tmp_path / "release", Statement(url=server.url))
        readme = (tmp_path / "release" / "README.md").read_text()
        path_sql, https_sql, hub_sql = sql_blocks(readme)
        assert server.url in https_sql
        monkeypatch.chdir(tmp_path / "release")
        with duckdb.connect("atlas.duckdb", read_only=True) as connection:
            connection.register_filesystem(Web())
            connection.register_filesystem(Hub(path=str(tmp_path / "release"), fs=fsspec.filesystem("file")))
            by_path = sorted(connection.sql(path_sql).fetchall())
            over_http, from_hub = connection.sql(https_sql).fetchall(), connection.sql(hub_sql).fetchall()
        assert len(by_path) > 0
        assert sorted((at, residue, share) for _, at, residue, _, share in over_http) == by_path
        assert from_hub == over_http


@pytest.mark.thorough
def test_the_python_of_the_readme_runs(atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path / "RELEASE") as server:
        publish(atlas_dir, tmp_path / "RELEASE", Statement(url=server.url))
        blocks = re.findall(r"```python\n(.*?)```", (tmp_path / "RELEASE" / "README.md").read_text(), re.DOTALL)
        monkeypatch.chdir(tmp_path)
        assert len(blocks) == 2
        for block in blocks:
            exec(block, {})


def front_matter(root: Path) -> dict:
    _, head, _ = (root / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(head)


def test_the_head_of_the_readme_is_what_the_hub_reads(release: Path, stated: Path) -> None:
    head = front_matter(stated)
    assert (head["pretty_name"], head["license"]) == (EVERYTHING.title, "cc-by-4.0")
    assert [config["config_name"] for config in head["configs"]] == [table.name for table in BUILT]
    assert all(list(stated.glob(config["data_files"])) for config in head["configs"])
    assert head["size_categories"] == ["1K<n<10K"]
    assert "license" not in front_matter(release)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("licence", "shown"),
    [("MIT", {"license": "mit"}), ("My own", {"license": "other", "license_name": "My own"})],
)
def test_a_licence_the_hub_does_not_know_is_other(
    atlas_dir: Path, tmp_path: Path, licence: str, shown: dict[str, str]
) -> None:
    publish(atlas_dir, tmp_path / "release", Statement(licence=licence))
    head = front_matter(tmp_path / "release")
    assert {name: head[name] for name in shown} == shown


def test_the_cards_say_what_is_stated_and_what_is_not(release: Path, stated: Path) -> None:
    for name in ("README.md", "DATACARD.md"):
        bare, full = (release / name).read_text(), (stated / name).read_text()
        for row in ("creators", "licence", "citation"):
            assert f"| {row} | not stated |" in bare
        assert "| creators | Ada Lovelace, Grüße GmbH |" in full
        assert "| licence | CC-BY-4.0 |" in full
        assert 'The "first" \\| atlas: &lt;b>50 %&lt;/b>' in full
        assert "not stated" not in full


def test_the_card_counts_as_the_table_does(release: Path) -> None:
    card = (release / "DATACARD.md").read_text()
    assert "22 proteins requested = 20 ok + 1 skipped + 1 failed." in card
    assert "| failed | out of memory | 1 | Q00004 |" in card
    assert "| 40 or more | 1 |" in card
    rows = whole(release, TABLES[0])
    for n in (0, 3):
        assert f"| {n} | {sum(row['n_sites'] == n for row in rows)} |" in card
    layers = [row["layer"] for row in rows if row["status"] == "ok"]
    for layer in set(layers) - {None}:
        assert re.search(rf"^\| {layer} \| {layers.count(layer)} \| [\d.]+ \|$", card, re.MULTILINE)
    for table in BUILT:
        assert f"### {table.name}" in card
        assert all(f"| `{column.name}` |" in card for column in table.columns)
    assert "ECO:0008006" in card
    assert "\x1b" not in card


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"title": " "}, "a line of text"),
        ({"citation": "two\nlines"}, "a line of text"),
        ({"creators": ("fine", "\x1b[31m")}, "a line of text"),
        ({"url": "ftp://x"}, "no URL of a release"),
        ({"url": "hf://models/x"}, "no URL of a release"),
    ],
)
def test_a_statement_that_cannot_be_printed_is_refused(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Statement(**values)


@pytest.mark.parametrize(
    ("url", "web", "hub"),
    [
        (None, None, None),
        ("https://example.org/a/", "https://example.org/a", None),
        ("hf://datasets/org/name", "https://huggingface.co/datasets/org/name/resolve/main", "org/name"),
        ("hf://datasets/org/name/v1/", "https://huggingface.co/datasets/org/name/resolve/main/v1", "org/name"),
        (
            "https://huggingface.co/datasets/org/name/resolve/main",
            "https://huggingface.co/datasets/org/name/resolve/main",
            "org/name",
        ),
    ],
)
def test_the_ways_to_a_url_follow_from_it(url: str | None, web: str | None, hub: str | None) -> None:
    statement = Statement(url=url)
    assert (statement.web_url, statement.hub_name) == (web, hub)


def test_the_verb_publishes_names_what_is_not_stated_and_the_release_verifies(
    attlas: Callable[..., object], atlas_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "release"
    done = attlas("publish", atlas_dir, "--out", out, "--license", "MIT", "--creator", "A", "--creator", "B")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert done.out.startswith(f"{out}: 7 tables in 7 files, ")
    assert done.err == ("attlas: missing, as the cards say: title, citation, url (see `attlas publish --help`)\n")
    assert "| creators | A, B |" in (out / "README.md").read_text()
    assert attlas("verify", out).code == 0
    assert attlas("show", out, "P0DP23").out == attlas("show", atlas_dir, "P0DP23").out
    again = attlas("publish", atlas_dir, "--out", out)
    assert (again.code, again.out) == (1, "")
    assert "is there already" in again.err


def test_a_release_killed_midway_leaves_no_release(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> str:
        (folder,) = tmp_path.glob(f".tmp-publish-*-{os.getpid()}-*-release")
        assert (folder / "manifest.json").is_file()
        raise KeyboardInterrupt

    monkeypatch.setitem(publish.__globals__, "compose_datacard", stop)
    with pytest.raises(KeyboardInterrupt):
        publish(atlas_dir, tmp_path / "release", NOTHING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
def test_what_a_killed_publish_left_goes_with_the_next_and_nothing_else_does(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    script = (
        "import os, signal, sys; from pathlib import Path; from attlas.queries.release import Statement, publish\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "publish.__globals__[sys.argv[3]] = die\n"
        "import attlas.queries.release.catalogue as catalogue\n"
        "if sys.argv[3] == 'die in the catalogue': catalogue._statements = die\n"
        "publish(Path(sys.argv[1]), Path(sys.argv[2]), Statement())"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    for moment in ("compose_datacard", "die in the catalogue"):
        words = [sys.executable, "-c", script, atlas_dir, tmp_path / "out" / moment, moment]
        assert subprocess.run(words, env=environment, check=False).returncode == -signal.SIGKILL
        assert len(list((tmp_path / "out").iterdir())) == 1  # the second removed what the first had left
    assert len(list((tmp_path / "temporary").glob("attlas-catalogue-*"))) == 1

    # Of a process that lives, of another machine, and of somebody else's kind.
    host = leftover_name("", "").rsplit("-", 3)[0]
    living, gone = f"{host}-{os.getppid()}-0123abcd-x", f"{host}-4194305-0123abcd-x"
    kept = {f".tmp-publish-{living}", ".tmp-publish-elsewhere-1-0123abcd-x", f".tmp-{gone}", "notes"}
    for name in kept:
        (tmp_path / "out" / name).mkdir()
    publish(atlas_dir, tmp_path / "out" / "release", NOTHING)
    assert {path.name for path in (tmp_path / "out").iterdir()} == kept | {"release"}
    assert list((tmp_path / "temporary").glob("attlas-catalogue-*")) == []


def test_files_of_the_same_sequences_are_not_joined() -> None:
    def file(name: str, begin: int, end: int) -> TableFile:
        return TableFile("features", f"features/{name}.parquet", 1, 100, "0" * 64, 50, "0" * 64, begin, end)

    file_a, file_b, file_c, file_d = file("a", 0, 9), file("b", 3, 12), file("c", 12, 20), file("d", 13, 13)
    assert tables.group_files([file_a, file_b]) == [[file_a], [file_b]]
    assert tables.group_files([file_a, file_d]) == [[file_a, file_d]]
    assert tables.group_files([file_c, file_a]) == [[file_a, file_c]]
    assert tables.group_files([file_b, file_c]) == [[file_b], [file_c]]
