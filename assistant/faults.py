"""Errors as tools return them: what happened, what was expected and found, and what to do, bounded in size."""

from typing import Any

from attlas.queries.text import cut, printable_lines
from attlas.schema import Fault
from attlas.schema.errors import N_OFFENDERS_SHOWN, first_line

MOST_CHARACTERS = 4_000
"""Most characters of each part of an error."""
OFFENDER_WIDTH = 200


def fault_json(fault: Fault) -> dict[str, Any]:
    """Return the parts of an error as plain JSON values."""
    return {
        "error": _cut_part(fault.what),
        "expected": _cut_part(fault.expected),
        "found": _cut_part(fault.found),
        "to_do": _cut_part(fault.hint),
        "offenders": [cut(printable_lines(text), OFFENDER_WIDTH) for text in fault.offenders[:N_OFFENDERS_SHOWN]],
        "n_offenders": fault.n_offenders,
    }


def unexpected_json(error: Exception) -> dict[str, Any]:
    """Return an error that attlas did not foresee, as plain JSON values."""
    return {
        "error": "attlas failed in a way that it does not foresee.",
        "expected": None,
        "found": _cut_part(first_line(error)),
        "to_do": "ask in another way; the server's error output has the details",
        "offenders": [],
        "n_offenders": 0,
    }


def _cut_part(text: str | None) -> str | None:
    return None if text is None else cut(printable_lines(text), MOST_CHARACTERS)
