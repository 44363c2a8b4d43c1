"""A table of numbers as text rows: CSV and TSV, packed or not, and Parquet."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.intake.rows import NumberedRow, read_quoted_rows, read_tab_rows, split_row
from attlas.pipeline.annotate.source import first_lines, source_lines
from attlas.pipeline.annotate.values.columns import is_header
from attlas.schema import InputError

PARQUET_MARK = b"PAR1"
"""How a Parquet file begins."""
_DELIMITERS = ",;\t"
_BATCH_ROWS = 65_536


def read_rows(path: Path, format: str) -> Iterator[NumberedRow]:
    """Yield the rows of a table, its header first where it has one.

    Args:
        path: the table.
        format: `csv`, `tsv` or `parquet`.

    Raises:
        InputError: it cannot be read.
    """
    return _parquet_rows(path) if format == "parquet" else _text_rows(path, format)


def table_delimiter(line: str) -> str:
    """Return what parts the columns of a table, told by one line."""
    return max(_DELIMITERS, key=line.count)


def _text_rows(path: Path, format: str) -> Iterator[NumberedRow]:
    lines = first_lines(path)
    first_line = next((line for line in lines if not line.startswith("#")), "")
    delimiter = "\t" if format == "tsv" else table_delimiter(first_line)

    # Some tables have their header in a comment, such as `#CHROM  POS  ...` of AlphaMissense.
    if not is_header(split_row(first_line, delimiter)):
        headers = [split_row(line.lstrip("#"), delimiter) for line in lines if line.startswith("#")]
        yield from ((0, header) for header in headers[-1:] if is_header(header))

    numbered = source_lines(path)
    yield from read_tab_rows(numbered) if delimiter == "\t" else read_quoted_rows(numbered, delimiter, name=path.name)


def _parquet_rows(path: Path) -> Iterator[NumberedRow]:
    """Yield the names of the columns, then the rows, numbered from 1; what is null is an empty text."""
    try:
        with pq.ParquetFile(path) as file:
            yield 0, list(file.schema_arrow.names)

            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield number, ["" if value is None else str(value) for value in row]
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path.name} cannot be read as Parquet.",
            expected="a whole Parquet file",
            found=str(error).splitlines()[0],
            hint="copy or download it again",
        ) from error
