"""Parquet → rows: a column of proteins and one of positions, or of lists of them, as `export parquet` writes."""

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.intake.files import HandedFile
from attlas.queries.comparing.columns import expected_columns, read_row, site_columns
from attlas.queries.comparing.published import PublishedRow
from attlas.schema import InputError

MAGIC = b"PAR1"
"""How a Parquet file begins."""


def read_parquet(file: HandedFile) -> Iterator[PublishedRow]:
    """Yield the rows of a table.

    Raises:
        InputError: it is damaged, or lacks a column.
    """
    try:
        parquet = pq.ParquetFile(io.BytesIO(file.data))
        header = parquet.schema_arrow.names
        places = site_columns(header)
        if not {"accession", "position"} <= set(places):
            raise InputError(
                f"{file.name} lacks a column.",
                expected=expected_columns("accession", "position"),
                found=", ".join(header)[:120],
            )

        table = parquet.read(columns=[header[place] for place in places.values()])
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file.name} is no Parquet that can be read.", found=reason) from error

    columns = [table.column(header[place]).to_pylist() for place in places.values()]
    for number, values in enumerate(zip(*columns, strict=True), start=1):
        yield read_row({column: _text(value) for column, value in zip(places, values, strict=True)}, number)


def _text(value: object) -> str | None:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return None if value is None else str(value)
