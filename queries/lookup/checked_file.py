"""A file of an atlas behind a URL, every byte of which is checked by digests before it is given out.

The manifest has the digest of the file's tail, the tail those of pages of digests of its blocks (`schema/blocks.py`).
Ranges are read in whole blocks, and blocks are kept for a while: neighbouring reads share those at their borders. A
small file is read whole and checked by its own digest.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import Protocol

from attlas.queries.lookup.network_errors import not_as_noted
from attlas.schema import TableFile
from attlas.schema.blocks import DIGEST_BYTES, PAGE_BYTES, FileBlocks, digest_block, read_digests

WHOLE_BYTES = 1 << 15
"""A file up to this size is read whole: its footer and its tail are most of it."""
CACHE_BYTES = 1 << 25
"""Blocks kept in memory for each atlas."""


class RangeReader(Protocol):
    """Reads ranges of the files below a URL."""

    def read(self, path: str, start: int, n: int, *, n_bytes: int) -> bytes:
        """Return `n` bytes from `start` on of a file that has `n_bytes`."""


class BlockCache:
    """The blocks of an atlas read last, up to `CACHE_BYTES`; threads may share it."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()

    def get(self, path: str, index: int) -> bytes | None:
        """Return a block of a file; None if it is not kept."""
        with self._lock:
            block = self._blocks.get((path, index))
            if block is not None:
                self._blocks.move_to_end((path, index))
            return block

    def put(self, path: str, index: int, block: bytes) -> None:
        """Keep a block, and forget those that were not asked for longest."""
        with self._lock:
            self._n_bytes += len(block) - len(self._blocks.pop((path, index), b""))
            self._blocks[path, index] = block
            while self._n_bytes > CACHE_BYTES:
                self._n_bytes -= len(self._blocks.popitem(last=False)[1])


