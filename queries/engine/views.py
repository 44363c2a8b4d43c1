"""The views that a user asks, as SQL text derived from the declared tables: columns, types, comments. Runs nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import pyarrow as pa

from attlas.schema import PROTEINS, TABLES, Column, Table

SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
}
"""The SQL type a stored Arrow type is seen as."""

DOCS = "docs"
"""The table a SQL user reads to learn what there is."""

_DOCS_COLUMNS = ("table_name", "column_name", "type", "unit", "doc")
CREATE_DOCS = f"CREATE TABLE {DOCS} ({', '.join(f'{name} VARCHAR' for name in _DOCS_COLUMNS)})"
INSERT_DOCS = f"INSERT INTO {DOCS} SELECT {', '.join(f'unnest(${name})' for name in _DOCS_COLUMNS)}"
"""Its parameters are `docs_values`: to read all of them as text takes DuckDB longer than to make all the views."""
COMMENT_ON_DOCS = f"COMMENT ON TABLE {DOCS} IS 'Every column of every view: type, unit and what it says.'"

_ACCESSION_OR_STAR = re.compile(r"accession|\*(?!\s*\))|(?<!\()\*", re.IGNORECASE)

PROVENANCE = "provenance"
"""The table a SQL user reads to learn where the numbers are from."""


def sql_type(column: Column, n_layers: int) -> str:
    """Return the SQL type of a column, such as `FLOAT[33]`."""
    if column.is_per_layer:
        return f"{SQL_TYPES[column.type]}[{n_layers}]"
    return SQL_TYPES[column.type] + ("[]" if column.is_list else "")


def view_schema(table: Table, n_layers: int) -> pa.Schema:
    """Return the Arrow schema of a view: every declared column, docs as metadata."""
    return pa.schema([column.field(n_layers) for column in table.columns], metadata={"doc": table.doc})


def view_statement(table: Table, paths: Sequence[str], n_layers: int) -> str:
    """Return the CREATE VIEW of a table over its files.

    A joined column comes from `proteins`: rows of a sequence appear once for every accession that has it. DuckDB
    turns a filter on `accession` into one on `sequence_id` while it runs, so that row groups are still skipped.
    """
    columns = ", ".join(_view_expression(column, n_layers) for column in table.columns)
    source = f"({_no_rows(table, n_layers)})" if not paths else _read_files(paths)
    is_joined = any(column.is_joined for column in table.columns)
    join = f" JOIN {PROTEINS.name} AS p ON p.sequence_id = t.sequence_id" if is_joined else ""
    return f"CREATE VIEW {table.name} AS SELECT {columns} FROM {source} AS t{join}"


def unjoined_view_statement(table: Table, paths: Sequence[str], n_layers: int) -> str | None:
    """Return the CREATE VIEW of a table for queries that ask for no accession; None where no column is joined.

    It holds the same rows where every sequence has one accession, and in such an atlas alone. DuckDB sees that this
    join adds no row and takes none away, and leaves it out unless `accession` is asked for. A filter on `accession` is
    slow in it, since it is not turned into one on `sequence_id`.
    """
    if not paths or not any(column.is_joined for column in table.columns):
        return None
    columns = ", ".join(_view_expression(column, n_layers) for column in table.columns)
    accessions = f"SELECT sequence_id, any_value(accession) AS accession FROM {PROTEINS.name} GROUP BY sequence_id"
    return (
        f"CREATE TEMPORARY VIEW {table.name} AS SELECT {columns} FROM {_read_files(paths)} AS t "
        f"LEFT JOIN ({accessions}) AS p ON p.sequence_id = t.sequence_id"
    )


def asks_for_accession(query: str) -> bool:
    """Return whether a query may ask for `accession`: it has the word, or a `*` other than that of `count(*)`."""
    return bool(_ACCESSION_OR_STAR.search(query))


def comment_statements(table: Table, *, kind: Literal["VIEW", "TABLE"] = "VIEW") -> Iterator[str]:
    """Yield the COMMENT ON of a view, or a table like it, and of its columns: doc, and unit in brackets."""
    yield f"COMMENT ON {kind} {table.name} IS {quote(table.doc)}"
    for column in table.columns:
        yield f"COMMENT ON COLUMN {table.name}.{column.name} IS {quote(describe_column(column))}"


def docs_statements(n_layers: int) -> Iterator[str]:
    """Yield the statements that create the table `docs`: a row per column of every view."""
    rows = ", ".join(f"({', '.join(map(quote, row))})" for row in docs_rows(n_layers))
    yield from (CREATE_DOCS, f"INSERT INTO {DOCS} VALUES {rows}", COMMENT_ON_DOCS)


def provenance_statements(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the statements that create the table `provenance`: a row per fact, its name and its value as text."""
    yield f"CREATE TABLE {PROVENANCE} (name VARCHAR, value VARCHAR)"
    values = ", ".join(f"({', '.join(map(quote, row))})" for row in rows)
    yield f"INSERT INTO {PROVENANCE} VALUES {values}"
    yield f"COMMENT ON TABLE {PROVENANCE} IS 'Model, rule, input, versions and counts: where the numbers are from.'"


def docs_rows(n_layers: int) -> list[tuple[str, str, str, str, str]]:
    """Return (table, column, type, unit, doc) of every column of every view."""
    return [(t.name, c.name, sql_type(c, n_layers), c.unit, c.doc) for t in TABLES for c in t.columns]


def docs_values(n_layers: int) -> dict[str, list[str]]:
    """Return the values of each column of the table `docs`."""
    columns = zip(*docs_rows(n_layers), strict=True)
    return dict(zip(_DOCS_COLUMNS, map(list, columns), strict=True))


def describe_column(column: Column) -> str:
    """Return the doc of a column with its unit, as the comments in DuckDB hold it."""
    return f"{column.doc} [{column.unit}]" if column.unit else column.doc


def quote(text: str) -> str:
    """Return `text` as an SQL string: for paths and docs, which cannot be bound in a CREATE or COMMENT."""
    return "'" + text.replace("'", "''") + "'"


def _read_files(paths: Sequence[str]) -> str:
    return f"read_parquet([{', '.join(map(quote, paths))}], hive_partitioning = false)"


def _view_expression(column: Column, n_layers: int) -> str:
    if column.is_joined:
        return f"p.{column.name}"
    if column.is_per_layer:  # of a list in Parquet, DuckDB does not know that all have the same length
        return f"CAST(t.{column.name} AS {sql_type(column, n_layers)}) AS {column.name}"
    return f"t.{column.name}"


def _no_rows(table: Table, n_layers: int) -> str:
    nulls = ", ".join(f"CAST(NULL AS {sql_type(c, n_layers)}) AS {c.name}" for c in table.stored())
    return f"SELECT {nulls} WHERE false"
