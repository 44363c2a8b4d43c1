"""Values by ranges of sequences: what memory does not hold waits on the disk, and each range is sorted by itself.

The whole of AlphaMissense for a human atlas has 216 million values, which sorted in memory would take 40 GB. The ranges
follow each other as the rows of the table do, so that what is made of one range after the other is the sorted whole.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from attlas.pipeline.annotate.gather import DraftTable
from attlas.pipeline.annotate.values.records import ValueRow
from attlas.pipeline.scratch import Scratch, writing_to

HELD_ROWS = 2_000_000
"""Values held in memory, some 100 MB of them; beyond, they are written to the disk."""
RANGE_RESIDUES = 100_000
"""Residues of the sequences of a range, unless one is longer: at 19 variants each, about as many values as are held."""
MOST_RANGES = 1_000
"""Files of ranges."""
KEY = ("sequence_id", "accession", "position", "substitute")
"""Order of the values of one source, and what makes two of them values of the same residue or variant."""


def split_sequences(lengths: Mapping[int, int]) -> list[int]:
    """Return the first sequence of each range, of sequences whose lengths are given by their ids."""
    n_residues = max(RANGE_RESIDUES, sum(lengths.values()) // MOST_RANGES)
    starts: list[int] = []
    n_of_range = n_residues
    for sequence_id in sorted(lengths):
        if n_of_range >= n_residues:
            starts.append(sequence_id)
            n_of_range = 0
        n_of_range += lengths[sequence_id]
    return starts


@dataclass
class SpilledValues:
    """Values in the order in which they come; beyond HELD_ROWS they lie on the disk."""

    starts: list[int]
    """The first sequence of each range."""
    scratch: Scratch
    held: DraftTable = field(default_factory=lambda: DraftTable(ValueRow._fields))
    n_held: int = 0
    paths: dict[int, Path] = field(default_factory=dict)
    """The files on the disk, by the numbers of their ranges."""

    def add(self, row: ValueRow) -> None:
        """Take a row."""
        self.held.add(row)
        self._count(1)

    def add_table(self, rows: pa.Table) -> None:
        """Take rows with the columns of `ValueRow`."""
        self.held.add_table(rows)
        self._count(rows.num_rows)

    def sorted_parts(self) -> Iterator[pa.Table]:
        """Yield the values, in order by KEY and within it as they came: all at once, or range by range."""
        if not self.paths:
            yield self.held.sorted(KEY)
            return

        self._spill()
        for number in sorted(self.paths):
            part = DraftTable(ValueRow._fields)
            for rows in _read_streams(self.paths.pop(number)):
                part.add_table(rows)
            yield part.sorted(KEY)

    def _count(self, n_rows: int) -> None:
        self.n_held += n_rows
        if self.n_held >= HELD_ROWS:
            self._spill()

    def _spill(self) -> None:
        """Write what is held to the files of its ranges."""
        rows = self.held.sorted(KEY[:1])
        self.held, self.n_held = DraftTable(ValueRow._fields), 0
        sequence_ids = rows["sequence_id"].to_numpy()
        begin = 0
        while begin < len(sequence_ids):
            number = bisect_right(self.starts, sequence_ids[begin])  # from 1
            is_last = number == len(self.starts)
            end = len(sequence_ids) if is_last else int(sequence_ids.searchsorted(self.starts[number]))
            path = self.paths.setdefault(number, self.scratch.folder() / f"range-{number:04d}.arrows")
            _append_stream(path, rows.slice(begin, end - begin))
            begin = end


@dataclass
class JoinedTable:
    """Tables joined to one, in order: a single table stays in memory, several are written to a file that is mapped."""

    scratch: Scratch
    only_table: pa.Table | None = None
    """The table before there is a second one."""
    writer: pa.ipc.RecordBatchFileWriter | None = None

    def add(self, rows: pa.Table) -> None:
        """Take the next table; all have the same columns."""
        if self.only_table is None:
            self.only_table = rows
            return

        with writing_to(self._path):
            if self.writer is None:
                self.writer = pa.ipc.new_file(str(self._path), self.only_table.schema)
                self.writer.write_table(self.only_table)
            self.writer.write_table(rows)

    def finish(self) -> pa.Table:
        """Return the whole. Of a mapped file the system holds in memory what it has room for."""
        if self.only_table is None:
            raise ValueError("there is no table to be joined")
        if self.writer is None:
            return self.only_table

        self.only_table = None
        with writing_to(self._path):
            self.writer.close()
        return pa.ipc.open_file(pa.memory_map(str(self._path))).read_all()

    @property
    def _path(self) -> Path:
        return self.scratch.folder() / "joined.arrow"


def _append_stream(path: Path, rows: pa.Table) -> None:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with writing_to(path), path.open("ab") as file, pa.ipc.new_stream(file, rows.schema, options=options) as writer:
        writer.write_table(rows)


def _read_streams(path: Path) -> Iterator[pa.Table]:
    """Yield the tables of a file that was appended to, and remove it."""
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < n_bytes:
            yield pa.ipc.open_stream(file).read_all()
    path.unlink()
