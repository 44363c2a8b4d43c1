"""The views that queries see: declared columns, their types, and their docs as comments."""

import pytest

from attlas.queries import Atlas
from attlas.queries.engine.views import describe_column, sql_type
from attlas.schema import TABLES, Table


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_view_has_the_declared_columns_and_types(atlas: Atlas, table: Table) -> None:
    seen = atlas.sql(f"DESCRIBE {table.name}")
    declared = [(c.name, sql_type(c, atlas.n_layers)) for c in table.columns]
    assert list(zip(*seen.select([0, 1]).to_pydict().values(), strict=True)) == declared


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_carries_its_doc_as_a_comment(atlas: Atlas, table: Table) -> None:
    query = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
    seen = atlas.sql(query, [table.name]).to_pydict()
    assert seen == {
        "column_name": [c.name for c in table.columns],
        "comment": [describe_column(c) for c in table.columns],
    }


def test_the_table_docs_describes_every_column(atlas: Atlas) -> None:
    rows = atlas.sql("FROM docs").to_pylist()
    assert [(r["table_name"], r["column_name"]) for r in rows] == [(t.name, c.name) for t in TABLES for c in t.columns]
    assert all(row["doc"].endswith(".") for row in rows)
    assert (
        next(r for r in rows if r["column_name"] == "received" and r["table_name"] == "residues")["type"] == "FLOAT[4]"
    )
