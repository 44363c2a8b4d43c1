"""An error in SQL shows the query, the place, the reason and the columns there are."""

import shutil
from pathlib import Path

import pytest

from attlas.queries import Atlas
from attlas.schema import BrokenAtlasError, QuestionError


def test_an_error_shows_the_query_the_message_and_the_columns(atlas: Atlas) -> None:
    with pytest.raises(
        QuestionError, match=r"SELECT scores FROM sites\n +\^+\n(.*\n)*.*sites: accession, .*share"
    ) as caught:
        atlas.sql("SELECT scores FROM sites")
    assert 'Referenced column "scores" not found' in str(caught.value)
    assert "heads:" not in str(caught.value)
    with pytest.raises(QuestionError, match=r"heads: accession"):
        atlas.sql("SELEC 1")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELECT scores FROM sites", "    SELECT scores FROM sites\n           ^^^^^^"),
        ("SELECT a.scores FROM sites AS a", "    SELECT a.scores FROM sites AS a\n           ^^^^^^^^"),
        ("SELECT layer,\n       scores\nFROM sites", "\n           scores\n           ^^^^^^\n    FROM sites"),
        ("SELECT layer,\n\tscores\nFROM sites", "    SELECT layer,\n     scores\n     ^^^^^^\n    FROM sites"),
        (
            "\n\nSELECT 'Ω' AS x, scores FROM sites",
            "    SELECT 'Ω' AS x, scores FROM sites\n                     ^^^^^^",
        ),
        ("SELECT\tlayer,\t\tscores FROM sites", "    SELECT layer,  scores FROM sites\n                   ^^^^^^"),
        ("SELECT 1 +\nFROM", "    SELECT 1 +\n    FROM\n    ^^^^"),
        ("SELEC 1", "    SELEC 1\n    ^^^^^"),
        ("SELECT * FROM site", "    SELECT * FROM site\n                  ^^^^"),
        ("EXPLAIN SELECT 1,\n scores FROM sites", "    EXPLAIN SELECT 1,\n     scores FROM sites\n     ^^^^^^"),
        ("SELECT layer FROM sites WHERE share > ? AND no", "WHERE share > ? AND no\n" + " " * 48 + "^^"),
    ],
)
def test_an_error_points_at_the_place(atlas: Atlas, query: str, shown: str) -> None:
    with pytest.raises(QuestionError, match="cannot be answered") as caught:
        atlas.sql(query, [0.5] if "?" in query else None)
    assert caught.value.what.endswith(shown)
    assert "LINE" not in str(caught.value)


def test_an_error_in_a_long_query_shows_what_lies_around_it(atlas: Atlas) -> None:
    lines = [f"  {i} AS n{i}," for i in range(100)]
    with pytest.raises(QuestionError, match=r"      scores\n      \^{6}\n    FROM sites") as caught:
        atlas.sql("\n".join(["SELECT", *lines, "  scores", "FROM sites", *["-- more"] * 30]))
    assert len(caught.value.what.splitlines()) < 25
    with pytest.raises(QuestionError, match=r"\.\.\..*c99, scores FROM sites\n +\^{6}\n"):
        atlas.sql(f"SELECT {', '.join(f'{i} AS c{i}' for i in range(100))}, scores FROM sites")


def test_an_error_cannot_steer_the_terminal(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"Could not convert string 'a\\x1b\[31mb'") as caught:
        atlas.sql("SELECT CAST('a' || chr(27) || '[31mb' AS INT)")
    assert "\x1b" not in str(caught.value)
    with pytest.raises(QuestionError, match=r"'x\\x1b\[31m', scores") as caught:
        atlas.sql("SELECT 'x\x1b[31m', scores FROM sites")
    assert "\x1b" not in str(caught.value)


@pytest.mark.thorough
def test_an_error_that_shows_only_while_reading_is_a_question_error_too(atlas: Atlas) -> None:
    query = "SELECT CASE WHEN i = 19_900_000 THEN CAST('x' || i AS INT) ELSE 1 END FROM range(20_000_000) AS r(i)"
    rows = atlas.stream(query)
    assert rows.read_next_batch().num_rows > 0
    with pytest.raises(QuestionError, match="Could not convert string"):
        rows.read_all()


@pytest.mark.parametrize("path", ["{dir}/none.parquet", "{dir}/sites/none-*.parquet", "none.parquet"])
def test_a_path_of_the_query_that_is_not_there_is_no_broken_atlas(atlas: Atlas, atlas_dir: Path, path: str) -> None:
    with pytest.raises(QuestionError, match=r"No files found|Permission Error"):
        atlas.sql(f"SELECT * FROM read_parquet('{path.format(dir=atlas_dir)}')")


def test_a_word_of_the_query_does_not_make_the_atlas_broken(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match="cannot be answered"):
        atlas.sql("SELECT Parquet FROM sites")


def test_a_file_that_goes_away_is_a_broken_atlas(atlas_dir: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(atlas_dir, tmp_path / "copy")
    with Atlas.open(copy) as opened:
        assert opened.sql("SELECT * FROM heads").num_rows > 0
        (copy / "heads" / "shard-00002.parquet").unlink()
        with pytest.raises((BrokenAtlasError, QuestionError), match=r"shard-00002"):
            opened.sql("SELECT * FROM heads")


def test_a_query_that_is_no_text_is_refused(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match="no UTF-8 text"):
        atlas.sql("SELECT '\udcff'")


def test_an_error_in_a_line_of_megabytes_shows_its_beginning(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"xxx\.\.\.") as caught:
        atlas.sql("x" * 1_000_000)
    assert len(str(caught.value)) < 10_000


def test_a_place_that_is_none_of_the_query_is_not_shown(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match="does not exist") as caught:
        atlas.sql("FROM query_table('nowhere')")
    assert caught.value.what.endswith("\n    FROM query_table('nowhere')")
