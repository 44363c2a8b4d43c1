"""Workers: queries without end are killed, the server goes on; many clients at once get the right answers."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.asgi import HOST, RawRequest, send
from starlette.testclient import TestClient

from attlas.queries import Atlas
from attlas.serve.app import make_app
from attlas.serve.limits import Limits
from attlas.serve.performing import name_bytes
from attlas.serve.service import Service

pytestmark = pytest.mark.slow

API = "/api/v1"
ENDLESS = "SELECT count(*) FROM range(10000000000) AS a, range(10000000000) AS b"
DEEP = "SELECT length(regexp_replace(repeat('a', 400000000), '(a|b|ab)*c', ''))"
"""Work within one value, where no interrupt reaches DuckDB."""


@pytest.fixture(scope="module")
def impatient(atlas_dir: Path) -> Iterator[TestClient]:
    """Return a client of a server with one worker, little time and small answers."""
    limits = Limits(query_s=2, n_workers=1, n_waiting=1, answer_bytes=100_000)
    app = make_app(atlas_dir, has_sql=True, limits=limits)
    yield TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    app.state.service.close()


@pytest.mark.parametrize("query", [ENDLESS, pytest.param(DEEP, marks=pytest.mark.thorough)])
def test_a_query_without_end_is_killed_and_the_next_one_answered(impatient: TestClient, query: str) -> None:
    impatient.post(f"{API}/sql", json={"query": "SELECT 1"})  # the worker has started
    started = time.monotonic()
    response = impatient.post(f"{API}/sql", json={"query": query})
    assert time.monotonic() - started < 5
    assert (response.status_code, response.json()["title"]) == (504, "Gateway Timeout")
    assert "killed" in response.json()["detail"]
    assert impatient.post(f"{API}/sql", json={"query": "SELECT 1 AS n"}).json() == [{"n": 1}]


def test_an_answer_that_is_too_large_is_refused_and_leaves_no_file(impatient: TestClient) -> None:
    response = impatient.post(f"{API}/sql", json={"query": "SELECT * FROM range(1000000)"})
    assert response.status_code == 413
    assert response.json()["expected"] == "at most 100 kB"
    service: Service = impatient.app.state.service  # type: ignore[attr-defined]
    assert list(service.pool.folder.glob("answer-*")) == []


@pytest.mark.thorough
def test_who_finds_all_workers_busy_is_told_to_come_again(impatient: TestClient) -> None:
    with ThreadPoolExecutor(6) as threads:
        requests = [threads.submit(impatient.post, f"{API}/sql", json={"query": ENDLESS}) for _ in range(6)]
        responses = [request.result() for request in requests]
    busy = [response for response in responses if response.status_code == 503]
    assert len(busy) >= 4
    assert busy[0].headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("n_bytes", "name"), [(10**9, "1,000 MB"), (100_000, "100 kB"), (1_500_000, "1,500 kB"), (999, "999 bytes")]
)
def test_a_size_is_named_so_that_none_is_nothing(n_bytes: int, name: str) -> None:
    assert name_bytes(n_bytes) == name


def test_a_client_that_leaves_ends_its_query(impatient: TestClient) -> None:
    body = json.dumps({"query": ENDLESS}).encode()
    request = RawRequest("POST", f"{API}/sql".encode(), (HOST, (b"content-type", b"application/json")), body)
    response = asyncio.run(send(impatient.app, request, leave_after_s=0.1))
    assert json.loads(response.body)["detail"] == "The client has left."


@pytest.mark.thorough
def test_many_clients_at_once_get_the_answers_of_one(client: TestClient, atlas: Atlas) -> None:
    accessions = [f"X{i:05d}" for i in range(12)]
    paths = [
        f"{API}/proteins/{accession}{suffix}" for accession in accessions for suffix in ("", "/sites", "/residues")
    ]
    paths += [f"{API}/proteins?q=random", f"{API}/questions/lengths", f"{API}/questions/sites_per_protein"]
    alone = {path: client.get(path).content for path in paths}
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda path: (path, client.get(path).content), paths * 3))
    assert all(content == alone[path] for path, content in together)


@pytest.mark.thorough
def test_lookups_of_a_fresh_atlas_may_come_from_many_threads_at_once(atlas_dir: Path, atlas: Atlas) -> None:
    accessions = ["P04637", "P0DP23", "Q00005", *(f"X{i:05d}" for i in range(12))] * 4
    with Atlas.open(atlas_dir) as fresh, ThreadPoolExecutor(8) as threads:
        tables = list(threads.map(lambda accession: (fresh.sites(accession), fresh.heads(accession)), accessions))
    assert tables == [(atlas.sites(accession), atlas.heads(accession)) for accession in accessions]
