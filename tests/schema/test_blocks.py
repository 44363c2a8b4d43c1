"""Digests of blocks: inside the file, invisible to readers of Parquet, and enough to check any range of it."""

import hashlib
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from helpers.block_case import ROWS, write

from attlas.schema import BrokenAtlasError
from attlas.schema.blocks import (
    DIGEST_BYTES,
    FEW_DIGEST_BYTES,
    PAGE_BYTES,
    FileBlocks,
    choose_block_bytes,
    digest_block,
    read_digests,
    read_tail,
)


def test_readers_of_parquet_read_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write(path)
    assert pq.read_table(path).equals(ROWS)
    assert pq.read_table(path, filters=[("n", ">", 39_990)]).num_rows == 9
    assert pl.read_parquet(path)["text"].to_list() == ROWS["text"].to_pylist()
    with duckdb.connect() as connection:
        rows = connection.sql(f"SELECT count(*), sum(n) FROM '{path}'").fetchall()
    assert rows == [(40_000, 799_980_000)]


def test_data_and_footer_are_as_they_were_and_digests_lie_between(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    plain = write(path)
    content, blocks = path.read_bytes(), FileBlocks.parse_tail(read_tail(path))
    assert content.startswith(plain[: blocks.data_bytes])
    assert content.endswith(plain[blocks.data_bytes :])
    digests = content[blocks.data_bytes : blocks.data_bytes + blocks.digests_bytes]
    for i in range(blocks.n_blocks):
        block = content[i * blocks.block_bytes : min((i + 1) * blocks.block_bytes, blocks.data_bytes)]
        # By hashlib alone: the first 16 bytes of the SHA-256.
        assert digests[16 * i : 16 * i + 16] == hashlib.sha256(block).digest()[:16]


def test_the_digests_of_a_large_file_are_on_pages_of_their_own() -> None:
    n_blocks = 3 * PAGE_BYTES // DIGEST_BYTES + 5
    blocks = FileBlocks(data_bytes=1024 * n_blocks, block_bytes=1024, page_digests=b"")
    assert blocks.digests_bytes == 16 * n_blocks
    assert blocks.pages_bytes == 4 * 16


@pytest.mark.parametrize(
    ("data_bytes", "block_bytes"),
    [(0, 1024), (1, 1024), (1 << 20, 1024), ((1 << 22) - 1, 1024), (1 << 22, 2048), (128_000_000, 8192)],
)
def test_blocks_grow_with_the_root_of_the_file(data_bytes: int, block_bytes: int) -> None:
    assert choose_block_bytes(data_bytes) == block_bytes


def test_a_file_without_digests_is_refused(tmp_path: Path) -> None:
    pq.write_table(ROWS, tmp_path / "x.parquet")
    with pytest.raises(BrokenAtlasError, match=r"(?s)x\.parquet is no file of an atlas.*no digests of blocks"):
        read_tail(tmp_path / "x.parquet")
    (tmp_path / "y.parquet").write_bytes(b"no Parquet")
    with pytest.raises(BrokenAtlasError, match="last bytes are not PAR1"):
        read_tail(tmp_path / "y.parquet")


def test_few_digests_are_part_of_the_tail(tmp_path: Path) -> None:
    write(tmp_path / "x.parquet", ROWS.slice(0, 4_000))
    tail = read_tail(tmp_path / "x.parquet")
    blocks = FileBlocks.parse_tail(tail)
    assert blocks.digests_bytes <= FEW_DIGEST_BYTES
    digests = read_digests(tail, blocks)
    assert digests is not None
    assert digest_block(digests) == blocks.page_digests
