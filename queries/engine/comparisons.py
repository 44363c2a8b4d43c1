"""Comparisons of a column with a literal in a query, out of DuckDB's own parse tree. Pure: a tree in, nouns out.

Only what says "equal to this value" is looked for: `layer = 7`, `7 = layer`, `type IN ('a', 'b')`, and the element of
a list by its number, `received[7]`. Everything else, as `lower(type) = 'a'` or `layer > 3`, is none of these.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TREE = "SELECT json_serialize_sql($query::VARCHAR) AS tree"
"""Asks DuckDB for the parse tree of `$query`."""

EQUALITY = ("COMPARE_EQUAL", "COMPARE_NOT_DISTINCT_FROM")
Value = int | str
Node = dict[str, Any]


@dataclass(frozen=True)
class LiteralComparison:
    """A column that is compared with a literal, or whose element is taken by one."""

    column: str
    tables: tuple[str, ...]
    """Tables of the query that the column may be of: the one it is qualified with, or all."""
    value: Value
    is_element: bool = False
    """The value is the number of an element of the column's list, from 1."""


def comparisons_in(tree: str) -> list[LiteralComparison]:
    """Return the comparisons of a query, as its serialized tree has them; none where the tree holds an error."""
    nodes = list(_nodes(json.loads(tree)))
    tables = {node["alias"] or node["table_name"]: node["table_name"] for node in nodes if _is(node, "BASE_TABLE")}

    comparisons = [
        LiteralComparison(column[-1].lower(), _tables_of(column, tables), value, is_element)
        for node in nodes
        for column, value, is_element in _column_values(node)
    ]
    return list(dict.fromkeys(comparisons))


def _nodes(tree: object) -> Iterator[Node]:
    """Yield every object of the tree that has a type."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("type"), str):
                yield part
            waiting.extend(reversed(part.values()))
        elif isinstance(part, list):
            waiting.extend(reversed(part))


def _is(node: Node, *types: str) -> bool:
    return node["type"] in types


def _tables_of(column: list[str], tables: dict[str, str]) -> tuple[str, ...]:
    if len(column) == 1:
        return tuple(sorted(set(tables.values())))
    # A qualifier that is no table of the FROM is a name of a subquery, whose columns may hold anything.
    return tuple(table for alias, table in tables.items() if alias.lower() == column[-2].lower())


def _column_values(node: Node) -> Iterator[tuple[list[str], Value, bool]]:
    """Yield the column, a literal it is compared with, and whether that is the number of an element."""
    if _is(node, *EQUALITY):
        sides = [node.get("left"), node.get("right")]
    elif _is(node, "COMPARE_IN", "ARRAY_EXTRACT"):
        sides = node.get("children") or []
    else:
        return

    nodes: list[Node] = [side for side in sides if isinstance(side, dict)]
    columns = [side["column_names"] for side in nodes if _has_type(side, "COLUMN_REF")]
    if len(columns) != 1:
        return

    for side in nodes:
        if _has_type(side, "VALUE_CONSTANT") and (value := _literal(side)) is not None:
            yield columns[0], value, _is(node, "ARRAY_EXTRACT")


def _has_type(node: object, kind: str) -> bool:
    return isinstance(node, dict) and node.get("type") == kind


def _literal(node: Node) -> Value | None:
    """Return a whole number or a text; DuckDB 2 has literals as they were typed, DuckDB 1 has values with a type."""
    if literal := node.get("literal"):
        if literal["kind"] == "INTEGER":
            return int(literal["text"])
        return str(literal["text"]) if literal["kind"] == "STRING" else None
    value = (node.get("value") or {}).get("value")
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None
