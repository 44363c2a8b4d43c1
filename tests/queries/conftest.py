"""The small atlas the reading room is tested on: three shards, duplicates, and every outcome a protein can have."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.reading_case import PROTEINS
from helpers.synthetic import write_atlas

from attlas.queries import Atlas


@pytest.fixture(scope="session")
def atlas_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reading") / "atlas"
    write_atlas(root, PROTEINS)
    return root


@pytest.fixture(scope="session")
def atlas(atlas_dir: Path) -> Iterator[Atlas]:
    """Return it open, the same for all tests: nothing that reads an atlas changes it."""
    with Atlas.open(atlas_dir) as opened:
        yield opened
