"""SQL: one SELECT, nothing else, no other file, nothing written."""

import shutil
import time
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from helpers.default_cases import each_nth_by_default

from attlas.queries import Atlas
from attlas.queries.engine.sandbox import lock_statements
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("COPY sites TO 'out.csv'", "COPY"),
        ("COPY (SELECT 1) TO 'out.parquet'", "COPY"),
        ("ATTACH 'x.db'", "ATTACH"),
        ("DETACH memory", "DETACH"),
        ("USE system", "SET"),
        ("SET threads = 1", "SET"),
        ("SET GLOBAL enable_external_access = true", "SET"),
        ("SET SESSION lock_configuration = false", "SET"),
        ("RESET lock_configuration", "SET"),
        ("PRAGMA version", "PRAGMA"),
        ("PRAGMA memory_limit = '1GB'", "SET"),
        ("INSTALL httpfs", "LOAD"),
        ("FORCE INSTALL httpfs FROM 'https://example.org'", "LOAD"),
        ("LOAD httpfs", "LOAD"),
        ("CALL enable_logging()", "CALL"),
        ("CHECKPOINT", "CALL"),
        ("BEGIN", "TRANSACTION"),
        ("PREPARE p AS SELECT 1", "PREPARE"),
        ("CREATE TABLE t AS SELECT 1", "CREATE"),
        ("CREATE TEMP TABLE t AS PIVOT sites ON residue USING count(*)", "the word CREATE"),
        ("DROP VIEW sites", "DROP"),
        ("COMMENT ON VIEW sites IS 'x'", "ALTER"),
        ("INSERT INTO docs VALUES ('', '', '', '', '')", "INSERT"),
        ("UPDATE docs SET doc = ''", "UPDATE"),
        ("DELETE FROM docs", "DELETE"),
        ("EXPORT DATABASE 'x'", "EXPORT"),
        ("IMPORT DATABASE 'x'", "PRAGMA"),
        ("EXPLAIN DROP VIEW sites", "DROP"),
        ("EXPLAIN ANALYZE INSERT INTO docs VALUES ('', '', '', '', '')", "INSERT"),
        ("/* a */ EXPLAIN -- b\n (ANALYZE, FORMAT json) DELETE FROM docs", "DELETE"),
        ("SELECT 1; SELECT 2", "SELECT and SELECT"),
        ("SELECT 1; DROP VIEW sites", "SELECT and DROP"),
        ("SELECT 1; PIVOT sites ON residue USING count(*)", "SELECT and MULTI"),
        ("EXPLAIN SELECT 1; DROP VIEW sites", "EXPLAIN and DROP"),
        ("", "no statement"),
        ("-- only a comment", "no statement"),
    ],
)
def test_all_but_one_select_is_refused(atlas: Atlas, query: str, found: str) -> None:
    with pytest.raises(QuestionError, match=f"found: +{found}"):
        atlas.sql(query)
    assert atlas.sql("SELECT count(*) AS n FROM docs").to_pylist()[0]["n"] > 50


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM read_json('/etc/passwd')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')",
        "SELECT * FROM sqlite_scan('/tmp/x.db', 't')",
        "SELECT * FROM enable_logging()",
        "SELECT getenv('HOME')",
        "SELECT * FROM outside",
    ],
)
def test_nothing_outside_the_atlas_can_be_read(atlas: Atlas, query: str, tmp_path: Path) -> None:
    outside = atlas.protein("P04637")  # a Python variable DuckDB would find, were it let
    assert outside.num_rows == 1
    with pytest.raises(QuestionError, match="cannot be answered"):
        atlas.sql(query)


def test_a_neighbour_of_the_atlas_cannot_be_read(atlas: Atlas, atlas_dir: Path) -> None:
    (atlas_dir.parent / "secret.csv").write_text("a\n1\n")
    (atlas_dir.parent / "atlas-too").mkdir(exist_ok=True)
    (atlas_dir.parent / "atlas-too" / "secret.csv").write_text("a\n1\n")
    neighbour = atlas_dir.with_name("atlas-too") / "secret.csv"  # its name begins with that of the atlas
    for path in (atlas_dir.parent / "secret.csv", atlas_dir / ".." / "secret.csv", neighbour):
        with pytest.raises(QuestionError, match="Permission Error"):
            atlas.sql(f"SELECT * FROM read_csv('{path}')")


def test_a_file_that_may_not_be_read_is_reported_to_be_none_of_the_atlas(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"the atlas and no others; .*export DIR duckdb") as caught:
        atlas.sql("SELECT * FROM read_csv('/etc/passwd')")
    assert "columns" not in str(caught.value)


