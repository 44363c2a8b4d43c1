"""The files of questions: headers against DuckDB's own parse, sentences, and the style of the SQL."""

import re

import duckdb
import pytest

from attlas.queries.asking.question import TOPICS, Question
from attlas.queries.asking.questions import FOLDER, questions
from attlas.queries.engine.functions import strip_comments

every_question = pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)


@every_question
def test_the_header_is_what_duckdb_reads(question: Question) -> None:
    statements = duckdb.extract_statements(question.sql)
    assert [statement.type for statement in statements] == [duckdb.StatementType.SELECT]
    assert statements[0].named_parameters == {parameter.name for parameter in question.parameters}


def test_there_are_questions_of_every_topic() -> None:
    assert len(questions()) >= 20
    assert {question.topic for question in questions()} == set(TOPICS)


@every_question
def test_what_a_header_says_is_in_sentences(question: Question) -> None:
    assert not question.title.endswith(".")
    texts = [
        question.answers,
        question.source,
        *(p.doc for p in question.parameters),
        *(d for _, d in question.columns),
    ]
    assert [text for text in texts if not re.search(r"[.?]$", text) or text[0].isspace()] == []
    assert len(question.title) <= 70


@every_question
def test_the_order_of_the_rows_is_total(question: Question) -> None:
    order = question.sql.rsplit("ORDER BY", 1)[1]
    assert [name for name in question.grain if not re.search(rf"\b{name}\b", order)] == []


@every_question
def test_the_sql_keeps_the_style_of_the_house(question: Question) -> None:
    (path,) = FOLDER.glob(f"*/{question.name}.sql")
    text = path.read_text()
    assert text.endswith("\n")
    assert [line for line in text.splitlines() if len(line) > 120 or line != line.rstrip() or "\t" in line] == []
    keywords = (
        "select from where group order by join on with as and or not over having union case when then else end in"
    )
    code = strip_comments(question.sql)
    code = re.sub(r"\bf\.end\b", "last", re.sub(r"'[^']*'", "''", code))  # `end` is a column of `features`
    assert set(re.findall(r"\w+", code)) & set(keywords.split()) == set()
    assert [name for name in re.findall(r"\b(\w+) AS \(", code) if name != name.lower()] == []


@every_question
def test_paragraphs_of_the_sql_are_told_apart(question: Question) -> None:
    lines = question.sql.splitlines()
    # A blank line before each CTE (or its comment) and before the last SELECT; a comment is a line of its own.
    begins = [i for i, line in enumerate(lines) if re.match(r"\w+ AS (NOT )?(MATERIALIZED )?\(", line)]
    for i in begins:
        while lines[i - 1].startswith("--"):
            i -= 1
        assert lines[i - 1] == "", lines[i]
    if lines[0].startswith("WITH"):
        last = next(i for i, line in enumerate(lines) if line.startswith("SELECT"))
        assert lines[last - 1] == ""
    trailing = [line for line in lines if "--" in re.sub(r"'[^']*'", "''", line) and not re.match(r"\s*-- ", line)]
    assert trailing == []


@every_question
def test_a_dollar_is_a_parameter_and_nothing_else(question: Question) -> None:
    # `--sql` puts literals where `$name` stands.
    names = {parameter.name for parameter in question.parameters}
    assert set(re.findall(r"\$(\w*)", question.sql)) == names


@every_question
def test_a_layer_of_a_list_is_chosen_by_the_function(question: Question) -> None:
    # Of `received[layer + 1]` a layer that the model lacks is NULL; of `at_layer` it is an error.
    assert re.findall(r"\w+\[[\w.$]*layer \+ 1\]", question.sql) == []


def test_a_question_that_needs_parameters_has_an_example() -> None:
    needy = {question.name for question in questions() if any(p.is_required for p in question.parameters)}
    assert needy <= {question.name for question in questions() if question.example}
