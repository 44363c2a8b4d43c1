"""The atlas of the reports, written once for all their tests: nothing that reads an atlas changes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.report_case import write_report_case

from attlas.queries import Atlas


@pytest.fixture(scope="session")
def whole_dir(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the atlas of the reading room with all that can be added, some under a hostile name."""
    return write_report_case(atlas_dir, tmp_path_factory.mktemp("whole") / "atlas")


@pytest.fixture(scope="session")
def whole(whole_dir: Path) -> Iterator[Atlas]:
    with Atlas.open(whole_dir) as atlas:
        yield atlas


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawings of a report empty, which take most of its time and are looked at in that of `whole`."""
    monkeypatch.setattr("attlas.queries.report.report.svg", lambda picture: '<svg width="1pt" viewBox="0 0 1 1"></svg>')
