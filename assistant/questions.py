"""Tools that ask: questions that have a name, SQL, and the columns that SQL may name."""

import json
from collections.abc import Mapping
from shlex import quote
from typing import Any

from attlas.assistant.answers import Reply, page_of_list, page_of_reader
from attlas.queries import Atlas
from attlas.queries.asking.answering import ask
from attlas.queries.asking.never_matching import never_matching_notes
from attlas.queries.asking.parameters import EVERY, LIST_TYPES, make_singular
from attlas.queries.asking.question import Question
from attlas.queries.asking.questions import describe_lines, question_named
from attlas.queries.description import columns_to_json, table_sizes
from attlas.schema import QuestionError

MOST_SQL = 4_000
"""Most characters of the SQL of a question that an answer repeats; `attlas ask DIR QUESTION --sql` prints it, too."""


def ask_by_name(
    atlas: Atlas,
    *,
    question: str | None,
    parameters: dict[str, Any] | None,
    describe: bool,
    offset: int,
    limit: int,
    timeout_s: float | None,
) -> Reply:
    """Answer a question, describe it, or list the questions where none is named."""
    if question is None:
        table = atlas.questions()
        rows = [list(row.values()) for row in table.to_pylist()]
        page = page_of_list(table.column_names, rows, offset=offset, limit=limit)
        return Reply(page, command="attlas ask DIR")

    if describe:
        description = describe_lines(question_named(question))
        page = page_of_list(["line"], [[line] for line in description], offset=offset, limit=limit)
        return Reply(page, command=f"attlas ask DIR {quote(question)} --describe")

    return ask_question(atlas, question, parameters or {}, offset=offset, limit=limit, timeout_s=timeout_s)


def ask_question(
    atlas: Atlas, name: str, values: Mapping[str, Any], *, offset: int, limit: int, timeout_s: float | None
) -> Reply:
    """Answer a question that has a name.

    Raises:
        QuestionError: there is no such question, a parameter cannot be used or would read a file, or the atlas lacks
            what the question needs.
    """
    question = question_named(name)
    bound_question = ask(atlas, question.name, _refuse_files(question, values))
    notes = list(bound_question.bound.notes)
    rows = bound_question.answer(atlas, timeout_s=timeout_s, note=notes.append)
    page = page_of_reader(rows, offset=offset, limit=limit)
    sql = bound_question.sql if len(bound_question.sql) <= MOST_SQL else None
    return Reply(page, sql, _command(question.name, values), tuple(notes))


def answer_sql(atlas: Atlas, *, query: str, offset: int, limit: int, timeout_s: float | None) -> Reply:
    """Answer one SELECT over the tables of the atlas."""
    page = page_of_reader(atlas.stream(query, timeout_s=timeout_s), offset=offset, limit=limit)
    return Reply(page, sql=query, notes=tuple(never_matching_notes(atlas, query)))


def list_columns(atlas: Atlas, *, table: str | None, offset: int, limit: int, timeout_s: float | None) -> Reply:
    """Answer with the columns of a table, or with the tables where none is named.

    Raises:
        QuestionError: there is no such table.
    """
    tables = table_sizes(atlas.manifest)
    if table is None:
        rows = [[size["name"], size["n_rows"], size["doc"]] for size in tables]
        page = page_of_list(["table", "n_rows", "doc"], rows, offset=offset, limit=limit)
        return Reply(page, command="attlas info DIR --json")

    names = [size["name"] for size in tables]
    if table not in names:
        raise QuestionError(f"There is no table {table!r}.", expected=", ".join(names))
    columns = [column for column in columns_to_json(atlas.manifest) if column["table"] == table]
    page = page_of_list(list(columns[0]), [list(column.values()) for column in columns], offset=offset, limit=limit)
    return Reply(page, command="attlas info DIR --columns --json")


def _refuse_files(question: Question, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of parameters such that none of them names a file: a text of a list becomes its items.

    Raises:
        QuestionError: an alignment is given by the name of its file, or a value is nested.
    """
    types = {make_singular(parameter.name): parameter.type for parameter in question.parameters}
    safe_values = {}
    for name, value in values.items():
        kind = types.get(make_singular(name))
        if kind == "alignment" and not _is_alignment(value):
            message = f"Tools read no files, and {name} names one."
            raise QuestionError(message, expected="an object: id to aligned letters, such as {'P07550': 'MG-Q'}")
        if kind != "alignment" and not _is_flat(value):
            json_text = json.dumps(value)[:80]
            raise QuestionError(f"The value of {name} cannot be used.", expected="a value, or a list", found=json_text)
        if kind in LIST_TYPES and isinstance(value, str) and value != EVERY:
            value = [item.strip() for item in value.split(",") if item.strip()]
        safe_values[name] = value
    return safe_values


def _command(question: str, values: Mapping[str, Any]) -> str:
    """Return the command line that asks a question; FILE stands for an alignment, which is a file there."""
    words = [f"attlas ask DIR {question}"]
    for name, value in values.items():
        items = value if isinstance(value, list) else [value]
        text = "FILE" if isinstance(value, dict) else ",".join(map(str, items))
        words.append(quote(f"{name}={text}"))
    return " ".join([*words, "--format json"])


def _is_alignment(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(letters, str) for letters in value.values())


def _is_flat(value: object) -> bool:
    items = value if isinstance(value, list) else [value]
    return not any(isinstance(item, (list, dict)) for item in items)
