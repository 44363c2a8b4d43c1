"""Parquet → rows: a column of proteins and one of positions, or of lists of them, as `export parquet` writes."""

import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries.comparing.claims import Row
from attlas.queries.comparing.columns import expected, roles, row_of
from attlas.schema import InputError

MARK = b"PAR1"


def read(data: bytes, path: Path) -> Iterator[Row]:
    """Yield a row per row.

    Raises:
        InputError: it is damaged, or lacks a column.
    """
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        places = roles(file.schema_arrow.names)
        if not {"accession", "position"} <= set(places):
            raise InputError(
                f"{path.name} lacks a column.",
                expected=expected("accession", "position"),
                found=", ".join(file.schema_arrow.names)[:120],
            )
        names = {role: file.schema_arrow.names[at] for role, at in places.items()}
        table = file.read(columns=list(names.values()))
    except (pa.ArrowException, OSError) as error:
        found = str(error).splitlines()[0]
        raise InputError(f"{path.name} is no Parquet that can be read.", found=found) from error
    columns = [table.column(name).to_pylist() for name in names.values()]
    for number, values in enumerate(zip(*columns, strict=True), start=1):
        yield row_of({role: _text(value) for role, value in zip(names, values, strict=True)}, number)


def _text(value: object) -> str | None:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return None if value is None else str(value)
