"""The CRC64 of many sequences by a compiled loop; imports numba."""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# numba compiles operations on arrays and registers, which Python's types do not describe.

import numpy as np

from attlas.pipeline.compiling import compile_cached


@compile_cached(nogil=True)
def compute_compiled(letters, offsets, table):
    """Return the CRC64 of each sequence, shape (n,) uint64.

    Args:
        letters: the bytes of all sequences, one after the other, uint8.
        offsets: where each begins and the last ends, shape (n + 1,), int64.
        table: the change of the checksum by each byte, shape (256,), uint64.
    """
    n = len(offsets) - 1
    checksums = np.empty(n, np.uint64)
    for i in range(n):
        checksum = np.uint64(0)
        for position in range(offsets[i], offsets[i + 1]):
            byte = (checksum ^ np.uint64(letters[position])) & np.uint64(255)
            checksum = table[byte] ^ (checksum >> np.uint64(8))
        checksums[i] = checksum
    return checksums
