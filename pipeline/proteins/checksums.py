"""The CRC64 of sequences as UniProt computes it, all at once, and the numbers of checksums as texts."""
# mypy: disable-error-code="no-untyped-call"
# What numba compiles is not typed.

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

COMPILED_FROM = 4 << 20
"""Letters from which on a compiled loop is used: it has to be imported first, which takes half a second."""
_POLYNOMIAL = 0xD800000000000000
"""x^64 + x^4 + x^3 + x + 1 of ISO 3309, reflected."""


def compute_crc64(sequences: pa.StringArray) -> NDArray[np.uint64]:
    """Return the CRC64 of each sequence, shape (n,). Nulls are not allowed."""
    letters, offsets = _view_text(sequences)
    checksums = _compute(letters, offsets)

    # Of a letter that is not ASCII the lowest byte counts, as in Biopython; its sequence is skipped anyway.
    for i in np.flatnonzero(pc.not_equal(pc.binary_length(sequences), pc.utf8_length(sequences))).tolist():
        code_points = np.frombuffer(sequences[i].as_py().encode("utf-32-le", "surrogatepass"), np.uint32)
        checksums[i] = _compute(code_points.astype(np.uint8), np.array([0, len(code_points)]))[0]
    return checksums


def format_hexadecimal(values: NDArray[np.uint8], *, digits: str = "0123456789abcdef") -> pa.StringArray:
    """Return rows of bytes, shape (n, k), as texts of 2 k hexadecimal digits each."""
    pairs = np.frombuffer("".join(a + b for a in digits for b in digits).encode(), "S2")
    n, n_bytes = values.shape
    offsets = np.arange(n + 1, dtype=np.int32) * 2 * n_bytes
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(pairs[values].tobytes()))


def format_crc64(checksums: NDArray[np.uint64]) -> pa.StringArray:
    """Return checksums as UniProt writes them: 16 upper-case hexadecimal digits."""
    values = checksums.astype(">u8").view(np.uint8).reshape(-1, 8)
    return format_hexadecimal(values, digits="0123456789ABCDEF")


def _view_text(texts: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes of texts, one after the other, and where each begins and the last ends, shape (n + 1,)."""
    if not len(texts):
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    _, offsets_buffer, data = texts.buffers()
    all_offsets = np.frombuffer(offsets_buffer, np.int32)
    offsets = all_offsets[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    letters = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return letters[offsets[0] : offsets[-1]], offsets - offsets[0]


def _compute(letters: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    if len(letters) < COMPILED_FROM:
        return _compute_together(letters, offsets)
    from attlas.pipeline.proteins.compiled_crc64 import compute_compiled

    checksums: NDArray[np.uint64] = compute_compiled(letters, offsets, _make_table())
    return checksums


def _compute_together(letters: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the CRC64 of each sequence: all advance together by one letter at a time, without a compiler."""
    lengths = np.diff(offsets)
    order = np.argsort(-lengths, kind="stable")
    starts = offsets[:-1][order]

    table = _make_table()
    checksums = np.zeros(len(lengths), np.uint64)  # longest sequence first
    n_at_least = len(lengths) - np.searchsorted(np.sort(lengths), np.arange(lengths.max(initial=0)), side="right")
    for position, n in enumerate(n_at_least.tolist()):
        checksum = checksums[:n]
        byte = checksum.astype(np.uint8) ^ letters[starts[:n] + position]
        checksums[:n] = table[byte] ^ (checksum >> np.uint64(8))

    in_order = np.empty_like(checksums)
    in_order[order] = checksums
    return in_order


def _make_table() -> NDArray[np.uint64]:
    """Return the change of the checksum by each byte, (256,) uint64."""
    table = []
    for byte in range(256):
        checksum = byte
        for _ in range(8):
            checksum = (checksum >> 1) ^ (_POLYNOMIAL if checksum & 1 else 0)
        table.append(checksum)
    return np.array(table, np.uint64)
