"""SQL: one SELECT, nothing else, no other file; errors that say what to do."""

from pathlib import Path

import pytest

from attlas.queries import Atlas
from attlas.schema import QuestionError


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("COPY sites TO 'out.csv'", "COPY"),
        ("COPY (SELECT 1) TO 'out.parquet'", "COPY"),
        ("ATTACH 'x.db'", "ATTACH"),
        ("SET threads = 1", "SET"),
        ("RESET lock_configuration", "SET"),
        ("PRAGMA version", "PRAGMA"),
        ("INSTALL httpfs", "LOAD"),
        ("CREATE TABLE t AS SELECT 1", "CREATE"),
        ("DROP VIEW sites", "DROP"),
        ("INSERT INTO docs VALUES ('', '', '', '', '')", "INSERT"),
        ("DELETE FROM docs", "DELETE"),
        ("EXPORT DATABASE 'x'", "EXPORT"),
        ("SELECT 1; SELECT 2", "SELECT and SELECT"),
        ("SELECT 1; DROP VIEW sites", "SELECT and DROP"),
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
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')",
        "SELECT * FROM sqlite_scan('/tmp/x.db', 't')",
        "SELECT * FROM query('COPY sites TO ''out.csv''')",
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
    for path in (atlas_dir.parent / "secret.csv", atlas_dir / ".." / "secret.csv"):
        with pytest.raises(QuestionError, match="Permission Error"):
            atlas.sql(f"SELECT * FROM read_csv('{path}')")


def test_parameters_are_bound_and_never_pasted(atlas: Atlas) -> None:
    hostile = "P04637' OR '1'='1"
    assert atlas.sql("SELECT * FROM sites WHERE accession = ?", [hostile]).num_rows == 0
    assert atlas.sql("SELECT * FROM sites WHERE accession = $id", {"id": "P04637"}).num_rows == 3
    with pytest.raises(QuestionError, match="Values were not provided"):
        atlas.sql("SELECT * FROM sites WHERE accession = ?")


def test_an_error_shows_the_query_the_message_and_the_columns(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"SELECT scores FROM sites\n(.*\n)*.*sites: accession, .*share") as caught:
        atlas.sql("SELECT scores FROM sites")
    assert "heads:" not in str(caught.value)
    with pytest.raises(QuestionError, match=r"heads: accession"):
        atlas.sql("SELEC 1")


def test_an_error_that_shows_only_while_reading_is_a_question_error_too(atlas: Atlas) -> None:
    query = "SELECT CASE WHEN i = 19_900_000 THEN CAST('x' || i AS INT) ELSE 1 END FROM range(20_000_000) AS r(i)"
    rows = atlas.stream(query)
    assert rows.read_next_batch().num_rows > 0
    with pytest.raises(QuestionError, match="Could not convert string"):
        rows.read_all()


@pytest.mark.parametrize(
    "query", ["DESCRIBE sites", "SUMMARIZE sites", "SHOW TABLES", "FROM docs", "VALUES (1)", "SELECT 1;"]
)
def test_what_counts_as_a_select_is_answered(atlas: Atlas, query: str) -> None:
    assert atlas.sql(query).num_rows > 0


def test_a_stream_comes_in_batches(atlas: Atlas) -> None:
    batches = list(atlas.stream("SELECT a.range AS i FROM range(100_000) AS a"))
    assert len(batches) > 3
    assert sum(batch.num_rows for batch in batches) == 100_000
