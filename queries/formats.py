"""Rows of any query as CSV, TSV, JSON, Parquet, Arrow or text, batch by batch: memory does not grow with the result."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from itertools import chain, islice
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries.text import Layout, printable, printable_lines
from attlas.schema import QuestionError

TABLE_SAMPLE_ROWS = 1_000
"""Rows whose widths decide the columns of a text table; later ones may stand out, but nothing is held back."""
NO_ROWS = "(no rows)"
PLAN = ["explain_key", "explain_value"]
"""Columns of what EXPLAIN answers: a drawing of many lines, shown as it is."""


def write_csv(rows: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write RFC 4180 CSV, UTF-8, `\\n` line ends, one header line; null is empty; lists and structs are JSON."""
    _write_delimited(rows, sink, delimiter=",")


def write_tsv(rows: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write tab-separated values, UTF-8, one header line; null is empty; lists and structs are JSON.

    Quotes are those of CSV, as pandas and polars expect them by default: a value that holds a tab, a line end or a
    quote stands between `"`, and a quote in it is doubled. All else is as it is.
    """
    _write_delimited(rows, sink, delimiter="\t")


def write_json(rows: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write one JSON array of objects, an object per line."""
    refuse_same_names(rows.schema)
    before = b"[\n"
    for row in json_rows(rows):
        sink.write(before + dump_json(row))
        before = b",\n"
    sink.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def write_parquet(rows: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write Parquet, zstd; the metadata of the schema goes with it."""
    refuse_same_names(rows.schema)

    try:
        writer = pq.ParquetWriter(sink, rows.schema, compression="zstd")
    except pa.ArrowNotImplementedError as error:
        raise _unwritable("Parquet", error) from error

    with writer:
        for batch in rows:
            writer.write_batch(batch)


def write_arrow(rows: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write the Arrow IPC file format, not compressed; the metadata of the schema goes with it."""
    refuse_same_names(rows.schema)
    with pa.ipc.new_file(sink, rows.schema) as writer:
        _write_batches(rows, writer)


def write_arrow_stream(rows: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write the Arrow IPC streaming format, as `write_arrow` writes the file format."""
    refuse_same_names(rows.schema)
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        _write_batches(rows, writer)


def _write_batches(rows: pa.RecordBatchReader, writer: pa.RecordBatchStreamWriter) -> None:
    for batch in rows:
        # Taken row by row: DuckDB leaves whatever was in memory where a value is null, and it would be written.
        writer.write_batch(batch.take(pa.array(range(batch.num_rows), pa.int32())))


def write_text(
    rows: pa.RecordBatchReader, sink: BinaryIO, *, width: int | None = None, limit: int | None = None
) -> bool:
    """Write a table of text; return whether rows were left out because there are more than `limit`.

    `width` is that of the terminal, None for no bound: columns of text are folded to fit, and where that is not
    enough each row is a block of lines. `limit` None writes every row. An empty table says that it is.
    """
    if rows.schema.names == PLAN:
        return _write_plan(rows, sink)

    stream = _value_rows(rows)
    sample = list(islice(stream, TABLE_SAMPLE_ROWS if limit is None else limit))
    layout = Layout.of(rows.schema.names, sample)
    is_too_wide = width is not None and layout.folded(width) is None
    lines = layout.blocks(sample, width or 0) if is_too_wide else layout.lines(sample, width)

    later = () if limit is not None else map(layout.line, stream)
    for line in chain(lines, later if sample else [NO_ROWS]):
        sink.write(f"{line}\n".encode())

    return limit is not None and next(stream, None) is not None


def _write_plan(rows: pa.RecordBatchReader, sink: BinaryIO) -> bool:
    for _, plan in _value_rows(rows):
        sink.write(f"{printable_lines(str(plan))}\n".encode())
    return False


WRITERS = {
    "csv": write_csv,
    "tsv": write_tsv,
    "json": write_json,
    "parquet": write_parquet,
    "arrow": write_arrow,
    "arrows": write_arrow_stream,
}
"""The formats for other programs, by name; those of `BINARY` are no text."""
BINARY = ("parquet", "arrow", "arrows")


def json_rows(rows: pa.RecordBatchReader) -> Iterator[dict[str, object]]:
    """Yield each row as a dictionary, floats as short as their type allows."""
    names = rows.schema.names
    return (dict(zip(names, row, strict=True)) for row in _value_rows(rows))


def dump_json(value: object) -> bytes:
    """Return JSON in UTF-8 on one line; NaN and infinity, which JSON lacks, become null."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_make_plain, allow_nan=False).encode()
    except ValueError:
        return json.dumps(_without_nan(value), ensure_ascii=False, default=_make_plain).encode()


def _shortest(column: pa.Array) -> pa.Array:
    as_text = _recast(column.type, pa.string())
    return column if as_text == column.type else column.cast(as_text).cast(_recast(column.type, pa.float64()))


def refuse_same_names(schema: pa.Schema) -> None:
    """Refuse an answer whose columns do not have a name each.

    Raises:
        QuestionError: two or more columns share a name.
    """
    twice = sorted(name for name, n in Counter(schema.names).items() if n > 1)
    if twice:
        raise QuestionError(
            "This format needs a name for every column, and some share one.",
            found=f"twice or more: {', '.join(twice)}",
            hint="name the columns you want, with AS where they would be alike; csv, tsv and table do without",
        )


def _recast(kind: pa.DataType, to: pa.DataType) -> pa.DataType:
    """Return `kind` with every float32 in it, however deep, replaced."""
    if pa.types.is_float32(kind):
        return to
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_recast(kind.value_type, to), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(_recast(kind.value_type, to))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _recast(field.type, to)) for field in kind])
    return kind


