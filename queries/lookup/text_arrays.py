"""Arrow arrays of texts from buffers: `pa.array` imports pandas where it is installed, a quarter of a second."""

from array import array
from collections.abc import Sequence

import pyarrow as pa


def text_array(texts: Sequence[str | None]) -> pa.Array:
    """Return the texts as an Arrow array of strings, None as null."""
    parts = [b"" if text is None else text.encode() for text in texts]
    ends = array("i", [0])
    for part in parts:
        ends.append(ends[-1] + len(part))

    # A bit per text, the first in the lowest place of the first byte.
    valid = bytearray((len(texts) + 7) // 8)
    for i, text in enumerate(texts):
        valid[i // 8] |= (text is not None) << (i % 8)

    buffers = [pa.py_buffer(data) for data in (ends, b"".join(parts), bytes(valid))]
    return pa.StringArray.from_buffers(len(texts), *buffers)


def repeated_text(text: str, n: int) -> pa.Array:
    """Return an array of `n` times the same text."""
    data = text.encode()
    ends = array("i", [len(data) * i for i in range(n + 1)])
    return pa.StringArray.from_buffers(n, pa.py_buffer(ends), pa.py_buffer(data * n))
