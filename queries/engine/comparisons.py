"""Comparisons of a column with a literal in a query, out of DuckDB's own parse tree. Pure: a tree in, nouns out.

What is looked for: `layer = 7`, `7 = layer`, `type IN ('a', 'b')`; `layer > 3`, `layer BETWEEN 3 AND 5`;
`type LIKE 'a%'`; and the element of a list by its number, `received[7]`. Everything else, as `lower(type) = 'a'`, is
none of these.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from attlas.queries.engine.parse_tree import Node, objects_of

TREE = "SELECT json_serialize_sql($query::VARCHAR) AS tree"
"""Asks DuckDB for the parse tree of `$query`."""

OPERATORS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOT_DISTINCT_FROM": "=",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
}
"""Comparisons of two sides by their type, as SQL writes them."""
MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""The same comparisons with the sides exchanged."""
LIKE = "~~"
"""DuckDB's name of the function that LIKE is."""
DOUBTFUL = ("SET_OPERATION_NODE", "PIVOT")
"""Parts of a query that fill a column with other values than a table has, without naming the column."""
Value = int | str


@dataclass(frozen=True)
class LiteralComparison:
    """A column that is compared with a literal, or whose element is taken by one."""

    column: str
    tables: tuple[str, ...]
    """Tables of the query that the column may be of: the one it is qualified with, or all."""
    value: Value
    operator: str = "="
    """As SQL writes it, the column on its left: `=`, `<`, `<=`, `>`, `>=` or `LIKE`."""
    is_element: bool = False
    """The value is the number of an element of the column's list, from 1."""


def comparisons_in(tree: str) -> list[LiteralComparison]:
    """Return the comparisons of a query, as its serialized tree has them; none where the tree holds an error.

    A column without the name of its table is passed over where the query may have given its name to other values.
    """
    objects = list(objects_of(json.loads(tree)))
    nodes = [part for part in objects if isinstance(part.get("type"), str)]
    tables = {node["alias"] or node["table_name"]: node["table_name"] for node in nodes if _is(node, "BASE_TABLE")}
    is_doubtful = any(_is(node, *DOUBTFUL) or node.get("replace_list") for node in nodes)
    aliases = set(_aliases(objects))

    comparisons = [
        LiteralComparison(column[-1].lower(), _tables_of(column, tables), value, operator, is_element)
        for node in nodes
        for column, value, operator, is_element in _column_values(node)
        if len(column) > 1 or not (is_doubtful or column[-1].lower() in aliases)
    ]
    return list(dict.fromkeys(comparisons))


def _is(node: Node, *types: str) -> bool:
    return node["type"] in types


def _aliases(objects: list[Node]) -> Iterator[str]:
    """Yield the names that a query gives to expressions, and to the columns of its subqueries."""
    for part in objects:
        if (alias := part.get("alias")) and [*(part.get("column_names") or [""])][-1] != alias:
            yield str(alias).lower()
        for names in (part.get("aliases"), part.get("column_name_alias")):
            yield from (str(name).lower() for name in names or ())


def _tables_of(column: list[str], tables: dict[str, str]) -> tuple[str, ...]:
    if len(column) == 1:
        return tuple(sorted(set(tables.values())))
    # A qualifier that is no table of the FROM is a name of a subquery, whose columns may hold anything.
    return tuple(table for alias, table in tables.items() if alias.lower() == column[-2].lower())


def _column_values(node: Node) -> Iterator[tuple[list[str], Value, str, bool]]:
    """Yield the column, a literal it is compared with, the operator, and whether that is the number of an element."""
    for operator, sides in _operations(node):
        nodes: list[Node] = [side for side in sides if isinstance(side, dict)]
        columns = [side["column_names"] for side in nodes if _has_type(side, "COLUMN_REF")]
        if len(columns) != 1:
            continue

        for side in nodes:
            if _has_type(side, "VALUE_CONSTANT") and (value := _literal(side)) is not None:
                yield columns[0], value, operator, _is(node, "ARRAY_EXTRACT")


def _operations(node: Node) -> Iterator[tuple[str, list[object]]]:
    """Yield an operator and its sides, the column on the left; two operators of BETWEEN."""
    if operator := OPERATORS.get(node["type"]):
        left, right = node.get("left"), node.get("right")
        yield (operator, [left, right]) if _has_type(left, "COLUMN_REF") else (MIRRORED[operator], [right, left])
    elif _is(node, "COMPARE_BETWEEN"):
        yield ">=", [node.get("input"), node.get("lower")]
        yield "<=", [node.get("input"), node.get("upper")]
    elif _is(node, "COMPARE_IN", "ARRAY_EXTRACT"):
        yield "=", node.get("children") or []
    elif _is(node, "FUNCTION") and node.get("function_name") == LIKE:
        sides = node.get("arguments") or node.get("children") or []
        sides = [side.get("expression", side) for side in sides if isinstance(side, dict)]
        if sides and _has_type(sides[0], "COLUMN_REF"):
            yield "LIKE", sides


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
