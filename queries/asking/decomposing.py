"""Questions that are asked of parts of an atlas at once: sums over each part, added up, then the answer.

The header of such a question says `decomposes: sum`, and its SELECT has a CTE named `sums`, the last one that reads
the tables of the atlas. Columns of `sums` called `n_...` or `sum_...` add up over parts of an atlas; the others are
what they are summed for.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from attlas.queries.asking.answering import BoundQuestion, document_answer
from attlas.queries.asking.question import Question
from attlas.queries.asking.questions import questions
from attlas.queries.engine.atlas_part import AtlasPart, connect_part, cut_atlas
from attlas.queries.engine.functions import strip_comments
from attlas.queries.engine.selecting import select
from attlas.queries.store import Store
from attlas.schema import RESIDUES, SHARD_TABLES, QuestionError, Table

SUM = "sum"
"""What a header says of a question whose answer follows from sums over parts."""
PARTS = "parts_of_sums"
"""Name by which the second step calls the sums of all parts."""

_SUMS = re.compile(r"(?P<head>.*^)(?:WITH )?sums AS \(\n(?P<body>.*?)\n\)(?P<tail>.*)", re.DOTALL | re.MULTILINE)
_COUNT = re.compile(r"n(_\w+)?")


@dataclass(frozen=True)
class Steps:
    """The two steps of a question."""

    of_part: str
    """SELECT of the sums of a part."""
    of_sums: str
    """The rest of the question, as SQL that begins after the CTE `sums`."""

    def of_all(self, names: Sequence[str]) -> str:
        """Return the SELECT of the answer from the sums of all parts, whose columns have these names."""
        # Counts stay whole numbers; DuckDB adds them up in a type of twice the bytes.
        by_name = {name: f"sum({name})::BIGINT AS {name}" for name in names if _COUNT.fullmatch(name)}
        by_name |= {name: f"sum({name}) AS {name}" for name in names if name.startswith("sum_")}
        columns = [by_name.get(name, name) for name in names]
        added_up = f"WITH sums AS (SELECT {', '.join(columns)} FROM {PARTS} GROUP BY ALL)"
        return f"{added_up}{self.of_sums}"


@dataclass(frozen=True)
class PartialQuestion:
    """A question with its parameters, to be asked of one part of an atlas, in any process that sees the atlas."""

    place: str
    """Directory or URL of the atlas."""
    sql: str
    values: dict[str, Any]
    part: AtlasPart
    memory_limit: str | None = None
    """What the query may take before it spills to disk; None is half of the memory."""

    def sums(self) -> pa.Table:
        """Return the sums of the part.

        Raises:
            QuestionError: DuckDB cannot answer.
            BrokenAtlasError: the atlas cannot be read.
        """
        with Store.open(self.place) as atlas:
            database = connect_part(atlas.root, atlas.manifest, self.part, memory_limit=self.memory_limit)
            try:
                return select(database, self.sql, self.values).read_all()
            finally:
                database.close()


def sums_of(question: PartialQuestion) -> pa.Table:
    """Return the sums of a part: `PartialQuestion.sums` as a function, which can be sent to another process."""
    return question.sums()


def split_question(question: Question) -> Steps:
    """Return the steps of a question. Raises QuestionError if it does not decompose."""
    match = _SUMS.fullmatch(strip_comments(question.sql))
    if question.decomposes != SUM or match is None:
        names = ", ".join(other.name for other in questions() if other.decomposes)
        raise QuestionError(
            f"The question {question.name} cannot be asked of parts of an atlas.",
            expected=f"a question that decomposes: {names}",
            hint="ask it without --workers and --scheduler",
        )

    before = f"{match['head'].rstrip().removesuffix(',')}\n" if match["head"].strip() else ""
    return Steps(of_part=f"{before}{match['body']}", of_sums=match["tail"])


def divide(
    bound_question: BoundQuestion, atlas: Store, n_parts: int, *, memory_limit: str | None = None
) -> list[PartialQuestion]:
    """Return the question for each part of an atlas, at most `n_parts`, each of which may take `memory_limit`.

    Raises:
        QuestionError: it does not decompose.
    """
    question = bound_question.question
    steps = split_question(question)
    values = _select_values(bound_question, steps.of_part)
    place = str(atlas.root.resolve() if isinstance(atlas.root, Path) else atlas.root)
    parts = cut_atlas(atlas.manifest, _largest_table(question), n_parts)
    return [PartialQuestion(place, steps.of_part, values, part, memory_limit) for part in parts]


def answer_from_sums(bound_question: BoundQuestion, atlas: Store, sums: Sequence[pa.Table]) -> pa.RecordBatchReader:
    """Return the rows of a question from the sums of all parts, with the schema of `BoundQuestion.answer`."""
    steps = split_question(bound_question.question)
    parts = pa.concat_tables(sums)
    sql = steps.of_all(parts.column_names)
    values = _select_values(bound_question, sql)
    return document_answer(bound_question, atlas, atlas.stream(sql, values, tables={PARTS: parts}))


def _select_values(bound_question: BoundQuestion, sql: str) -> dict[str, Any]:
    """Return the values of the parameters that a step of a question names."""
    return {name: value for name, value in bound_question.bound.values.items() if re.search(rf"\${name}\b", sql)}


def _largest_table(question: Question) -> Table:
    """Return the table that decides where an atlas is cut: of the shard tables that are read, the last, the largest."""
    tables = [table for table in SHARD_TABLES if re.search(rf"\b{table.name}\b", question.whole_sql)]
    return tables[-1] if tables else RESIDUES
