"""Parameters of questions: one name for one meaning, singular and plural, and literals in the place of values."""

import duckdb
import pytest

from attlas.queries.asking.parameters import Parameter, _by_real_name, make_singular, with_literals, write_literal
from attlas.queries.asking.question import Question
from attlas.queries.asking.questions import questions

TYPES_OF_ITEMS = {"ints": "int", "texts": "text", "proteins": "protein"}
"""Types of lists, and those of their items."""


def test_a_parameter_has_one_name_and_a_name_one_meaning_in_all_questions() -> None:
    parameters = [parameter for question in questions() for parameter in question.parameters]
    kinds = {
        (make_singular(parameter.name), TYPES_OF_ITEMS.get(parameter.type, parameter.type)) for parameter in parameters
    }
    names = [name for name, _ in kinds]
    assert len(set(names)) == len(names)
    # A list is named in the plural, one value of the same in the singular.
    lists = {p.name for p in parameters if p.type in TYPES_OF_ITEMS and p.name != "within"}
    assert [name for name in lists if not name.endswith("s")] == []
    assert lists & {p.name for p in parameters if p.type in TYPES_OF_ITEMS.values()} == set()


def test_values_of_one_kind_have_one_name_in_all_questions() -> None:
    """Values of a column are asked for by its name, and what is said in the same words has the same name."""
    parameters = [parameter for question in questions() for parameter in question.parameters]
    names_by_column: dict[str, set[str]] = {}
    names_by_doc: dict[str, set[str]] = {}
    for parameter in parameters:
        name = make_singular(parameter.name).removeprefix("other_")
        names_by_doc.setdefault(f"{name != make_singular(parameter.name)} {parameter.doc}", set()).add(name)
        if parameter.column:
            names_by_column.setdefault(parameter.column, set()).add(name)

    assert {doc: names for doc, names in names_by_doc.items() if len(names) > 1} == {}
    own_names = {"tracks.name": {"track"}, "variants.name": {"variant"}, "pairs.label": {"binder"}}
    assert names_by_column == {column: {column.partition(".")[2]} for column in names_by_column} | own_names


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_every_question_takes_each_parameter_in_the_singular_and_the_plural(question: Question) -> None:
    for parameter in question.parameters:
        singular = make_singular(parameter.name)
        plural = f"{singular.removesuffix('y')}ies" if singular.endswith("y") else f"{singular}s"
        for name in (singular, plural):
            assert _by_real_name(question.name, question.parameters, {name: 1}) == {parameter.name: 1}


@pytest.mark.parametrize(
    "value", [5, -5, 0.1, -1e-9, "it's", "$x -- ;", None, [], ["a", "b'"], [1, -2], [{"accession": "P1", "first": -1}]]
)
def test_a_literal_means_the_value(value: object) -> None:
    (row,) = duckdb.sql(f"SELECT {write_literal(value)}").fetchall()
    assert row[0] == value
    assert type(row[0]) is type(value)
    (row,) = duckdb.sql(with_literals("SELECT 1 -$x_1", {"x_1": 7}) + " AS n").fetchall()
    assert row[0] == -6


def test_a_parameter_says_what_it_takes() -> None:
    assert Parameter("n", "int", "How many.", "3", 1).line == "n = 3 (int, 1 or more): How many."
    assert Parameter("z", "float", "How far.", None, 0, 10).line == "z (float, 0 to 10): How far."
