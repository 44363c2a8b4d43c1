"""Numbers as JSON shows them: of a float32 or a float16, the shortest decimal that is the same number when stored."""

import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

FEWEST_DIGITS = 3
MOST_DIGITS = 9
"""As many as any float32 needs."""
SMALLEST, LARGEST = 1e-20, 1e20
"""Magnitudes between which Arrow writes every float32 as `shortest_float` does; beyond, a few powers of two differ."""
_FLOAT16, _FLOAT32 = struct.Struct("=e"), struct.Struct("=f")


def shortest_float(value: Any) -> Any:
    """Return a number of a float32 column as the float of its shortest decimal; any other value as it is."""
    return _shortest(_FLOAT32, value) if isinstance(value, float) else value


def shortest_floats(values: pa.ChunkedArray | pa.Array) -> list[Any]:
    """Return a column as JSON can hold it: float32 as `shortest_float` gives them, None for what is no number."""
    if not pa.types.is_float32(values.type):
        return list(values.to_pylist())

    # One by one, 20,000 numbers take 0.1 s. The module takes 30 ms to load, so it is for those who have many.
    import pyarrow.compute as pc

    zero, smallest, largest = _float64_array([0, SMALLEST, LARGEST])
    finite = pc.if_else(pc.is_finite(values), values, pa.nulls(1, pa.float32())[0])
    magnitudes = pc.abs(finite)
    is_small = pc.and_(pc.less(magnitudes, smallest), pc.greater(magnitudes, zero))
    if pc.any(pc.or_(is_small, pc.greater(magnitudes, largest))).as_py():
        return [shortest_float(value) for value in finite.to_pylist()]
    return list(finite.cast(pa.string()).cast(pa.float64()).to_pylist())


def shortest_floats_of(values: Sequence[float | None]) -> list[Any]:
    """Return numbers of a float32 column that were read already, as `shortest_floats`."""
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(values):
        return shortest_floats(pa.array(values, pa.float32(), from_pandas=False))
    return shortest_floats(pa.Array.from_buffers(pa.float32(), len(numbers), [None, pa.py_buffer(array("f", numbers))]))


def _float64_array(values: Sequence[float]) -> pa.Array:
    # From buffers: where pandas is installed, Arrow loads it for any value of Python, which takes a third of a second.
    return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(array("d", values))])


@lru_cache(maxsize=65_536)  # there are no more of them
def shortest_half(value: float) -> float:
    """Return a number of a float16 as the float of its shortest decimal."""
    return _shortest(_FLOAT16, value)


def _shortest(stored: struct.Struct, value: float) -> float:
    """Return the float of the shortest decimal that is the same number in its stored type."""
    for digits in range(FEWEST_DIGITS, MOST_DIGITS + 1):
        short = float(f"{value:.{digits}g}")
        if stored.pack(short) == stored.pack(value):
            return short
    return value
