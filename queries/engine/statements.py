"""The SQL that may run: one SELECT that writes nothing (also PIVOT, DESCRIBE, SUMMARIZE, SHOW), or EXPLAIN of one.

That DuckDB calls a statement a SELECT is not enough. `WITH x AS (COPY sites TO 'file') SELECT ...` is one and writes a
file, and `query('...')` runs a text that stands in no tree. So the tree that DuckDB parsed is looked through: every
node has to be one that reads. (A transaction that only reads, as the sandbox opens, stops INSERT, but not COPY.)
What reads paths of the machine out of DuckDB itself is refused as well (`disclosing.py`).
"""

import re

import duckdb

from attlas.queries.engine.disclosing import BY_NAME, WORDS, find_disclosing, find_disclosing_text
from attlas.schema import QuestionError

EXPECTED = "one SELECT statement (PIVOT, DESCRIBE, SUMMARIZE and SHOW count as such), or EXPLAIN of one"
READING_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
"""Nodes of DuckDB's tree that read; others are COPY_QUERY_NODE, INSERT_QUERY_NODE, and what is still to come."""
RUNS_TEXT = {"query", "json_execute_serialized_sql"}
"""Functions that run SQL out of a value."""
TREE = """
WITH parsed AS (SELECT json_serialize_sql($query::VARCHAR) AS tree)
SELECT list_distinct(json_extract_string(tree, '$..type')),
    list_distinct(json_extract_string(tree, '$..function_name')),
    list_distinct(json_extract_string(tree, '$..table_name')),
    tree
FROM parsed
"""
"""Every value of these three keys, wherever in the tree, and the tree."""

_WRITES = re.compile(rf"\b(COPY|INSERT|UPDATE|DELETE|MERGE|CREATE|EXPORT|{'|'.join(RUNS_TEXT)})\b", re.IGNORECASE)
_DISCLOSES = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)
_GAP = r"(?:\s|--[^\n]*\n|(?>/\*.*?\*/))*+"  # possessive: else the time doubles with every comment
_EXPLAIN = re.compile(
    rf"(?P<before>{_GAP})(?P<explain>EXPLAIN\b(?:{_GAP}ANALYZE\b)?(?:{_GAP}\(\s*(?:ANALYZE|FORMAT)\b[^()]*\))?)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)


def check_statement(cursor: duckdb.DuckDBPyConnection, query: str) -> str:
    """Return the one statement of `query`, if it only reads.

    Raises:
        QuestionError: it is not one statement, or none that only reads, or it reads paths of the machine.
        duckdb.ParserException: it is no SQL.
    """
    kinds = [_kind(statement) for statement in cursor.extract_statements(query)]

    if kinds in (["EXPLAIN"], ["MULTI"]) and (explain := _EXPLAIN.fullmatch(query)):
        # Put together anew from the part that was checked: what is skipped here may be read otherwise by DuckDB.
        return (
            "\n" * explain["before"].count("\n") + explain["explain"] + " " + check_statement(cursor, explain["rest"])
        )

    if kinds == ["SELECT"]:
        _refuse_by_tree(cursor, query)
    elif kinds == ["MULTI"]:  # a PIVOT whose columns are found in the data: a CREATE TYPE and a SELECT
        _refuse_words(query)
    else:
        raise _refusal_error(query, part=" and ".join(kinds) or "no statement")

    return query


def _kind(statement: duckdb.Statement) -> str:
    """Return the kind of a statement, such as `SELECT`."""
    try:
        return str(statement.type.name)
    except ValueError:  # of a kind that DuckDB's Python module has no name for, such as UPDATE EXTENSIONS
        return "a statement that is no SELECT"


def _refuse_by_tree(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
    """Refuse a statement that writes, or that reads paths of the machine."""
    types, functions, tables, tree = cursor.execute(TREE, {"query": query}).fetchall()[0]
    nodes = {name for name in types or () if name.endswith("_NODE")}
    if not nodes:
        _refuse_words(query)  # DuckDB has no tree to show of this one
    if writes := sorted(nodes - READING_NODES):
        raise _refusal_error(query, part=", ".join(name.split("_")[0] for name in writes) + " inside a SELECT")
    if runs := sorted(RUNS_TEXT.intersection(name.lower() for name in functions or ())):
        raise _refusal_error(query, part=f"{runs[0]}(...), which runs SQL out of a text")

    disclosing = find_disclosing(functions or (), tables or ())
    if disclosing is None and set(BY_NAME).intersection(name.lower() for name in functions or ()):
        disclosing = find_disclosing_text(tree)
    if disclosing is not None:
        raise _disclosure_error(query, disclosing)


def _refuse_words(query: str) -> None:
    """Refuse a statement without a tree by its words, also in strings and comments: too much rather than too little."""
    if match := _WRITES.search(query):
        hint = f"a PIVOT may not hold the word {match[0]}, not even in a text; `ON column IN (values)` may"
        raise _refusal_error(query, part=f"the word {match[0]}", hint=hint)
    if match := _DISCLOSES.search(query):
        raise _disclosure_error(query, match[0])


def _refusal_error(query: str, *, part: str, hint: str | None = None) -> QuestionError:
    message = f"An atlas is asked with one SELECT:\n{_indent(query)}"
    return QuestionError(message, expected=EXPECTED, found=part, hint=hint)


def _disclosure_error(query: str, part: str) -> QuestionError:
    message = f"This query cannot be answered, because it may show paths of this machine:\n{_indent(query)}"
    return QuestionError(message, expected="the tables of the atlas (`FROM docs`)", found=part)


def _indent(query: str) -> str:
    return "\n".join(f"    {line}" for line in query.strip().splitlines())