class CheckedFile:
    """One file of a manifest; threads may share it."""

    def __init__(
        self, reader: RangeReader, file: TableFile, *, address: str, cache: BlockCache, blocks: FileBlocks | None = None
    ) -> None:
        """Remember which file it is; nothing is read. `blocks` of None are read from the tail."""
        self.n_bytes = file.n_bytes
        self._file = file
        self._address = address
        self._cache = cache
        self._fetch = partial(reader.read, file.path, n_bytes=file.n_bytes)
        self._lock = threading.Lock()
        self._whole: bytes | None = None
        self._tail: bytes | None = None
        self._blocks = blocks
        self._pages: dict[int, bytes] = {}
        """Pages of digests that were read, by number."""

    def read(self, begin: int, end: int) -> bytes:
        """Return bytes `begin` to `end` of the file.

        Raises:
            BrokenAtlasError: the file is not there, or not as the manifest says.
            EnvironmentFault: it could not be reached, or its server answers no range requests.
        """
        if self.n_bytes <= WHOLE_BYTES:
            return self._read_whole()[begin:end]

        tail_start = self.n_bytes - self._file.tail_bytes
        parts = []
        if begin < tail_start:
            blocks = self._read_blocks()
            if begin < blocks.data_bytes:
                parts.append(self._read_data(blocks, begin, min(end, blocks.data_bytes)))
            if end > blocks.data_bytes and tail_start > blocks.data_bytes:  # the digests, where the tail lacks them
                start, stop = max(begin, blocks.data_bytes), min(end, tail_start)
                parts.append(self._read_digests(blocks, start - blocks.data_bytes, stop - blocks.data_bytes))

        if end > tail_start:
            parts.append(self.read_tail()[max(begin - tail_start, 0) : end - tail_start])

        return b"".join(parts)

    def read_tail(self) -> bytes:
        """Return the end of the file, the Parquet footer inside it. Raises as `read`."""
        if self.n_bytes <= WHOLE_BYTES:
            return self._read_whole()[-self._file.tail_bytes :]

        with self._lock:
            if self._tail is None:
                start = self.n_bytes - self._file.tail_bytes
                tail = self._fetch(start, self._file.tail_bytes)
                self._check("tail", hashlib.sha256(tail).hexdigest(), self._file.tail_sha256)
                self._tail = tail
            return self._tail

    def _read_whole(self) -> bytes:
        with self._lock:
            if self._whole is None:
                content = self._fetch(0, self.n_bytes)
                self._check("file", hashlib.sha256(content).hexdigest(), self._file.sha256)
                self._whole = content
            return self._whole

    def _read_blocks(self) -> FileBlocks:
        """Return the blocks that the file is cut into, read from its tail where nobody has told of them."""
        if self._blocks is None:
            tail = self.read_tail()
            try:
                blocks = FileBlocks.parse_tail(tail)
            except ValueError as error:
                raise not_as_noted(self._address, expected="digests of its blocks", observed=str(error)) from error

            tail_start = self.n_bytes - len(tail)
            digests = read_digests(tail, blocks)
            if digests is not None:
                self._pages[0] = digests  # few enough for one page
            if blocks.data_bytes + (blocks.digests_bytes if digests is None else 0) != tail_start:
                data_words = f"{blocks.data_bytes:,} bytes"
                raise not_as_noted(self._address, expected=f"{tail_start:,} bytes of data", observed=data_words)

            self._blocks = blocks

        return self._blocks

    def _read_digests(self, blocks: FileBlocks, start: int, stop: int) -> bytes:
        """Return bytes `start` to `stop` of the digests of all blocks, end to end; whole pages are read and kept."""
        first_page, end_page = start // PAGE_BYTES, -(-stop // PAGE_BYTES)
        with self._lock:
            for run_start, run_end in _runs([i for i in range(first_page, end_page) if i not in self._pages]):
                begin = run_start * PAGE_BYTES
                run = self._fetch(blocks.data_bytes + begin, min(run_end * PAGE_BYTES, blocks.digests_bytes) - begin)
                for i in range(run_start, run_end):
                    self._keep_page(blocks, i, run[i * PAGE_BYTES - begin : (i + 1) * PAGE_BYTES - begin])
            joined = b"".join(self._pages[i] for i in range(first_page, end_page))
        return joined[start - first_page * PAGE_BYTES : stop - first_page * PAGE_BYTES]

    def _keep_page(self, blocks: FileBlocks, index: int, page: bytes) -> None:
        noted = blocks.page_digests[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]
        self._check(f"page {index} of digests", digest_block(page).hex(), noted.hex())
        self._pages[index] = page

    def _read_data(self, blocks: FileBlocks, begin: int, end: int) -> bytes:
        """Return bytes of the data, out of whole blocks: those not kept are read, neighbours in one request."""
        size = blocks.block_bytes
        first_block, end_block = begin // size, -(-end // size)
        cached = {i: self._cache.get(self._file.path, i) for i in range(first_block, end_block)}
        content = {i: block for i, block in cached.items() if block is not None}
        for start, stop in _runs([i for i in cached if i not in content]):
            content |= self._read_run(blocks, start, stop)

        joined = b"".join(content[i] for i in range(first_block, end_block))
        return joined[begin - first_block * size : end - first_block * size]

    def _read_run(self, blocks: FileBlocks, start: int, stop: int) -> dict[int, bytes]:
        """Return blocks `start` to `stop` by number, read in one request, checked and kept."""
        digests = self._read_digests(blocks, start * DIGEST_BYTES, stop * DIGEST_BYTES)
        size, begin = blocks.block_bytes, start * blocks.block_bytes
        run = self._fetch(begin, min(stop * size, blocks.data_bytes) - begin)

        content = {}
        for i in range(start, stop):
            block = run[i * size - begin : (i + 1) * size - begin]
            noted = digests[(i - start) * DIGEST_BYTES : (i + 1 - start) * DIGEST_BYTES]
            self._check(f"bytes {i * size:,} to {i * size + len(block):,}", digest_block(block).hex(), noted.hex())
            self._cache.put(self._file.path, i, block)
            content[i] = block

        return content

    def _check(self, part: str, digest: str, expected: str) -> None:
        if digest != expected:
            raise not_as_noted(self._address, expected=f"{part}: sha256 {expected}", observed=f"sha256 {digest}")


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, end) of each run of consecutive numbers, given in order."""
    for i, number in enumerate(numbers):
        if i == 0 or numbers[i - 1] != number - 1:
            start = number
        if i + 1 == len(numbers) or numbers[i + 1] != number + 1:
            yield start, number + 1
