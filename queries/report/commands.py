"""The command that asks a question again: `attlas ask DIR NAME PARAMETER=VALUE ...`, for a shell."""

import shlex
from collections.abc import Sequence

from attlas.queries.asking.answering import BoundQuestion
from attlas.queries.asking.parameters import EVERY

MANY = 5
"""Ids from which on a command reads them from a file."""
IDS_FILE = "ids.txt"
"""The file that such a command names; the page offers it."""


def command(bound_question: BoundQuestion) -> str | None:
    """Return the command; None where a value cannot be typed: an item of a list with a comma, a control character."""
    words = ["attlas", "ask", "DIR", bound_question.question.name]
    for parameter in bound_question.question.parameters:
        value = bound_question.bound.values[parameter.name]
        text = _spell(value, is_ids=parameter.type == "proteins")
        if text is None or not text.isprintable():
            return None
        if text != parameter.default:
            words.append(f"{parameter.name}={text}")
    return shlex.join(words)


def _spell(value: object, *, is_ids: bool) -> str | None:
    if value is None:
        return EVERY
    if not isinstance(value, list):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if is_ids and len(value) > MANY:
        return f"@{IDS_FILE}"
    return _join(list(map(str, value)))


def _join(items: Sequence[str]) -> str | None:
    text = ",".join(items)
    is_typed = not text.startswith("@") and text != EVERY and all(x == x.strip() and "," not in x for x in items)
    return text if is_typed else None
