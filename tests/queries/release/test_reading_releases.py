"""A release as outside programs read it: mlcroissant, DuckDB from anywhere, and the blocks of its README."""

import datetime
import json
import logging
import re
from pathlib import Path

import duckdb
import pytest
from helpers.default_cases import each_nth_by_default
from helpers.older_duckdb import ask_older
from helpers.range_server import serving
from helpers.release_case import BUILT, digest_files, read_rows

from attlas.queries import Atlas
from attlas.queries.release import Statement, publish
from attlas.schema import RESIDUES, TABLES, Table

pytestmark = pytest.mark.slow


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
    stored = read_rows(release, table.name)
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
    sums = digest_files(stated)
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
