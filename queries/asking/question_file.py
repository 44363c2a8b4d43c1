"""The file of a question, read: the fields of its header, its parameters and columns, and the SELECT.

A header is SQL comments before the SELECT, one field after the other: `-- title: ...`, then topic, needs, answers,
parameters, columns, example, grain, decomposes, source. Text goes on in the next line, indented. A parameter is an
indented line `name type [LEAST..[MOST]] [= default]: what it says`, or `name text ONE|OTHER [= default]: what it says`
for a choice, or `name text of TABLE.COLUMN [= default]: what it says` for a value of a column.
A column is `name: what it says`; one without a line is one of the atlas's own, documented in `schema/TABLES.md`.
`needs` names tables that are added to a sealed atlas. `empty` says why an answer may have no rows, and is noted where
one has none. `decomposes: sum` says that the question can be asked of parts of an atlas at once (`decomposing.py`).
"""

import re
from pathlib import Path

from attlas.intake.files import read_file
from attlas.intake.text import numbered_lines
from attlas.queries.asking.parameters import TYPES, Parameter
from attlas.queries.asking.question import Question
from attlas.schema import ADDED_TABLES, InputError, QuestionError

FIELDS = (
    "title",
    "topic",
    "needs",
    "answers",
    "empty",
    "parameters",
    "columns",
    "example",
    "grain",
    "decomposes",
    "source",
)
LISTS = ("parameters", "columns")
"""Fields of a header that hold entries, one to a line."""
OPTIONAL = ("needs", "empty", "parameters", "columns", "example", "decomposes")
"""Fields that a header may do without."""

_FIELD = re.compile(r"--\s(\w+):\s*(.*)")
_ENTRY = re.compile(r"--\s{3}(?=\S)(.*)")
_CONTINUATION = re.compile(r"--\s{3,}(\S.*)")
_PARAMETER = re.compile(
    r"(\w+) (\w+)(?: (-?[\d.]+?)\.\.(-?[\d.]+)?| (\w+(?:\|\w+)+)| of (\w+\.\w+))?(?: = (.*?))?: (.+)"
)
_COLUMN = re.compile(r"(\w+): (.+)")


def read_question(path: Path) -> Question:
    """Return the question of a file.

    Raises:
        QuestionError: the file cannot be read, or its header is not as the docstring of this module says.
    """
    try:
        file = read_file(path, expected="a question: a file of SQL with a header")
        lines = [line for _, line in numbered_lines(file.text)]
    except InputError as error:
        raise QuestionError(error.what, expected=error.expected, found=error.found, hint=error.hint) from error

    n_header = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    texts, entries = _read_header(path, lines[:n_header])
    missing = [field for field in FIELDS if field not in OPTIONAL and not texts.get(field)]
    if missing:
        raise QuestionError(f"The header of {path} lacks fields.", expected=", ".join(FIELDS), offenders=missing)

    return Question(
        name=Path(file.plain_name).stem,
        title=texts["title"],
        topic=texts["topic"],
        answers=texts["answers"],
        parameters=tuple(_read_parameter(path, entry) for entry in entries["parameters"]),
        columns=tuple(_read_column(path, entry) for entry in entries["columns"]),
        example=texts.get("example", ""),
        grain=tuple(word.strip() for word in texts["grain"].split(",")),
        source=texts["source"],
        needs=_read_needs(path, texts.get("needs", "")),
        empty=texts.get("empty", ""),
        decomposes=texts.get("decomposes", ""),
        sql="\n".join(lines[n_header:]).strip(),
    )


def _read_header(path: Path, lines: list[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the text of each field by its name, and the entries of each list.

    Raises:
        QuestionError: a line is none of those that the docstring of this module describes.
    """
    texts: dict[str, str] = {}
    entries: dict[str, list[str]] = {name: [] for name in LISTS}

    field = ""
    for number, line in enumerate(lines, start=1):
        if (match := _FIELD.fullmatch(line)) and match[1] in FIELDS:
            field = match[1]
            texts[field] = match[2]
        elif field in LISTS and (match := _ENTRY.fullmatch(line)):
            entries[field].append(match[1])
        elif field in LISTS and entries[field] and (match := _CONTINUATION.fullmatch(line)):
            entries[field][-1] += f" {match[1]}"
        elif field and field not in LISTS and (match := _CONTINUATION.fullmatch(line)):
            texts[field] += f" {match[1]}"
        else:
            expected = f"-- FIELD: TEXT, with a field of {', '.join(FIELDS)}; or an indented line that goes on with one"
            raise QuestionError(f"Line {number} of {path} is no line of a header.", found=line, expected=expected)

    return texts, entries


def _read_parameter(path: Path, entry: str) -> Parameter:
    match = _PARAMETER.fullmatch(entry)
    if not match or match[2] not in TYPES:
        form = "name type [LEAST..[MOST]|ONE|OTHER|of TABLE.COLUMN] [= default]: what it says"
        expected = f"{form}; types are {', '.join(TYPES)}"
        raise QuestionError(f"A parameter of {path} cannot be read.", expected=expected, found=entry)

    name, kind, minimum, maximum, choices, column, default, doc = match.groups()
    minimum, maximum = (None if bound is None else float(bound) for bound in (minimum, maximum))
    return Parameter(name, kind, doc, default, minimum, maximum, tuple(choices.split("|")) if choices else (), column)


def _read_column(path: Path, entry: str) -> tuple[str, str]:
    match = _COLUMN.fullmatch(entry)
    if not match:
        raise QuestionError(f"A column of {path} cannot be read.", expected="name: what it says", found=entry)
    return match[1], match[2]


def _read_needs(path: Path, text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    added_names = [table.name for table in ADDED_TABLES]
    if unknown := [name for name in names if name not in added_names]:
        raise QuestionError(
            f"{path} needs tables that no command adds.", expected=", ".join(added_names), offenders=unknown
        )
    return names
