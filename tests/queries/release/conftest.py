"""Two releases of the small atlas, the same for all tests: nothing is stated of one, everything of the other."""

from pathlib import Path

import pytest
from helpers.release_case import EVERYTHING, NOTHING

from attlas.queries.release import publish


@pytest.fixture(scope="session")
def release(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "release"
    publish(atlas_dir, out, NOTHING)
    return out


@pytest.fixture(scope="session")
def stated(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "release"
    publish(atlas_dir, out, EVERYTHING)
    return out
