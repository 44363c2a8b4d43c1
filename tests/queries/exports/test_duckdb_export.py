"""The DuckDB file: the tables of the atlas, all of them or some proteins', and an older DuckDB reads it."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest
from helpers.default_cases import each_nth_by_default
from helpers.export_readers import exported
from helpers.older_duckdb import ask_older
from helpers.range_server import serving
from helpers.reading_case import PROTEINS as INPUT
from helpers.synthetic import SyntheticProtein, write_atlas
from helpers.table_files import find_table

from attlas.queries import Atlas
from attlas.queries.asking.answering import ask
from attlas.queries.engine.functions import functions
from attlas.queries.engine.views import describe_column, docs_rows
from attlas.queries.exports import duckdb_file
from attlas.schema import SHARD_TABLES, TABLES, BrokenAtlasError, Table

pytestmark = pytest.mark.slow

CHOSEN = ("P04637", "P0DP23", "Q00003", "Q00001")


def write(atlas: Atlas, path: Path, accessions: Sequence[str] | None = None) -> Path:
    path.write_bytes(exported(atlas, "duckdb", accessions))
    return path


@pytest.fixture(scope="module")
def database(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with Atlas.open(atlas_dir) as opened:
        return write(opened, tmp_path_factory.mktemp("export") / "atlas.duckdb")


def as_json(rows: list[dict[str, object]]) -> list[list[object]]:
    return [list(row.values()) for row in rows]


@pytest.mark.parametrize("table", [find_table("proteins"), *SHARD_TABLES], ids=lambda table: table.name)
def test_duckdb_1_4_reads_every_table_with_all_its_rows(atlas: Atlas, database: Path, table: Table) -> None:
    query = f"SELECT * FROM {table.name} ORDER BY {', '.join(table.key)}"
    (rows,) = ask_older(database, query)
    expected = as_json(atlas.sql(query).to_pylist())
    assert len(rows) == len(expected) > 0
    assert rows == expected


@pytest.mark.parametrize("name", each_nth_by_default(["residue_enrichment", "sites_by_end", "layer_of_convergence"], 3))
def test_duckdb_1_4_answers_a_named_question_from_its_sql(atlas: Atlas, database: Path, name: str) -> None:
    (rows,) = ask_older(database, ask(atlas, name, {}).sql)
    assert rows == as_json(atlas.ask(name).to_pylist())


@pytest.mark.thorough
def test_duckdb_1_4_has_the_functions_and_says_what_they_return(atlas: Atlas, database: Path) -> None:
    calls = [f"student_t_quantile({p}, {df})" for p in (0.025, 0.00005) for df in (1, 3, 40)]
    calls += ["student_t_log10_tail(3, 5)", "normal_quantile(0.3)", "normal_log10_tail(20)"]
    query = "SELECT function_name, comment FROM duckdb_functions() WHERE NOT internal AND comment <> '' ORDER BY 1"
    rows, comments = ask_older(database, f"SELECT {', '.join(calls)}", query)
    assert rows[0] == pytest.approx(list(atlas.sql(f"SELECT {', '.join(calls)}").to_pylist()[0].values()))
    assert comments == [[function.name, function.returns] for function in functions()]


def test_duckdb_1_4_answers_a_question_as_the_atlas_does(atlas: Atlas, database: Path) -> None:
    question = """
        SELECT p.gene, s.residue, count(*) AS n, sum(r.received[2]) AS received
        FROM sites AS s JOIN proteins AS p USING (accession) JOIN residues AS r USING (accession, position)
        GROUP BY ALL ORDER BY ALL
    """
    (rows,) = ask_older(database, question)
    expected = as_json(atlas.sql(question).to_pylist())
    assert [row[:3] for row in rows] == [row[:3] for row in expected]
    assert [row[3] for row in rows] == pytest.approx([row[3] for row in expected])


@pytest.mark.thorough
def test_duckdb_1_4_shows_types_and_comments(atlas: Atlas, database: Path) -> None:
    columns, tables, docs = ask_older(
        database,
        "SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() "
        "WHERE NOT internal AND table_name NOT IN ('docs', 'provenance')",
        "SELECT table_name, comment FROM duckdb_tables()",
        "SELECT * FROM docs",
    )
    types = {(name, column): kind for name, column, kind, _, _ in docs_rows(atlas.n_layers)}
    expected = [
        [t.name, c.name, types[t.name, c.name], c.is_nullable, describe_column(c)] for t in TABLES for c in t.columns
    ]
    assert sorted(columns) == sorted(expected)
    assert types["residues", "received"] == "FLOAT[4]"
    assert dict(tables).items() >= {t.name: t.doc for t in TABLES}.items()
    assert all(comment for _, comment in tables)
    assert docs == [list(row) for row in docs_rows(atlas.n_layers)]


@pytest.mark.thorough
def test_duckdb_1_4_says_where_the_numbers_are_from(atlas: Atlas, database: Path) -> None:
    (rows,) = ask_older(database, "SELECT name, value FROM provenance")
    values = dict(rows)
    run = atlas.manifest.run
    assert (values["model"], values["rule"], values["weights_sha256"]) == (run.model, run.rule, run.weights_sha256)
    assert (values["evidence"], values["atlas_id"]) == ("ECO:0008006", atlas.manifest.atlas_id)
    assert values["exported_proteins"] == "all of 22"


@pytest.mark.thorough
def test_duckdb_1_4_finds_the_keys(database: Path) -> None:
    (rows,) = ask_older(
        database,
        "SELECT table_name, constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'",
    )
    assert sorted(rows) == sorted([[t.name, list(t.key)] for t in map(find_table, ("proteins", "sequences", "sites"))])


def test_rows_stand_in_the_order_of_their_sequences(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        for table, order in (("sites", "rank"), ("residues", "position"), ("heads", "layer, head")):
            rows = connection.sql(f"SELECT sequence_id, accession, {order} FROM {table} ORDER BY rowid").fetchall()
            assert rows == sorted(rows)
            assert len({row[0] for row in rows}) > 10
        names = connection.sql("SELECT accession FROM proteins ORDER BY rowid").fetchall()
        assert names == sorted(names)


@pytest.mark.thorough
def test_the_file_of_some_proteins_holds_these_alone(atlas: Atlas, tmp_path: Path) -> None:
    path = write(atlas, tmp_path / "some.duckdb", CHOSEN)
    with duckdb.connect(str(path), read_only=True) as connection:
        for table in map(find_table, ("proteins", "sites", "residues", "heads")):
            order = f"ORDER BY {', '.join(table.key)}"
            expected = atlas.sql(f"SELECT * FROM {table.name} WHERE accession IN {CHOSEN} {order}").to_pylist()
            rows = connection.sql(f"FROM {table.name} {order}").to_arrow_table().to_pylist()
            assert rows == expected
        assert {row[0] for row in connection.sql("SELECT accession FROM proteins").fetchall()} == set(CHOSEN)
        ids = {p["sequence_id"] for id in CHOSEN for p in atlas.protein(id).to_pylist()} - {None}
        assert {row[0] for row in connection.sql("SELECT sequence_id FROM sequences").fetchall()} == ids
        values = connection.sql("SELECT value FROM provenance WHERE name = 'exported_proteins'").fetchall()
        assert values == [("4 of 22",)]


@pytest.mark.thorough
@pytest.mark.parametrize("chunk_rows", [1, 500])  # by default a chunk holds all of this atlas
def test_chunks_of_any_size_give_the_same_rows(
    atlas: Atlas, database: Path, tmp_path: Path, chunk_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_file, "CHUNK_ROWS", chunk_rows)
    other = write(atlas, tmp_path / "other.duckdb")
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{database}' AS a (READ_ONLY); ATTACH '{other}' AS b (READ_ONLY)")
        for table in TABLES:
            rows, other_rows = (connection.sql(f"FROM {name}.{table.name}").fetchall() for name in "ab")
            assert rows == other_rows


@pytest.mark.thorough
def test_a_shard_without_rows_or_an_atlas_without_any_is_written_too(tmp_path: Path) -> None:
    skipped = [SyntheticProtein(f"Q{i}", "ACDEFGHIKL*", status="skipped", reason="inner `*`") for i in range(3)]
    computed_proteins = [
        SyntheticProtein("P1", "ACDEFGHIKLMNPQRSTVWY" * 2),
        SyntheticProtein("P2", "ACDEFGHIKLMNPQRSTVWC" * 2),
    ]
    for name, proteins, n_ok in (("none", skipped, 0), ("few", [*skipped, *computed_proteins], 2)):
        write_atlas(tmp_path / name, proteins, n_shards=4)
        with Atlas.open(tmp_path / name) as opened:
            path = write(opened, tmp_path / f"{name}.duckdb")
        with duckdb.connect(str(path), read_only=True) as connection:
            assert connection.sql("SELECT count(*) FROM proteins").fetchall() == [(3 + n_ok,)]
            assert connection.sql("SELECT count(*) FROM residues").fetchall() == [(40 * n_ok,)]


@pytest.mark.thorough
def test_an_atlas_behind_a_url_is_written_as_well(atlas_dir: Path, database: Path, tmp_path: Path) -> None:
    with serving(atlas_dir) as server, Atlas.open(server.url) as far:
        path = write(far, tmp_path / "far.duckdb")
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{database}' AS a (READ_ONLY); ATTACH '{path}' AS b (READ_ONLY)")
        for table in TABLES:
            assert (
                connection.sql(f"FROM a.{table.name}").fetchall() == connection.sql(f"FROM b.{table.name}").fetchall()
            )


@pytest.mark.thorough
def test_a_hostile_header_and_path_survive(atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "it's [1]"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with Atlas.open(shutil.copytree(atlas_dir, folder / "atlas")) as opened:
        path = write(opened, folder / "a.duckdb")
    with duckdb.connect(str(path), read_only=True) as connection:
        descriptions = dict(connection.sql("SELECT accession, description FROM proteins").fetchall())
    assert descriptions == {p.accession: p.description for p in INPUT}
    assert sorted(p.name for p in folder.iterdir()) == ["a.duckdb", "atlas"]


def test_a_damaged_atlas_is_reported_to_be_one_and_leaves_nothing(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(atlas_dir, tmp_path / "copy")
    for path in copy.glob("heads/*.parquet"):
        data = bytearray(path.read_bytes())
        data[4 : len(data) // 2] = b"\xff" * (len(data) // 2 - 4)
        path.write_bytes(data)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with Atlas.open(copy) as opened, pytest.raises(BrokenAtlasError, match="cannot be read"):
        write(opened, tmp_path / "a.duckdb")
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not (tmp_path / "a.duckdb").exists()
