"""The files of SQL functions: their shape and style, what calls them, and what they call."""

import re
from pathlib import Path

import duckdb
import pytest

from attlas.queries.asking.questions import FOLDER as QUESTIONS
from attlas.queries.asking.questions import questions
from attlas.queries.engine.functions import FOLDER, Function, find_calls, functions, reached_from, read_function
from attlas.schema import TABLES

pytestmark = pytest.mark.slow


def test_tables_in_functions_are_named_whole() -> None:
    tables = "|".join(table.name for table in TABLES)
    assert [f.name for f in functions() if re.search(rf"\b(?:FROM|JOIN) (?:{tables})\b", f.body)] == []


def test_every_function_is_called_by_a_question_or_another_and_known_by_its_comment(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    calls = "\n".join([*(q.sql for q in questions()), *(f.body for f in functions())])
    assert find_calls(calls) == functions()
    query = "SELECT function_name, comment FROM duckdb_functions() WHERE NOT internal ORDER BY 1"
    assert connection.execute(query).fetchall() == [(f.name, f.returns) for f in functions()]


def test_what_functions_call_is_found_as_well() -> None:
    reached = reached_from("SELECT wilson_low(k, n, 2) FROM label_heads(NULL, NULL, 'count')")
    names = [function.name for function in reached]
    expected = ["attention_draws", "chance_variance", "change_without", "clamped", "effective_df"]
    expected += ["error_over_proteins", "fewest_proteins", "in_form", "label_edges", "label_heads", "wilson_low"]
    assert sorted(names) == expected
    assert names.index("in_form") < names.index("label_edges") < names.index("label_heads")
    assert [function.name for function in reached_from("SELECT Wilson_LOW (k, n, 2)")] == ["clamped", "wilson_low"]
    assert reached_from("SELECT 1 FROM label_heads") == ()


def test_formulas_stand_in_functions_only() -> None:
    formula = re.compile(
        r"lgamma|0\.17087277|sqrt\(-2 \* ln|\bz \^ 2|'Disulfide bond'|WHEN 'count' THEN \w*\.?n_edges|THEN ca_x"
    )
    assert [path.stem for path in sorted(QUESTIONS.glob("*/*.sql")) if formula.search(path.read_text())] == []


def test_a_question_lies_in_the_folder_of_its_topic() -> None:
    folders = {q.name: q.topic.removeprefix("The ").lower() for q in questions()}
    assert {path.stem: path.parent.name for path in QUESTIONS.glob("*/*.sql")} == folders


@pytest.mark.parametrize("function", functions(), ids=lambda function: function.name)
def test_a_file_keeps_the_style_of_the_house(function: Function) -> None:
    text = (FOLDER / f"{function.name}.sql").read_text()
    assert [line for line in text.splitlines() if len(line) > 120 or line != line.rstrip() or "\t" in line] == []
    assert [text for text in (function.returns, function.source) if text and not text.endswith(".")] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "CREATE MACRO odd(x) AS x\n",
            r"Line 1 of .*odd\.sql cannot be read: expected -- returns: TEXT; found 'CREATE",
        ),
        (
            "-- returns: x.\nCREATE MACRO other(x) AS x\n",
            r"Line 2 of .*: expected .* CREATE MACRO odd\(PARAMETERS\) AS;",
        ),
        (
            "-- returns: x.\nCREATE MACRO odd(x) AS x\n; DROP TABLE y\n",
            r"Line 3 of .*: expected SQL without a semicolon",
        ),
        ("-- returns: x.\n-- source: y.\nSELECT 1\n", r"Line 3 of .*: expected .*; found 'SELECT 1'"),
    ],
)
def test_a_file_of_another_shape_is_refused_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "odd.sql"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_function(path)


def test_a_semicolon_in_a_comment_is_text(tmp_path: Path) -> None:
    path = tmp_path / "twice.sql"
    path.write_text(
        "-- returns: x twice; no more.\nCREATE MACRO twice(x) AS\n    -- Added; not multiplied.\n    x + x\n"
    )
    function = read_function(path)
    assert (function.returns, function.call) == ("x twice; no more.", "twice(x)")
    assert duckdb.connect().execute(f"{function.sql}; SELECT twice(21)").fetchone() == (42,)
