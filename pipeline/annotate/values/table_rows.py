"""A table of numbers in pieces, each as rows of text or, where it is plain, as a block: CSV, TSV, Parquet."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.intake.rows import NumberedRow, read_quoted_rows, read_tab_rows, split_row
from attlas.pipeline.annotate.source import first_lines, open_source
from attlas.pipeline.annotate.values.blocks import Chunk, RowBlock, cut_batch, cut_chunk, text_chunks
from attlas.pipeline.annotate.values.columns import ValueColumns, is_header
from attlas.schema import InputError

PARQUET_MARK = b"PAR1"
"""First bytes of a Parquet file."""
_DELIMITERS = ",;\t"
_BATCH_ROWS = 65_536


class Piece(Protocol):
    """Some rows of a table, to be read in one of two ways."""

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows with their lines."""
        ...

    def cut(self, columns: ValueColumns) -> RowBlock | None:
        """Return the rows as a block; None where they are not plain."""
        ...


@dataclass(frozen=True)
class _MisplacedHeader:
    """A header that is not at the beginning of the rows."""

    cells: list[str]

    def rows(self) -> Iterator[NumberedRow]:
        yield 0, self.cells

    def cut(self, columns: ValueColumns) -> None:
        return None


@dataclass(frozen=True)
class _TextPiece:
    """Some lines of a table of text."""

    chunk: Chunk
    later_chunks: Iterator[Chunk]
    """The lines that have not been read yet."""
    delimiter: str
    name: str

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows; where a quoted cell may go over several lines, those of all later chunks, too."""
        if self.delimiter == "\t":
            return read_tab_rows(self.chunk.numbered_lines())
        chunks = chain([self.chunk], self.later_chunks if b'"' in self.chunk.data else ())
        lines = (line for chunk in chunks for line in chunk.numbered_lines())
        return read_quoted_rows(lines, self.delimiter, name=self.name)

    def cut(self, columns: ValueColumns) -> RowBlock | None:
        return cut_chunk(self.chunk, delimiter=self.delimiter, n_columns=columns.n, places=columns.all_places)


@dataclass(frozen=True)
class _ParquetPiece:
    """Some rows of a Parquet file, numbered from 1; what is null is an empty text."""

    batch: pa.RecordBatch
    first_row: int

    def rows(self) -> Iterator[NumberedRow]:
        rows = zip(*(column.to_pylist() for column in self.batch.columns), strict=True)
        for number, row in enumerate(rows, start=self.first_row):
            yield number, ["" if value is None else str(value) for value in row]

    def cut(self, columns: ValueColumns) -> RowBlock | None:
        return cut_batch(
            self.batch,
            first_row=self.first_row,
            places=columns.all_places,
            value=columns.value,
            position=columns.places.get("position"),
        )


def read_pieces(path: Path, format: str) -> Iterator[Piece]:
    """Yield a table piece by piece, its header first where it has one; the rows of a piece before the next is read.

    Args:
        path: the table.
        format: `csv`, `tsv` or `parquet`.

    Raises:
        InputError: it cannot be read.
    """
    return _parquet_pieces(path) if format == "parquet" else _text_pieces(path, format)


def table_delimiter(line: str) -> str:
    """Return the sign between the columns of a table, told by one line."""
    return max(_DELIMITERS, key=line.count)


def _text_pieces(path: Path, format: str) -> Iterator[Piece]:
    lines = first_lines(path)
    first_line = next((line for line in lines if not line.startswith("#")), "")
    delimiter = "\t" if format == "tsv" else table_delimiter(first_line)

    # Some tables have their header in a comment, such as `#CHROM  POS  ...` of AlphaMissense.
    if not is_header(split_row(first_line, delimiter)):
        yield from map(_MisplacedHeader, _header_in_comments(lines, delimiter))

    with open_source(path) as handle:
        chunks = text_chunks(handle, name=path.name)
        for chunk in chunks:
            yield _TextPiece(chunk, chunks, delimiter, path.name)


def _header_in_comments(lines: Iterable[str], delimiter: str) -> Sequence[list[str]]:
    """Return the last comment as the header that it is; nothing where it is none."""
    comments = [split_row(line.lstrip("#"), delimiter) for line in lines if line.startswith("#")]
    return [cells for cells in comments[-1:] if is_header(cells)]


def _parquet_pieces(path: Path) -> Iterator[Piece]:
    try:
        with pq.ParquetFile(path) as file:
            yield _MisplacedHeader(list(file.schema_arrow.names))

            first_row = 1
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                yield _ParquetPiece(batch, first_row)
                first_row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path.name} cannot be read as Parquet.",
            expected="a whole Parquet file",
            found=str(error).splitlines()[0],
            hint="copy or download it again",
        ) from error
