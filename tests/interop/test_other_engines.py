"""Every table of an atlas is read by engines that people have, value by value as pyarrow reads it, and joined."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.page_case import HOSTILE_TEXT, write_page_case

from attlas.queries import Atlas
from attlas.schema import STORED_TABLES

pytestmark = pytest.mark.interop

SCRIPT = Path(__file__).with_name("read_tables.py")
ENVIRONMENTS = Path(__file__).resolve().parents[2] / ".cache" / "tools"
ENGINES = ("polars", "pandas", "datafusion", "duckdb", "spark")
READ_HERE = ("polars", "pandas")
"""Engines of the test environment; every other has one of its own, made by `make interop-engines`."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page_case(tmp_path_factory.mktemp("interop") / "atlas")


def _read(engine: str, root: Path) -> dict[str, dict[str, list[object]]]:
    python = Path(sys.executable) if engine in READ_HERE else ENVIRONMENTS / engine / "bin" / "python"
    if not python.is_file():
        pytest.fail(f"there is no environment for {engine}: run `make interop-engines`")
    if engine == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not installed")
    done = subprocess.run([python, SCRIPT, engine, root], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_reads_every_table_as_it_is_stored_and_joins_sites_with_proteins(engine: str, root: Path) -> None:
    tables = _read(engine, root)

    folders = {path.parent for path in root.glob("*/*.parquet")}
    assert set(tables) - {"joined"} == {folder.name for folder in folders}
    assert len(folders) >= 12
    assert {folder.name for folder in folders} <= {table.name for table in STORED_TABLES}
    for folder in folders:
        stored = pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("*.parquet"))).to_pydict()
        assert tables[folder.name] == stored, folder.name
    assert HOSTILE_TEXT in tables["proteins"]["gene"]

    with Atlas.open(root) as atlas:
        expected = atlas.sql("SELECT accession, count(*) AS n FROM sites GROUP BY accession ORDER BY accession")
    assert tables["joined"] == expected.to_pydict()
