"""Questions with a name: one SELECT per file of `sql/TOPIC/`, its header read, parameters bound, rows answered.

A header is SQL comments before the SELECT, one field after the other: `-- title: ...`, then topic, needs, answers,
parameters, columns, example, grain, decomposes, source. Text goes on in the next line, indented. A parameter is an
indented line `name type [LEAST..[MOST]] [= default]: what it says`, or `name text ONE|OTHER [= default]: what it says`
for a choice, or `name text of TABLE.COLUMN [= default]: what it says` for a value that stands in a column.
A column is `name: what it says`; one without a line is one of the atlas's own, documented in `schema/TABLES.md`.
`needs` names tables that are added to a sealed atlas. `empty` says why an answer may have no rows, and is noted where
one has none. `decomposes: sum` says that the question can be asked of parts of
an atlas at once (`decomposing.py`).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from attlas.queries.asking.known_words import held_to_atlas
from attlas.queries.asking.parameters import TYPES, BoundValues, Parameter, bind, with_literals
from attlas.queries.engine.functions import Function, reached_from, strip_comments
from attlas.queries.lookup.settings import changed_sources
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.queries.text import Layout
from attlas.schema import ADDED_TABLES, TABLES, Manifest, QuestionError, Table
from attlas.schema.parquet_file import PROVENANCE_KEY
from attlas.schema.settings import describe_outdated

FOLDER = Path(__file__).parents[1] / "sql"
TOPICS = ("The atlas", "Sites", "Layers", "Heads", "Links", "Pairs", "Vectors", "Families", "Annotation")
"""What questions are about, in the order they are listed."""
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

_FIELD = re.compile(r"--\s(\w+):\s*(.*)")
_ENTRY = re.compile(r"--\s{3}(?=\S)(.*)")
_CONTINUATION = re.compile(r"--\s{3,}(\S.*)")
_PARAMETER = re.compile(
    r"(\w+) (\w+)(?: (-?[\d.]+?)\.\.(-?[\d.]+)?| (\w+(?:\|\w+)+)| of (\w+\.\w+))?(?: = (.*?))?: (.+)"
)
_COLUMN = re.compile(r"(\w+): (.+)")


@dataclass(frozen=True)
class Question:
    """A question that an atlas answers with one table."""

    name: str
    """Name of its file, without `.sql`."""
    title: str
    topic: str
    """One of `TOPICS`."""
    answers: str
    """What one learns from it, and what not."""
    parameters: tuple[Parameter, ...]
    columns: tuple[tuple[str, str], ...]
    """Columns of the answer that the atlas's tables do not have, or have with another meaning: name, what it says."""
    example: str
    """Parameters to try on the atlas of `make demo`, as they are typed; empty where none are needed."""
    grain: tuple[str, ...]
    """Columns that name a row of the answer: no two rows agree in all of them."""
    source: str
    """Where definitions and methods are from."""
    sql: str
    """The SELECT, without its header."""
    needs: tuple[str, ...] = ()
    """Tables added to a sealed atlas that the question is about: without their rows it has no answer."""
    empty: str = ""
    """Why the answer may have no rows; empty where that needs no word."""
    decomposes: str = ""
    """`sum` where the answer follows from sums over parts of an atlas; else empty."""

    @property
    def command(self) -> str:
        """The command that adds what the question needs; empty where every atlas has it."""
        commands = dict.fromkeys(str(table.added_by) for table in ADDED_TABLES if table.name in self.needs)
        return " and ".join(commands)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """The functions of ours that its SQL calls, and those that these call."""
        return reached_from(self.sql)

    @cached_property
    def whole_sql(self) -> str:
        """The SELECT with the bodies of its functions, without comments, to see every table that it reads."""
        return strip_comments("\n".join([self.sql, *(function.body for function in self.functions)]))

    @property
    def usage(self) -> str:
        """The words of the command: the name and the parameters, those with a default in brackets."""
        words = [f"{p.name}=…" if p.is_required else f"[{p.name}={p.default}]" for p in self.parameters]
        return " ".join([self.name, *words])


@dataclass(frozen=True)
class BoundQuestion:
    """A question with a value for each of its parameters: what an atlas can answer."""

    question: Question
    bound: BoundValues

    @property
    def sql(self) -> str:
        """The SELECT with the values as literals, to be asked with `attlas sql` as it is."""
        return with_literals(self.question.sql, self.bound.values)

    def answer(
        self, atlas: Store, *, timeout_s: float | None = None, note: Callable[[str], object] | None = None
    ) -> pa.RecordBatchReader:
        """Return the rows; the schema holds question, parameters and provenance, its fields the docs of the columns.

        Where there are none, `note` is told what the question says of that, when the rows have been read.

        Raises:
            QuestionError: the atlas has no rows of a table that is needed, or DuckDB cannot answer, also while the
                rows are read, or not within `timeout_s`.
        """
        _refuse_what_is_missing(self.question, atlas.manifest)
        values = {parameter.name: self.bound.values[parameter.name] for parameter in self.question.parameters}
        rows = document_answer(self, atlas, atlas.stream(self.question.sql, values, timeout_s=timeout_s))
        if note is None or not self.question.empty:
            return rows
        return pa.RecordBatchReader.from_batches(rows.schema, _note_if_empty(rows, self.question.empty, note))


