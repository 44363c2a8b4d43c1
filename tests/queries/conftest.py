"""An atlas of several shards, the same for all tests: nothing that reads an atlas changes it."""

from collections.abc import Iterator

import pytest
from helpers.seven_shards import write_seven_shards

from attlas.queries import Atlas


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Return an atlas of seven shards, with two accessions of one sequence, and proteins that were not computed."""
    with Atlas.open(write_seven_shards(tmp_path_factory.mktemp("shards") / "atlas")) as atlas:
        yield atlas