def _value_rows(rows: pa.RecordBatchReader) -> Iterator[tuple[object, ...]]:
    # Not as dictionaries: two columns of a query may have one name.
    for batch in rows:
        columns = [_values(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
        yield from zip(*columns, strict=True)


def _values(name: str, column: pa.Array) -> list[object]:
    """Return the values of a column as Python has them, or as texts where Python's types lack them.

    Raises:
        QuestionError: they can be made neither, such as dates beyond the year 9999 in a list.
    """
    try:
        return list(_shortest(column).to_pylist())
    except (OverflowError, ValueError):  # a date beyond the year 9999, or nanoseconds
        pass
    except pa.ArrowNotImplementedError as error:
        raise _unwritable(f"text, column {printable(name)}", error) from error

    try:
        return list(column.cast(pa.string()).to_pylist())
    except pa.ArrowException as error:
        raise _unwritable(f"text, column {printable(name)}", error) from error


def _unwritable(form: str, error: Exception) -> QuestionError:
    return QuestionError(
        f"This answer has values that cannot be written as {form}.",
        found=printable(str(error).splitlines()[0]),
        hint="name the columns you want, and cast those of rare types: CAST(column AS VARCHAR)",
    )


def _write_delimited(rows: pa.RecordBatchReader, sink: BinaryIO, *, delimiter: str) -> None:
    names = [pa.array([name], pa.large_string()) for name in rows.schema.names]
    sink.write(_join_cells([_quote(name, delimiter) for name in names], delimiter))

    for batch in rows:
        columns = zip(batch.schema.names, batch.columns, strict=True)
        sink.write(_join_cells([_quote(_cells(name, column), delimiter) for name, column in columns], delimiter))


def _join_cells(columns: list[pa.Array], delimiter: str) -> bytes:
    """Return the lines of a table whose cells are texts; a line of one empty cell is `""`, as it would be blank."""
    import pyarrow.compute as pc

    separator = pa.scalar(delimiter, pa.large_string())
    lines = pc.binary_join_element_wise(*columns, separator, null_handling="replace", null_replacement="")
    if len(columns) == 1:
        lines = pc.if_else(pc.equal(lines, ""), '""', lines)
    return "".join(f"{line}\n" for line in lines.to_pylist()).encode()


def _quote(cells: pa.Array, delimiter: str) -> pa.Array:
    """Return texts between quotes where a reader of CSV would not take them as they are."""
    import pyarrow.compute as pc  # not above: it takes longer than a lookup

    needs_quotes = pc.match_substring_regex(cells, f'[{delimiter}"\n\r]')
    if not pc.any(needs_quotes).as_py():
        return cells
    mark, nothing = pa.scalar('"', pa.large_string()), pa.scalar("", pa.large_string())
    quoted = pc.binary_join_element_wise(mark, pc.replace_substring(cells, '"', '""'), mark, nothing)
    return pc.if_else(needs_quotes, quoted, cells)


def _cells(name: str, column: pa.Array) -> pa.Array:
    """Return the texts of a column's values; those of common types without a Python object for each."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return column.cast(kind).cast(pa.large_string())
    values = _values(name, column)
    return pa.array([None if value is None else _cell(value) for value in values], pa.large_string())


def _cell(value: object) -> str:
    return dump_json(value).decode() if isinstance(value, (list, dict)) else str(value)


def _make_plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