def document_answer(bound_question: BoundQuestion, atlas: Store, rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Return the rows of an answer; their schema holds question, parameters, provenance and the docs of the columns."""
    schema = _documented(rows.schema, bound_question, atlas)
    batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in rows)
    return pa.RecordBatchReader.from_batches(schema, batches)


def _note_if_empty(
    rows: pa.RecordBatchReader, sentence: str, note: Callable[[str], object]
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of an answer; call `note` at their end if they had no rows."""
    n_rows = 0
    for batch in rows:
        n_rows += batch.num_rows
        yield batch
    if not n_rows:
        note(sentence)


def ask(atlas: Store, name: str | Path, arguments: Mapping[str, object]) -> BoundQuestion:
    """Return a question with its parameters bound. `name` is that of a question of attlas, or the path of a file.

    Raises:
        QuestionError: there is no such question, or a parameter is unknown, missing, or not of its type.
    """
    question = read_question(name) if isinstance(name, Path) else question_named(name)
    shape = atlas.n_layers, atlas.manifest.run.n_heads
    parameters = [held_to_atlas(parameter, *shape) for parameter in question.parameters]
    bound = bind(atlas, question.name, parameters, arguments)
    return BoundQuestion(question, replace(bound, notes=(*bound.notes, *stale_notes(atlas, question.needs))))


def stale_notes(atlas: Store, names: Iterable[str]) -> list[str]:
    """Return a sentence for each command that renews outdated tables among these, given by name."""
    tables = [table for table in ADDED_TABLES if table.name in names]
    sources = {table: changed_sources(atlas.root, atlas.manifest, table) for table in tables}
    return describe_outdated({table: changed for table, changed in sources.items() if changed})


def questions() -> tuple[Question, ...]:
    """Return every question, by topic and name."""
    return tuple(sorted(_by_name().values(), key=lambda q: (TOPICS.index(q.topic), q.name)))


def question_named(name: str) -> Question:
    """Return a question.

    Raises:
        QuestionError: there is none of that name; names those like it.
    """
    question = _by_name().get(name.replace("-", "_").lower())
    if question is not None:
        return question

    close = get_close_matches(name.lower(), _by_name(), cutoff=0.5)
    hint = f"do you mean {', '.join(close)}? " if close else ""
    raise QuestionError(f"There is no question {name!r}.", hint=f"{hint}`attlas ask DIR` lists them all")


def read_question(path: Path) -> Question:
    """Return the question of a file.

    Raises:
        QuestionError: the file cannot be read, or its header is not as the docstring of this module says.
    """
    try:
        # Not `splitlines`: what else it takes for the end of a line may stand in a text.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionError(f"The question {path} cannot be read.", found=str(error)) from error

    n_header = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    texts, entries = _header(path, lines[:n_header])
    missing = [field for field in FIELDS if field not in OPTIONAL and not texts.get(field)]
    if missing:
        raise QuestionError(f"The header of {path} is not whole.", expected=", ".join(FIELDS), offenders=missing)

    return Question(
        name=path.stem,
        title=texts["title"],
        topic=texts["topic"],
        answers=texts["answers"],
        parameters=tuple(_read_parameter(path, entry) for entry in entries["parameters"]),
        columns=tuple(_read_column(path, entry) for entry in entries["columns"]),
        example=texts.get("example", ""),
        grain=tuple(word.strip() for word in texts["grain"].split(",")),
        source=texts["source"],
        needs=_needs(path, texts.get("needs", "")),
        empty=texts.get("empty", ""),
        decomposes=texts.get("decomposes", ""),
        sql="\n".join(lines[n_header:]).strip(),
    )


def missing_tables(question: Question, manifest: Manifest) -> list[Table]:
    """Return the tables that a question needs and the atlas has no rows of."""
    tables = [table for table in ADDED_TABLES if table.name in question.needs]
    return [table for table in tables if not manifest.of_table(table).n_rows]


def column_docs(question: Question, names: list[str]) -> dict[str, str]:
    """Return the description of each column of the answer: the header's words, else those of the table it is from."""
    tables = [table for table in TABLES if re.search(rf"\b{table.name}\b", question.whole_sql)]
    # TABLES go from the general to the special: of a column that several tables have, the doc of the last counts.
    docs = {column.name: column.doc for table in tables for column in table.columns}
    docs |= dict(question.columns)
    return {name: docs.get(name, "") for name in names}


def list_lines() -> Iterator[str]:
    """Yield every question with its title, by topic."""
    width = max(len(question.name) for question in questions())
    for topic in TOPICS:
        yield topic
        yield from (f"  {q.name:<{width}}  {q.title}" for q in questions() if q.topic == topic)
        yield ""
    yield "`attlas ask DIR NAME --describe` tells more of one; `attlas ask DIR NAME PARAMETER=VALUE` asks it."


def describe_lines(question: Question) -> Iterator[str]:
    """Yield the description of a question: its answer, parameters, own columns, grain and source."""
    yield f"{question.name}: {question.title}"
    yield question.answers
    yield ""
    yield f"attlas ask DIR {question.usage}"
    if question.needs:
        yield f"needs {', '.join(question.needs)}: `{question.command}` first"
    if question.example:
        yield f"for example: attlas ask demo-atlas {question.name} {question.example}"

    if question.parameters:
        yield ""
        rows = [(p.name, p.type, p.range, "" if p.is_required else p.default, p.doc) for p in question.parameters]
        yield from Layout.of(("parameter", "type", "range", "default", "what it says"), rows).lines(rows)
        yield ""
        yield from (f"{kind}: {TYPES[kind]}" for kind in dict.fromkeys(p.type for p in question.parameters))

    if question.columns:
        yield ""
        yield from Layout.of(("column", "what it says"), question.columns).lines(question.columns)

    yield ""
    yield f"one row per: {', '.join(question.grain)}"
    if question.decomposes:
        yield "can be asked of parts of an atlas at once: --workers N"
    yield f"source: {question.source}"
    if question.functions:
        yield ""
        calls = [(function.call, function.returns) for function in question.functions]
        yield from Layout.of(("function", "what it returns"), calls).lines(calls)


@cache
def _by_name() -> dict[str, Question]:
    return {path.stem: read_question(path) for path in sorted(FOLDER.glob("*/*.sql"))}


def _header(path: Path, lines: list[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the texts of the fields and the entries of the lists."""
    texts: dict[str, str] = {}
    entries: dict[str, list[str]] = {name: [] for name in LISTS}

    field = ""
    for number, line in enumerate(lines, start=1):
        if (match := _FIELD.fullmatch(line)) and match[1] in FIELDS:
            field = match[1]
            texts[field] = match[2]
        elif field in LISTS and (match := _ENTRY.fullmatch(line)):
            entries[field].append(match[1])
        elif field and (match := _CONTINUATION.fullmatch(line)):
            if field in LISTS:
                entries[field][-1] += f" {match[1]}"
            else:
                texts[field] += f" {match[1]}"
        else:
            raise QuestionError(f"Line {number} of {path} is none of a header.", found=line, expected="-- FIELD: TEXT")

    return texts, entries


def _read_parameter(path: Path, entry: str) -> Parameter:
    match = _PARAMETER.fullmatch(entry)
    if not match or match[2] not in TYPES:
        shape = "name type [LEAST..[MOST]|ONE|OTHER|of TABLE.COLUMN] [= default]: what it says"
        expected = f"{shape}; types are {', '.join(TYPES)}"
        raise QuestionError(f"A parameter of {path} cannot be read.", expected=expected, found=entry)

    name, kind, minimum, maximum, choices, column, default, doc = match.groups()
    minimum, maximum = (None if bound is None else float(bound) for bound in (minimum, maximum))
    return Parameter(name, kind, doc, default, minimum, maximum, tuple(choices.split("|")) if choices else (), column)


def _needs(path: Path, text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    added_names = [table.name for table in ADDED_TABLES]
    if unknown := [name for name in names if name not in added_names]:
        raise QuestionError(f"{path} needs no such table.", expected=", ".join(added_names), offenders=unknown)
    return names


def _refuse_what_is_missing(question: Question, manifest: Manifest) -> None:
    if missing := missing_tables(question, manifest):
        names = " and ".join(table.name for table in missing)
        commands = dict.fromkeys(f"`{table.added_by}`" for table in missing)
        raise QuestionError(
            f"The question {question.name} needs {names}, but the atlas has no such rows.",
            hint=f"{' and '.join(commands)} adds them; nothing is built again",
        )


def _read_column(path: Path, entry: str) -> tuple[str, str]:
    match = _COLUMN.fullmatch(entry)
    if not match:
        raise QuestionError(f"A column of {path} cannot be read.", expected="name: what it says", found=entry)
    return match[1], match[2]


def _documented(schema: pa.Schema, bound_question: BoundQuestion, atlas: Store) -> pa.Schema:
    """Return the schema of an answer with what each column means, the question, its parameters and the provenance."""
    question = bound_question.question
    docs = column_docs(question, schema.names)

    provenance: dict[str, Any] = {**provenance_values(atlas.manifest), "question": question.name}
    provenance["parameters"] = bound_question.bound.values
    metadata = {PROVENANCE_KEY: json.dumps(provenance, sort_keys=True).encode(), b"doc": question.title.encode()}

    fields = [field.with_metadata({"doc": docs[field.name]}) for field in schema]
    return pa.schema(fields, metadata=metadata)
