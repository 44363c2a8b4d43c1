"""A walk over DuckDB's parse tree of a query, as JSON has it."""

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]


def objects_of(tree: object) -> Iterator[Node]:
    """Yield every object of a tree, in the order of the text."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(reversed(part.values()))
        elif isinstance(part, list):
            waiting.extend(reversed(part))
