"""The few proteins that a query asks one table for, out of DuckDB's own parse tree, so that few files are read.

Only the plainest query counts: one SELECT from one table whose WHERE says, for itself or in an AND, that `accession` or
`sequence_id` is one of some values. Whatever else may read the table again, as a subquery, a join or a function of the
atlas, would see too few rows: such queries are none of these.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attlas.queries.engine.functions import functions
from attlas.queries.engine.parse_tree import Node, objects_of

READING_AGAIN = ("SELECT_NODE", "BASE_TABLE", "TABLE_FUNCTION", "SUBQUERY", "JOIN", "SET_OPERATION_NODE")
"""Types of nodes of which there is one at most: the query itself, and the table that it reads."""
CATALOGUE = ("TABLE_FUNCTION", "SHOW_REF")
"""Types of nodes that may list tables, views and columns."""
LONGEST_NAME = 2
"""Parts of the name of a column without schema or database: the table's and its own."""
NARROWING_COLUMNS = {"accession": str, "sequence_id": int}


@dataclass(frozen=True)
class Narrowing:
    """A query reads only some proteins of one table."""

    table: str
    column: str
    """`accession` or `sequence_id`."""
    values: tuple[str | int, ...]


def read_statements(tree: str) -> list[Node]:
    """Return the statements of a query from its tree as DuckDB serializes it; none for what is no SELECT."""
    return json.loads(tree).get("statements") or []


def find_narrowing(
    statements: Sequence[Node], parameters: Sequence[object] | Mapping[str, object] | None
) -> Narrowing | None:
    """Return the proteins that the statements of a query ask for; None where it may read any."""
    nodes = [node for node in objects_of(statements) if isinstance(node.get("type"), str)]
    if len(statements) != 1 or sorted(n["type"] for n in nodes if n["type"] in READING_AGAIN) != [
        "BASE_TABLE",
        "SELECT_NODE",
    ]:
        return None
    if {str(node.get("function_name")).lower() for node in nodes} & {function.name for function in functions()}:
        return None

    select = statements[0]["node"]
    if select["type"] != "SELECT_NODE" or select["from_table"]["type"] != "BASE_TABLE":
        return None
    if select["from_table"]["table_name"].lower() not in list_tables(statements):
        return None
    if select["from_table"].get("column_name_alias"):  # names of columns may stand for others
        return None
    where = select.get("where_clause") or {}
    for condition in where.get("children", []) if where.get("type") == "CONJUNCTION_AND" else [where]:
        if named := _read_condition(condition, parameters):
            return Narrowing(select["from_table"]["table_name"].lower(), *named)
    return None


def list_tables(statements: Sequence[Node]) -> set[str]:
    """Return the names of the tables that the statements of a query read, in small letters.

    None at all for a query that reads the catalogue or names a schema: it may tell one view from another.
    """
    nodes = [node for node in objects_of(statements) if isinstance(node.get("type"), str)]
    tables = [node for node in nodes if node["type"] == "BASE_TABLE"]
    if any(node["type"] in CATALOGUE for node in nodes) or any(node.get("schema_name") for node in tables):
        return set()
    if any(len(node["column_names"]) > LONGEST_NAME for node in nodes if node["type"] == "COLUMN_REF"):
        return set()
    return {str(node["table_name"]).lower() for node in tables}


def _read_condition(
    condition: Node, parameters: Sequence[object] | Mapping[str, object] | None
) -> tuple[str, tuple[str | int, ...]] | None:
    """Return the column and the values of a condition that names proteins; None for any other."""
    if condition.get("type") == "COMPARE_EQUAL":
        sides = [condition["left"], condition["right"]]
    elif condition.get("type") == "COMPARE_IN" and condition["children"][0].get("type") == "COLUMN_REF":
        sides = condition["children"]
    else:
        return None

    columns = [side["column_names"][-1].lower() for side in sides if side.get("type") == "COLUMN_REF"]
    if len(columns) != 1 or columns[0] not in NARROWING_COLUMNS:
        return None
    kind = NARROWING_COLUMNS[columns[0]]
    values = [_read_value(side, parameters) for side in sides if side.get("type") != "COLUMN_REF"]
    return (columns[0], tuple(values)) if values and all(type(value) is kind for value in values) else None  # type: ignore[arg-type]


def _read_value(node: Node, parameters: Sequence[object] | Mapping[str, object] | None) -> object:
    """Return the value of a literal or a parameter; None for anything else."""
    if node.get("type") == "VALUE_PARAMETER":
        name = str(node.get("identifier"))
        if isinstance(parameters, Mapping):
            return parameters.get(name)
        is_place = name.isdecimal() and parameters is not None and 0 < int(name) <= len(parameters)
        return parameters[int(name) - 1] if is_place and parameters is not None else None

    literal = node.get("literal") or {}
    if literal.get("kind") == "INTEGER" and str(literal["text"]).isdecimal():
        return int(literal["text"])
    return str(literal["text"]) if literal.get("kind") == "STRING" else None
