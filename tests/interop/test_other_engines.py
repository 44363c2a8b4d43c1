"""Every table of an atlas is read by engines that people have, value by value as pyarrow reads it, and joined."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.footer_case import cutting_proteins
from helpers.page_case import HOSTILE_TEXT, write_page_case
from helpers.reading_case import random_sequence
from helpers.synthetic import SyntheticProtein

from attlas.queries import Atlas
from attlas.schema import STORED_TABLES, AtlasPaths
from attlas.schema.footer_parts import read_footer_parts
from attlas.schema.parquet_file import write_table

pytestmark = pytest.mark.interop

N_ROWS = 3
"""Rows of a table that the page's atlas lacks."""
SCRIPT = Path(__file__).with_name("read_tables.py")
ENVIRONMENTS = Path(__file__).resolve().parents[2] / ".cache" / "tools"
ENGINES = ("polars", "pandas", "datafusion", "duckdb", "spark")
TIMEOUT_S = 1200
"""Seconds for an engine: Spark has a job for each file, which on a machine with other work takes minutes."""
READ_HERE = ("polars", "pandas")
"""Engines of the test environment; every other has one of its own, made by `make interop-engines`."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas with a file of every table, and the footer of `proteins` in parts as that of a large one is."""
    others = [SyntheticProtein(f"Y{i}", random_sequence(20 + i, i)) for i in range(30)]
    with cutting_proteins(1):
        root = write_page_case(tmp_path_factory.mktemp("interop") / "atlas", others=others)
    assert read_footer_parts(AtlasPaths(root).proteins) is not None

    # What passes add to other atlases: no lookup knows of these files, but an engine opens any.
    for table in STORED_TABLES:
        if not (root / table.name).is_dir():
            schema = table.schema(2)
            rows = [{field.name: _value(field, number) for field in schema} for number in range(N_ROWS)]
            (root / table.name).mkdir()
            path = root / table.name / "added.parquet"
            write_table(path, table=table, rows=pa.Table.from_pylist(rows, schema), metadata={})
    return root


def _value(field: pa.Field, number: int) -> Any:
    """Return a value of a column; the last row has a null where it may."""
    kind = field.type
    if field.nullable and number == N_ROWS - 1:
        return None
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        return [number / 8, -number / 4]
    if pa.types.is_string(kind):
        return f"text {number}"
    return number % 2 == 0 if pa.types.is_boolean(kind) else number


def _read(engine: str, root: Path) -> dict[str, dict[str, list[object]]]:
    python = Path(sys.executable) if engine in READ_HERE else ENVIRONMENTS / engine / "bin" / "python"
    if not python.is_file():
        pytest.fail(f"there is no environment for {engine}: run `make interop-engines`")
    if engine == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not installed")
    command = [python, SCRIPT, engine, root]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_reads_every_table_as_it_is_stored_and_joins_sites_with_proteins(engine: str, root: Path) -> None:
    tables = _read(engine, root)

    folders = {path.parent for path in root.glob("*/*.parquet")}
    assert set(tables) - {"joined"} == {folder.name for folder in folders}
    assert {folder.name for folder in folders} == {table.name for table in STORED_TABLES}
    for folder in folders:
        stored = pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("*.parquet"))).to_pydict()
        assert tables[folder.name] == stored, folder.name
    assert HOSTILE_TEXT in tables["proteins"]["gene"]

    with Atlas.open(root) as atlas:
        expected = atlas.sql("SELECT accession, count(*) AS n FROM sites GROUP BY accession ORDER BY accession")
    assert tables["joined"] == expected.to_pydict()
