"""Many rows of a table of numbers at once: the columns that are read, as Arrow texts.

A block holds only rows that are cut into columns without a question: text in ASCII without quotes, comments and blank
lines, each line with as many columns as the header; rows of Parquet whose columns are texts and numbers. Whatever else
a table holds is read row by row (`table_rows.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attlas.intake.rows import NumberedRow
from attlas.intake.text import NumberedLine, decode, utf8_chunks

CHUNK_BYTES = 1 << 22
"""Bytes of text that are cut at once."""
FIRST_BYTES = 1 << 16
"""Bytes of the first lines, which are read row by row: they tell what the columns are."""
LONGEST_LINE = 100_000
"""Bytes of a line in a block; the reader of longer ones has limits of its own."""
_NEWLINE = ord("\n")


@dataclass(frozen=True)
class RowBlock:
    """Rows of a table that follow each other without a gap."""

    first_line: int
    """Line of the first row, or its number in a Parquet file, from 1."""
    n_rows: int
    columns: Mapping[int, pa.Array]
    """The columns that are read, by their places: texts without blanks at their ends, and float64 numbers."""
    cells: Callable[[int], list[str]]
    """Returns the cells of a row, as it is read by itself."""

    def row(self, i: int) -> NumberedRow:
        """Return a row of the block, counted from 0, with its line."""
        return self.first_line + i, self.cells(i)


@dataclass(frozen=True)
class Chunk:
    """Some whole lines of a text."""

    first_line: int
    data: bytes
    """UTF-8, or Latin-1 as it is."""

    def numbered_lines(self) -> Iterator[NumberedLine]:
        """Yield the lines without their ends; one that is not UTF-8 is Latin-1."""
        for number, line in enumerate(self.data.splitlines(), start=self.first_line):
            yield number, decode(line)


def text_chunks(handle: IO[bytes], *, name: str) -> Iterator[Chunk]:
    """Yield an open file in pieces of whole lines, the first of them small; the last line with or without its end.

    Raises:
        InputError: it is broken UTF-16.
    """
    line = 1
    for data in _whole_lines(utf8_chunks(handle, name=name, n_bytes=FIRST_BYTES)):
        data = _with_plain_ends(data)
        yield Chunk(line, data)
        line += data.count(b"\n") if b"\r" not in data else len(data.splitlines())


def cut_chunk(chunk: Chunk, *, delimiter: str, n_columns: int, places: Iterable[int]) -> RowBlock | None:
    """Return the rows of a chunk, cut at delimiters; None where one of them is not as a block has them."""
    data = chunk.data if chunk.data.endswith(b"\n") else chunk.data + b"\n"
    if not data.isascii() or b'"' in data or b"\r" in data:
        return None

    letters = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((letters == ord(delimiter)) | (letters == _NEWLINE))  # of cells
    if len(ends) % n_columns:
        return None
    is_newline = (letters[ends] == _NEWLINE).reshape(-1, n_columns)
    if is_newline[:, :-1].any() or not is_newline[:, -1].all():
        return None

    line_ends = ends[n_columns - 1 :: n_columns]
    line_starts = np.concatenate([[0], line_ends[:-1] + 1])
    are_blank = np.maximum.reduceat(letters, line_starts) <= ord(" ")
    are_comments = letters[line_starts] == ord("#")
    if are_blank.any() or are_comments.any() or (line_ends - line_starts).max() > LONGEST_LINE:
        return None

    def cells(i: int) -> list[str]:
        return data[line_starts[i] : line_ends[i]].decode("ascii").split(delimiter)

    return RowBlock(chunk.first_line, len(line_ends), _cut_columns(data, ends, n_columns, places), cells)


def _cut_columns(data: bytes, ends: np.ndarray, n_columns: int, places: Iterable[int]) -> dict[int, pa.Array]:
    # Cells and what parts them are texts of one array, in turns: the bytes stay where they are.
    offsets = np.zeros(2 * len(ends) + 1, np.int32)
    offsets[1::2] = ends
    offsets[2::2] = ends + 1
    texts = pa.StringArray.from_buffers(2 * len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
    first_cells = np.arange(0, 2 * len(ends), 2 * n_columns)
    return {place: pc.ascii_trim_whitespace(texts.take(pa.array(first_cells + 2 * place))) for place in places}


def cut_batch(
    batch: pa.RecordBatch, *, first_row: int, places: Iterable[int], value: int, position: int | None
) -> RowBlock | None:
    """Return rows of Parquet as a block; None where a column that is read has values of another kind.

    The column `value` may hold floating numbers, and `position` those that are whole.
    """
    columns = {}
    for place in places:
        column = batch.column(place)
        if place == position and pa.types.is_floating(column.type):
            column = _whole_numbers(column)
        column = _plain_column(column, may_be_float=place == value)
        if column is None:
            return None
        columns[place] = column

    def cells(i: int) -> list[str]:
        return ["" if text.as_py() is None else str(text.as_py()) for text in (column[i] for column in batch.columns)]

    return RowBlock(first_row, batch.num_rows, columns, cells)


def _whole_numbers(column: pa.Array) -> pa.Array:
    """Return a column of floating numbers as integers, or as it is where one of them has a fraction."""
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column


def _plain_column(column: pa.Array, *, may_be_float: bool) -> pa.Array | None:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        return column.cast(pa.float64()) if may_be_float else None
    if pa.types.is_integer(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pc.ascii_trim_whitespace(column.cast(pa.string()).fill_null(""))
    return None


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces of a text joined to about CHUNK_BYTES, but for the first, and cut behind the end of a line."""
    pending: list[bytes] = []
    n_pending, n_bytes = 0, FIRST_BYTES
    for piece in pieces:
        pending.append(piece)
        n_pending += len(piece)
        if n_pending < n_bytes:
            continue

        data = b"".join(pending)
        # A carriage return at the very end may be half of a line end.
        end = max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1
        if end:
            yield data[:end]
        pending, n_pending, n_bytes = [data[end:]], len(data) - end, CHUNK_BYTES

    if any(pending):
        yield b"".join(pending)


def _with_plain_ends(data: bytes) -> bytes:
    """Return lines that end as Windows has it with the ends of Unix; others as they are."""
    n_returns = data.count(b"\r")
    return data.replace(b"\r\n", b"\n") if n_returns and n_returns == data.count(b"\r\n") else data
