"""A table without rows is like any other of its schema, and takes no time."""

import subprocess
import sys

import pytest

from attlas.queries.lookup.empty_table import make_empty_table
from attlas.schema import TABLES, Table

NEW_PROCESS = """
import sys
from attlas.queries.lookup.empty_table import make_empty_table
from attlas.schema import VECTORS
make_empty_table(VECTORS.schema(8)).select(["sequence_id"]).to_pylist()
print("pandas" in sys.modules)
"""


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_it_is_what_arrow_calls_an_empty_table(table: Table) -> None:
    assert make_empty_table(table.schema(4)).equals(table.schema(4).empty_table(), check_metadata=True)


@pytest.mark.thorough
def test_pandas_is_not_loaded_for_it() -> None:
    result = subprocess.run([sys.executable, "-c", NEW_PROCESS], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