@pytest.mark.parametrize("link", ["link.csv", "folder/secret.csv"])
def test_a_link_that_leads_out_of_the_atlas_is_not_followed(atlas_dir: Path, tmp_path: Path, link: str) -> None:
    copy = shutil.copytree(atlas_dir, tmp_path / "copy")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.csv").write_text("a\n1\n")
    (copy / "link.csv").symlink_to(tmp_path / "outside" / "secret.csv")
    (copy / "folder").symlink_to(tmp_path / "outside")
    with Atlas.open(copy) as opened, pytest.raises(QuestionError, match="Permission Error"):
        opened.sql(f"SELECT * FROM read_csv('{copy / link}')")


def test_the_files_of_the_atlas_can_be_read_by_path(atlas: Atlas, atlas_dir: Path) -> None:
    n_stored = sum(pq.read_metadata(path).num_rows for path in atlas_dir.glob("sites/*.parquet"))
    assert atlas.sql(f"SELECT count(*) AS n FROM '{atlas_dir}/sites/*.parquet'")["n"].to_pylist() == [n_stored]
    (manifest,) = atlas.sql(f"SELECT content FROM read_text('{atlas_dir}/manifest.json')")["content"].to_pylist()
    assert manifest == (atlas_dir / "manifest.json").read_text()


@pytest.mark.parametrize(
    "name",
    each_nth_by_default(
        ["a*b", "a?b", "a[1]b", "a[b", "[!a]", "it's", "two words", "Ärger Ω", "a{b,c}", "back\\slash", '%20"q"'], 3
    ),
)
def test_a_directory_may_have_any_name(atlas_dir: Path, tmp_path: Path, name: str) -> None:
    # Neighbours that the name, taken for a pattern, would match: they hold fewer files.
    for neighbour in ("aXb", "a1b", "b", "ab"):
        (tmp_path / neighbour / "sites").mkdir(parents=True)
        shutil.copy(atlas_dir / "sites" / "shard-00001.parquet", tmp_path / neighbour / "sites")
    with Atlas.open(atlas_dir) as plain, Atlas.open(shutil.copytree(atlas_dir, tmp_path / name)) as opened:
        for table in ("proteins", "sites", "residues"):
            query = f"SELECT * FROM {table} ORDER BY ALL"
            assert opened.sql(query).equals(plain.sql(query))


WRITING = [
    "WITH x AS (COPY sites TO '{file}') SELECT * FROM x",
    "WITH x AS MATERIALIZED (COPY (SELECT 1 AS n) TO '{file}' (FORMAT parquet, USE_TMP_FILE false)) FROM x",
    "WITH a AS (SELECT 1), x AS (COPY sites TO '{file}') SELECT * FROM a, x",
    "EXPLAIN ANALYZE COPY sites TO '{file}'",
    "EXPLAIN ANALYZE WITH x AS (COPY sites TO '{file}') SELECT * FROM x",
    "EXPLAIN (ANALYZE) COPY sites TO '{file}'",
    "WITH x AS (COPY sites TO '{file}') PIVOT x ON Count USING count(*)",
    "COPY (PIVOT sites ON residue USING count(*)) TO '{file}'",
    # What one reader takes for a comment, another may not: comments within comments.
    "/* /* */ SELECT 1 -- /* */ */ COPY sites TO '{file}'",
    "FROM query('WITH x AS (COPY sites TO ''{file}'') SELECT * FROM x')",
    "SELECT * FROM sites WHERE EXISTS (FROM query('SELECT 1'))",
    "FROM system.main.QUERY('SELECT 1')",
    "FROM \"query\"/**/('SELECT 1')",
    "PIVOT (FROM query('SELECT 1 AS a')) ON a USING count(*)",
    "DESCRIBE FROM query('SELECT 1')",
    "FROM json_execute_serialized_sql('{tree}')",
    "SELECT (SELECT count(*) FROM Json_Execute_Serialized_SQL('{tree}'))",
    "PIVOT (FROM json_execute_serialized_sql('{tree}')) ON Count USING count(*)",
]


def _tree(sql: str) -> str:
    (tree,) = duckdb.execute("SELECT json_serialize_sql($1::VARCHAR)", [sql]).fetchall()[0]
    return str(tree).replace("'", "''")


