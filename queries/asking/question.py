"""`Question`: a named SELECT with what its file says of it, and what can be told of it without an answer."""

import re
from dataclasses import dataclass
from functools import cached_property

from attlas.queries.asking.parameters import Parameter
from attlas.queries.engine.functions import Function, reached_from, strip_comments
from attlas.schema import ADDED_TABLES, TABLES, Manifest, Table

TOPICS = ("The atlas", "Sites", "Layers", "Heads", "Links", "Pairs", "Vectors", "Families", "Annotation")
"""What questions are about, in the order they are listed."""


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

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The tables that its SQL and its functions read, in the order of TABLES."""
        return tuple(table for table in TABLES if re.search(rf"\b{table.name}\b", self.whole_sql))

    @property
    def usage(self) -> str:
        """The words of the command: the name and the parameters, those with a default in brackets."""
        words = [f"{p.name}=…" if p.is_required else f"[{p.name}={p.default}]" for p in self.parameters]
        return " ".join([self.name, *words])


def missing_tables(question: Question, manifest: Manifest) -> list[Table]:
    """Return the tables that a question needs and the atlas has no rows of."""
    tables = [table for table in ADDED_TABLES if table.name in question.needs]
    return [table for table in tables if not manifest.of_table(table).n_rows]


def column_docs(question: Question, names: list[str]) -> dict[str, str]:
    """Return the description of each column of the answer: the header's words, else those of the table it is from."""
    # TABLES go from the general to the special: of a column that several tables have, the doc of the last counts.
    docs = {column.name: column.doc for table in question.tables for column in table.columns}
    docs |= dict(question.columns)
    return {name: docs.get(name, "") for name in names}
