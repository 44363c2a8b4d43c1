"""The SHA-256 of the rows of an answer, in a form that does not depend on who wrote the JSON down.

The canonical form of rows is JSON in UTF-8 without spaces, `{"columns":[...],"rows":[[...],...]}`, rows in the order
of the answer and the cells of a row in that of the columns. The keys of objects are sorted. A text is written with
`"`, `\\` and control characters escaped and all other characters as they are. A number is rounded to ten significant
digits, then written as a whole number if it is one below 2^53, else as Python's `repr` of a float writes it: sums of
floats differ in the last digits from run to run, because DuckDB adds up in several threads, and some programs write
1.0 as 1. Whole numbers keep all their digits.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

SIGNIFICANT_DIGITS = 10
LARGEST_EXACT = 2**53
"""Below it, every whole number is exactly a float."""


def rows_sha256(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return the SHA-256 of rows, as hexadecimal digits. Cells are plain JSON values.

    Raises:
        ValueError, RecursionError: as `canonical_bytes`.
    """
    return hashlib.sha256(canonical_bytes(columns, rows)).hexdigest()


def canonical_bytes(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Return the canonical form of rows.

    Raises:
        ValueError: a number is infinite or none, as 1e999 is when JSON is read.
        RecursionError: lists or objects are nested too deeply.
    """
    values = {"columns": list(columns), "rows": [[_canonicalise(cell) for cell in row] for row in rows]}
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def _canonicalise(value: Any) -> Any:
    if isinstance(value, float):
        rounded = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < LARGEST_EXACT else rounded
    if isinstance(value, list):
        return [_canonicalise(item) for item in value]
    if isinstance(value, dict):
        return {key: _canonicalise(item) for key, item in value.items()}
    return value
