"""What the tests of the contract share: the smallest atlas there is."""

from pathlib import Path

import pytest
from helpers.smallest_atlas import write_smallest

from attlas.schema import AtlasPaths, Manifest


@pytest.fixture
def paths(tmp_path: Path) -> AtlasPaths:
    """Return where an atlas may be written."""
    return AtlasPaths(tmp_path / "atlas")


@pytest.fixture
def manifest(paths: AtlasPaths) -> Manifest:
    """Write the smallest atlas there is; return its manifest."""
    return write_smallest(paths)
