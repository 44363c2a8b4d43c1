"""A question with its parameters bound, and its answer: the rows, with what they mean and what was asked."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from attlas.queries.asking.known_words import held_to_atlas
from attlas.queries.asking.parameters import BoundValues, bind, with_literals
from attlas.queries.asking.question import Question, column_docs, missing_tables
from attlas.queries.asking.question_file import read_question
from attlas.queries.asking.questions import question_named
from attlas.queries.lookup.settings import changed_sources
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.schema import ADDED_TABLES, Manifest, QuestionError
from attlas.schema.parquet_file import PROVENANCE_KEY
from attlas.schema.settings import describe_outdated


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


def ask(atlas: Store, name: str | Path, arguments: Mapping[str, object], *, takes_names: bool = False) -> BoundQuestion:
    """Return a question with its parameters bound. `name` is that of a question of attlas, or the path of a file.

    If `takes_names`, a text that is no id stands for the protein that alone is called so, and a note says so.

    Raises:
        QuestionError: there is no such question, or a parameter is unknown, missing, or not of its type.
    """
    question = read_question(name) if isinstance(name, Path) else question_named(name)
    shape = atlas.n_layers, atlas.manifest.run.n_heads
    parameters = [held_to_atlas(parameter, *shape) for parameter in question.parameters]
    bound = bind(atlas, question.name, parameters, arguments, takes_names=takes_names)
    return BoundQuestion(question, replace(bound, notes=(*bound.notes, *stale_notes(atlas, question.needs))))


def stale_notes(atlas: Store, names: Iterable[str]) -> list[str]:
    """Return a sentence for each command that renews outdated tables among these, given by name."""
    tables = [table for table in ADDED_TABLES if table.name in names]
    sources = {table: changed_sources(atlas.root, atlas.manifest, table) for table in tables}
    return describe_outdated({table: changed for table, changed in sources.items() if changed})


def document_answer(bound_question: BoundQuestion, atlas: Store, rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Return the rows of an answer; their schema holds question, parameters, provenance and the docs of the columns."""
    schema = _document(rows.schema, bound_question, atlas)
    batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in rows)
    return pa.RecordBatchReader.from_batches(schema, batches)


def _document(schema: pa.Schema, bound_question: BoundQuestion, atlas: Store) -> pa.Schema:
    """Return the schema of an answer with what each column means, the question, its parameters and the provenance."""
    question = bound_question.question
    docs = column_docs(question, schema.names)

    provenance: dict[str, Any] = {**provenance_values(atlas.manifest), "question": question.name}
    provenance["parameters"] = bound_question.bound.values
    metadata = {PROVENANCE_KEY: json.dumps(provenance, sort_keys=True).encode(), b"doc": question.title.encode()}

    fields = [field.with_metadata({"doc": docs[field.name]}) for field in schema]
    return pa.schema(fields, metadata=metadata)


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


def _refuse_what_is_missing(question: Question, manifest: Manifest) -> None:
    if missing := missing_tables(question, manifest):
        names = " and ".join(table.name for table in missing)
        commands = dict.fromkeys(f"`{table.added_by}`" for table in missing)
        raise QuestionError(
            f"The question {question.name} needs {names}, but the atlas has no such rows.",
            hint=f"{' and '.join(commands)} adds them; nothing is built again",
        )