def _state(root: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*")}


@pytest.mark.parametrize("query", WRITING)
def test_what_looks_like_a_select_writes_nothing(atlas_dir: Path, tmp_path: Path, query: str) -> None:
    copy = shutil.copytree(atlas_dir, tmp_path / "copy")
    before = _state(copy)
    tree = _tree(f"WITH x AS (COPY (SELECT 1) TO '{copy}/written.csv') SELECT * FROM x")
    with Atlas.open(copy) as opened, pytest.raises(QuestionError, match=r"SELECT|cannot be answered"):
        opened.sql(query.format(file=copy / "written.csv", tree=tree))
    assert _state(copy) == before


@pytest.mark.parametrize(
    "query",
    [
        "/* /* */ EXPLAIN SELECT 1 -- /* */ */ EXPLAIN ANALYZE COPY sites TO '{file}'",
        "EXPLAIN /* /* */ SELECT 1 -- */ */ ANALYZE COPY sites TO '{file}'",
    ],
)
def test_an_explain_hidden_by_comments_runs_what_was_checked_or_nothing(
    atlas_dir: Path, tmp_path: Path, query: str
) -> None:
    copy = shutil.copytree(atlas_dir, tmp_path / "copy")
    before = _state(copy)
    with Atlas.open(copy) as opened:
        try:
            plan = str(opened.sql(query.format(file=copy / "written.csv")).to_pylist())
        except QuestionError:
            plan = ""
    assert "COPY" not in plan.upper()
    assert _state(copy) == before


@pytest.mark.parametrize("query", ["FROM json_execute_serialized_sql('{tree}')", "WITH x AS ({copy}) SELECT * FROM x"])
def test_settings_alone_would_let_it_write(tmp_path: Path, query: str) -> None:
    """Both are of the type SELECT, and a DuckDB locked as ours writes: this is why the tree is looked through."""
    writes = f"COPY (SELECT 1) TO '{tmp_path}/written.csv'"
    query = query.format(tree=_tree(f"WITH x AS ({writes}) SELECT * FROM x"), copy=writes)
    with duckdb.connect() as connection:
        for statement in lock_statements(f"{tmp_path}/", {}):
            connection.execute(statement)
        assert [statement.type.name for statement in connection.extract_statements(query)] == ["SELECT"]
        connection.execute(query).fetchall()
    assert (tmp_path / "written.csv").exists()


def test_a_select_that_changes_a_table_changes_nothing(atlas: Atlas) -> None:
    for change in ("DELETE FROM docs RETURNING *", "UPDATE docs SET doc = '' RETURNING *"):
        with pytest.raises(QuestionError, match="inside a SELECT"):
            atlas.sql(f"WITH x AS ({change}) SELECT * FROM x")
    assert atlas.sql("SELECT count(*) AS n FROM docs WHERE doc <> ''")["n"].to_pylist()[0] > 50


def test_parameters_are_bound_and_never_pasted(atlas: Atlas) -> None:
    hostile = "P04637' OR '1'='1"
    assert atlas.sql("SELECT * FROM sites WHERE accession = ?", [hostile]).num_rows == 0
    assert atlas.sql("SELECT * FROM sites WHERE accession = $id", {"id": "P04637"}).num_rows == 3
    with pytest.raises(QuestionError, match="Values were not provided"):
        atlas.sql("SELECT * FROM sites WHERE accession = ?")


@pytest.mark.parametrize(
    "query",
    [
        "DESCRIBE sites",
        "DESCRIBE SELECT 1",
        "SUMMARIZE sites",
        "SHOW TABLES",
        "FROM docs",
        "TABLE docs",
        "VALUES (1)",
        "SELECT 1;",
        "-- a comment\nSELECT 1 -- and another",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
        "SELECT 1 UNION ALL SELECT 2",
        "SELECT 'COPY sites TO x' AS copy, 'query(1)' AS query",
        "EXPLAIN SELECT count(*) FROM sites",
        "EXPLAIN ANALYZE SELECT count(*) FROM sites",
        "EXPLAIN (FORMAT json) SELECT 1",
        "EXPLAIN PIVOT sites ON residue USING count(*)",
        "UNPIVOT (SELECT accession, received, share FROM sites) ON received, share",
        "PIVOT sites ON residue IN ('K', 'W') USING count(*) GROUP BY layer",
    ],
)
def test_what_counts_as_a_select_is_answered(atlas: Atlas, query: str) -> None:
    assert atlas.sql(query).num_rows > 0


@pytest.mark.parametrize(
    "query",
    [
        "PIVOT sites ON residue USING count(*) GROUP BY layer ORDER BY layer",
        "SELECT * FROM (PIVOT sites ON residue USING count(*) GROUP BY layer) ORDER BY layer",
        "WITH p AS (PIVOT sites ON residue USING count(*) GROUP BY layer) FROM p ORDER BY layer",
    ],
)
def test_pivot_finds_its_columns_in_the_data(atlas: Atlas, query: str) -> None:
    expected: dict[int, dict[str, int]] = {}
    for site in atlas.sql("SELECT layer, residue FROM sites").to_pylist():
        counts = expected.setdefault(site["layer"], {})
        counts[site["residue"]] = counts.get(site["residue"], 0) + 1
    rows = atlas.sql(query).to_pylist()
    counts_by_layer = {row.pop("layer"): {residue: n for residue, n in row.items() if n} for row in rows}
    assert counts_by_layer == expected
    assert atlas.sql(query).num_rows == len(expected)  # nothing of the first is left behind


def test_a_pivot_that_names_a_writing_word_says_what_to_do(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"the word copy\n.*IN \(values\)"):
        atlas.sql("PIVOT (SELECT 'copy' AS a, residue FROM sites) ON residue USING count(*)")
    rows = atlas.sql("PIVOT (SELECT 'copy' AS a, residue FROM sites) ON residue IN ('W') USING count(*)")
    assert rows["a"].to_pylist() == ["copy"]


def test_a_stream_comes_in_batches(atlas: Atlas) -> None:
    batches = list(atlas.stream("SELECT a.range AS i FROM range(100_000) AS a"))
    assert len(batches) > 3
    assert sum(batch.num_rows for batch in batches) == 100_000


def test_many_comments_before_a_pivot_cost_no_time(atlas: Atlas) -> None:
    started = time.monotonic()
    assert atlas.sql("/* a */\n" * 2_000 + "PIVOT docs ON table_name USING count(*)", timeout_s=20).num_rows > 0
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_duckdb('/tmp/x.db')",
        "SELECT * FROM read_csv('/dev/stdin')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM read_text('file:///etc/passwd')",
        "SELECT * FROM read_text('file://localhost/etc/passwd')",
        "SELECT * FROM pandas_scan(1)",
        "SELECT * FROM arrow_scan(1, 1, 1)",
        "SELECT * FROM arrow_scan(1::POINTER, 1::POINTER, 1::POINTER)",
        "FROM enable_logging(storage = 'file', storage_path = '/tmp/x')",
        "FROM disable_logging()",
        "FROM enable_profiling()",
        "FROM create_external_resource('x', 'y')",
        "DESCRIBE '/etc/passwd.csv'",
        "SUMMARIZE '/etc/passwd.csv'",
        "SELECT list_transform([1], lambda x: (SELECT count(*) FROM read_text('/etc/passwd')))",
        "WITH x AS (ATTACH 'x.db') FROM x",
        "WITH x AS (SET VARIABLE a = 1) FROM x",
        "WITH x AS (CALL enable_logging()) FROM x",
        "WITH x AS (TRUNCATE docs) FROM x",
    ],
)
def test_no_function_of_duckdb_is_a_way_out(atlas: Atlas, query: str) -> None:
    with pytest.raises(QuestionError, match=r"SELECT|cannot be answered"):
        atlas.sql(query)


