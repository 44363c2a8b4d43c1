"""Texts made harmless for a spreadsheet, which runs a cell that begins as a formula does.

Excel, LibreOffice and Google Sheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, also one of a CSV
file, and a formula may open programs or addresses. OWASP ("CSV Injection") advises an apostrophe before such a text;
it then is a text to them, though the apostrophe stays visible in some.
"""

from collections.abc import Iterator

import pyarrow as pa

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
APOSTROPHE = "'"


def defuse_formulas(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Return the rows with an apostrophe before every text, and every name of a column, that begins as a formula does.

    Numbers stay as they are: `-1.5` is one.
    """
    names = [_harmless_text(name) for name in rows.schema.names]
    kinds = [pa.string() if _is_text(field.type) else field.type for field in rows.schema]
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    return pa.RecordBatchReader.from_batches(schema, _batches(rows, schema))


def _batches(rows: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        columns = [_harmless_column(column) for column in batch.columns]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _harmless_column(column: pa.Array) -> pa.Array:
    if not _is_text(column.type):
        return column
    return pa.array([None if text is None else _harmless_text(text) for text in column.to_pylist()], pa.string())


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):  # an ENUM
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _harmless_text(text: str) -> str:
    return APOSTROPHE + text if text.startswith(FORMULA_STARTS) else text
