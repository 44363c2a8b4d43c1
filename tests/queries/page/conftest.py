"""The atlas of the pages, written once for all their tests: nothing that reads an atlas changes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.page_case import write_page_case

from attlas.queries import Atlas


@pytest.fixture(scope="session")
def page_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page_case(tmp_path_factory.mktemp("page") / "atlas")


@pytest.fixture(scope="session")
def page_atlas(page_dir: Path) -> Iterator[Atlas]:
    with Atlas.open(page_dir) as atlas:
        yield atlas
