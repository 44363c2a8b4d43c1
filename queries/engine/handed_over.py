"""Tables that a caller hands over to a query by name: pyarrow, pandas, polars, or anything else with Arrow data."""

import re
from collections.abc import Mapping

import pyarrow as pa

from attlas.schema import TABLES, Manifest, QuestionError

TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VIEWS_OF_ALL = frozenset({"docs", "provenance"})


def arrow_tables(tables: Mapping[str, object], manifest: Manifest) -> dict[str, pa.Table]:
    """Return the tables that a caller hands over, as Arrow tables.

    Raises:
        QuestionError: a name is no plain word, or is that of a view that has rows in this atlas, in whose place the
            table would stand without a word; a table holds no Arrow data.
    """
    reserved_names = VIEWS_OF_ALL | {table.name for table in TABLES if manifest.of_table(table) or not table.added_by}
    for name in tables:
        if not TABLE_NAME.fullmatch(name):
            hint = "letters, digits and underscores, such as my_variants"
            raise QuestionError(f"{name!r} cannot be the name of a table.", hint=hint)
        if name.lower() in reserved_names:
            raise QuestionError(f"The atlas has a table {name.lower()} itself.", hint="give yours another name")
    return {name: _arrow_table(name, rows) for name, rows in tables.items()}


def _arrow_table(name: str, rows: object) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows

    try:
        # pandas, polars, DuckDB and others all hand over Arrow data in this way.
        return pa.table(rows)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise QuestionError(
            f"The table {name} cannot be used in SQL.",
            expected="a table of pyarrow, pandas or polars",
            found=f"{type(rows).__name__}: {str(error).splitlines()[0][:200] if str(error) else 'no Arrow data'}",
        ) from error
