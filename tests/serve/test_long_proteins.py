"""Long proteins: a few at a time, and whoever gets no turn is told to come again; all others need not wait."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from attlas.serve.app import make_app
from attlas.serve.limits import Limits
from attlas.serve.long_proteins import LongProteins
from attlas.serve.service import Service
from attlas.serve.worker_pool import BusyError

pytestmark = pytest.mark.slow

LIMITS = Limits(long_protein_residues=100, n_long_proteins=1, long_protein_s=0.01)


def test_a_turn_is_given_back_also_after_an_error() -> None:
    turns = LongProteins(LIMITS)
    for _ in range(3):
        with pytest.raises(KeyError, match="broken"), turns.turn(100):
            raise KeyError("broken")


def test_who_gets_no_turn_is_told_so_and_short_proteins_need_none() -> None:
    turns = LongProteins(LIMITS)
    with turns.turn(100):
        with turns.turn(99):
            pass
        with pytest.raises(BusyError, match="no worker is free"), turns.turn(100):
            pass


@pytest.fixture
def client(atlas_dir: Path) -> Iterator[TestClient]:
    """Return a client of a server to which calmodulin is long."""
    app = make_app(atlas_dir, limits=LIMITS)
    yield TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    app.state.service.close()


def test_a_server_answers_the_next_client_when_a_long_protein_is_done(client: TestClient) -> None:
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    protein = "/api/v1/proteins/P0DP23"
    paths = ["/protein/P0DP23", f"{protein}/page", f"{protein}/residues", f"{protein}?layers=0"]
    with service.long_proteins.turn(LIMITS.long_protein_residues):
        for path in paths:
            response = client.get(path)
            assert (response.status_code, response.headers["retry-after"]) == (503, "5"), path
        assert client.get(protein).status_code == 200
    assert [client.get(path).status_code for path in paths] == [200] * 4
