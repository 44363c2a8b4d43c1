"""A file read by ranges: whatever is asked, the bytes of the file or an error; few requests."""

import hashlib
from pathlib import Path

import pytest
from helpers.block_case import ROWS, write
from hypothesis import given, settings
from hypothesis import strategies as st

from attlas.queries.lookup.checked_file import WHOLE_BYTES, BlockCache, CheckedFile
from attlas.schema import BrokenAtlasError, TableFile
from attlas.schema.blocks import FileBlocks, read_digests, read_tail


def entry(path: Path) -> TableFile:
    content, tail = path.read_bytes(), read_tail(path)
    digests = [hashlib.sha256(data).hexdigest() for data in (content, tail)]
    return TableFile("sites", "sites/shard-00001.parquet", 1, len(content), digests[0], len(tail), digests[1])


class Bytes:
    """Reads ranges of a text of bytes, and counts."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges: list[tuple[int, int]] = []

    def read(self, path: str, begin: int, n: int, *, n_bytes: int) -> bytes:
        assert 0 <= begin <= begin + n <= n_bytes == len(self.content)
        self.ranges.append((begin, n))
        return self.content[begin : begin + n]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, TableFile]]:
    """A file with its digests in the tail, one with several pages of them, and one read whole: bytes and entry."""
    folder = tmp_path_factory.mktemp("blocks")
    sizes = {"small": 200, "medium": 4_000, "large": 40_000}
    made = {}
    for name, n_rows in sizes.items():
        path = folder / f"{name}.parquet"
        write(path, ROWS.slice(0, n_rows))
        made[name] = (path.read_bytes(), entry(path))
    assert len(made["small"][0]) < WHOLE_BYTES < len(made["medium"][0])
    tails = [read_tail(folder / f"{name}.parquet") for name in ("medium", "large")]
    assert [read_digests(tail, FileBlocks.parse_tail(tail)) is None for tail in tails] == [False, True]
    return made


def checked(content: bytes, file: TableFile) -> tuple[CheckedFile, Bytes]:
    reader = Bytes(content)
    return CheckedFile(reader, file, address="http://x/y", cache=BlockCache()), reader


@pytest.mark.parametrize("name", ["small", "medium", "large"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_ranges_in_any_order_give_the_bytes_of_the_file(
    files: dict[str, tuple[bytes, TableFile]], name: str, data: st.DataObject
) -> None:
    content, file = files[name]
    opened, _ = checked(content, file)
    places = st.integers(0, len(content))
    for _ in range(4):
        begin, end = sorted([data.draw(places), data.draw(places)])
        assert opened.read(begin, end) == content[begin:end]


@pytest.mark.parametrize("name", ["small", "medium", "large"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_noticed_by_whoever_reads_the_file(
    files: dict[str, tuple[bytes, TableFile]], name: str, data: st.DataObject
) -> None:
    content, file = files[name]
    at = data.draw(st.integers(0, len(content) - 1))
    harmed = content[:at] + bytes([content[at] ^ (1 << data.draw(st.integers(0, 7)))]) + content[at + 1 :]
    opened, _ = checked(harmed, file)
    with pytest.raises(BrokenAtlasError, match="http://x/y is not as the manifest says"):
        opened.read(0, len(content))


def test_a_range_read_again_costs_no_request_and_neighbours_share_their_border(
    files: dict[str, tuple[bytes, TableFile]],
) -> None:
    content, file = files["large"]
    opened, reader = checked(content, file)
    opened.read(5_000, 5_010)
    n_requests = len(reader.ranges)
    assert n_requests == 3  # the tail, a page of digests, a block
    opened.read(5_003, 5_009)
    assert len(reader.ranges) == n_requests
    opened.read(5_000, 5_000 + 3 * 1024)
    assert len(reader.ranges) == n_requests + 1
    assert reader.ranges[-1][0] == 5 * 1024  # the block read before is not read again