@pytest.mark.parametrize(
    "query",
    [
        "FROM duckdb_secrets()",
        "FROM system.main.DUCKDB_SECRETS()",
        "FROM duckdb_extensions()",
        "FROM duckdb_extension_repositories()",
        "FROM which_secret('s3://x', 's3')",
        "FROM duckdb_settings()",
        "SUMMARIZE FROM duckdb_settings()",
        "PIVOT duckdb_settings() ON name USING first(value)",
        "EXPLAIN ANALYZE FROM duckdb_settings()",
        "SELECT (SELECT max(setting) FROM pg_catalog.pg_settings)",
        "SUMMARIZE pg_settings",
        "FROM query_table('pg_settings')",
        "FROM query_table('\"pg_settings\"')",
        "FROM query_table(['sites', 'pg_settings'])",
        "FROM duckdb_temporary_files()",
        "SELECT current_setting('temp_directory')",
        "SELECT 'Allowed_Directories'.current_setting()",
        "SELECT current_setting('temp_' || 'directory')",
        "SELECT current_setting($name)",
    ],
)
def test_no_path_of_the_machine_is_read_out_of_duckdb(atlas: Atlas, query: str) -> None:
    with pytest.raises(QuestionError, match="may show paths of this machine") as caught:
        atlas.sql(query)
    assert str(Path.home() / ".duckdb") not in str(caught.value)


def test_settings_without_paths_and_lists_of_the_atlas_stay_readable(atlas: Atlas) -> None:
    assert atlas.sql("SELECT current_setting('memory_limit') AS m").num_rows == 1
    assert atlas.sql("FROM query_table('sites')").num_rows > 0
    assert atlas.sql("SELECT count(*) FROM duckdb_columns() WHERE table_name = 'sites'").num_rows == 1


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT {'(' * 20_000}1{')' * 20_000}",
        f"SELECT {'1+' * 20_000}1",
        f"SELECT {'NOT ' * 20_000}true",
        f"SELECT {'[' * 20_000}1{']' * 20_000}",
        "EXPLAIN " * 20_000 + "SELECT 1",
        f"PIVOT docs ON {'(' * 3_000}doc{')' * 3_000} USING count(*)",
    ],
    ids=["brackets", "sums", "nots", "lists", "explains", "pivots"],
)
def test_a_query_nested_without_end_is_an_error_and_no_crash(atlas: Atlas, query: str) -> None:
    with pytest.raises(QuestionError, match=r"SELECT|cannot be answered"):
        atlas.sql(query)
