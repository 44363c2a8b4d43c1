"""TABLES.md is current, and names every column with its doc."""

import pytest

from attlas.schema import TABLES, Table
from attlas.schema.document import TABLES_MD, describe_tables, main

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def test_tables_md_is_current() -> None:
    assert TABLES_MD.read_text() == describe_tables(), "run `python -m attlas.schema.document --write`"


def test_tables_md_is_printed_without_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert capsys.readouterr().out == describe_tables()


@every_table
def test_tables_md_names_every_column_with_its_doc(table: Table) -> None:
    section = describe_tables().split(f"\n## {table.name}\n")[1].split("\n## ")[0]
    for column in table.columns:
        line = next(line for line in section.splitlines() if line.startswith(f"| `{column.name}` |"))
        assert column.doc in line.replace("\\|", "|")
        assert f"| {column.unit} |" in line
