"""What the tests of plans share: a plan that is written down."""

from pathlib import Path

import pytest
from helpers.planned_case import write_planned

from attlas.schema import AtlasPaths


@pytest.fixture
def planned_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AtlasPaths:
    """Return a plan of 23 sequences, of which two are in a row group and three row groups in a file."""
    monkeypatch.setattr("attlas.pipeline.planned_sequences.GROUP_SEQUENCES", 2)
    monkeypatch.setattr("attlas.pipeline.planned_sequences.FILE_GROUPS", 3)
    monkeypatch.setattr("attlas.pipeline.stored_shards.GROUP_SHARDS", 2)
    return write_planned(tmp_path)
