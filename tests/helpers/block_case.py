"""A Parquet file with the digests of its blocks, for the tests of both rooms that know of them."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema.blocks import add_block_digests

ROWS = pa.table({"n": list(range(40_000)), "text": [hashlib.md5(b"%d" % n).hexdigest() for n in range(40_000)]})


def write(path: Path, rows: pa.Table = ROWS) -> bytes:
    """Write a file with digests; return the bytes it had without."""
    pq.write_table(rows, path, row_group_size=5_000, compression="zstd", write_page_index=True)
    plain = path.read_bytes()
    add_block_digests(path)
    return plain
