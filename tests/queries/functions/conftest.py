"""A connection with every SQL function made, the same for all tests: nothing that they ask changes it."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from attlas.queries import Atlas
from attlas.queries.engine.definitions import Definitions
from attlas.queries.engine.sandbox import connect_unlocked


@pytest.fixture(scope="session")
def connection(atlas_dir: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with Atlas.open(atlas_dir) as atlas, connect_unlocked(atlas.root, atlas.manifest)[0] as connection:
        Definitions(connection).make_all()
        yield connection
