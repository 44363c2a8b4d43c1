"""What a server refuses: other names, long addresses, large and slow bodies, whatever a fuzzer sends."""

import asyncio
import json
from pathlib import Path

import pytest
from fastapi import FastAPI
from helpers.asgi import HOST, RawRequest, send_all
from helpers.fuzzed_requests import fuzzed_requests
from helpers.reading_case import PROTEINS
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from attlas.queries.asking.questions import questions
from attlas.serve.app import make_app
from attlas.serve.guards import Guard
from attlas.serve.limits import Limits

pytestmark = pytest.mark.slow

API = "/api/v1"
N_FUZZED = 1_000


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::2]", "localhost@evil"]
)
def test_a_server_answers_only_to_its_own_names(client: TestClient, host: str) -> None:
    response = client.get(f"{API}/atlas", headers={"Host": host})
    assert response.status_code == 421
    assert "localhost" in response.json()["expected"]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST.", "[::1]:8000"])
def test_a_server_is_called_by_the_names_of_this_machine(client: TestClient, host: str) -> None:
    assert client.get(f"{API}/columns", headers={"Host": host}).status_code == 200


@pytest.mark.thorough
def test_a_defect_of_ours_is_answered_with_the_headers_of_every_response(atlas_dir: Path) -> None:
    app = make_app(atlas_dir)

    def fail() -> None:
        raise RuntimeError("a defect")

    app.add_api_route("/defect", fail)
    client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    response = client.get("/defect")
    app.state.service.close()
    assert response.status_code == 500
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_name_can_be_added(atlas_dir: Path) -> None:
    app = make_app(atlas_dir, hosts=["atlas.example"])
    assert TestClient(app, base_url="http://atlas.example").get(f"{API}/columns").status_code == 200
    app.state.service.close()


def test_every_response_has_the_headers_that_protect_browsers(client: TestClient) -> None:
    for path in ("/", f"{API}/atlas", f"{API}/proteins/nobody", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_a_page_that_is_unchanged_keeps_its_own_policy(client: TestClient) -> None:
    page = client.get("/protein/P04637")
    assert "sha256-" in page.headers["content-security-policy"]
    unchanged = client.get("/protein/P04637", headers={"If-None-Match": page.headers["etag"]})
    assert unchanged.status_code == 304
    assert "content-security-policy" not in unchanged.headers
    assert unchanged.headers["x-content-type-options"] == "nosniff"


def test_a_page_of_somebody_else_gets_no_permission(client: TestClient) -> None:
    preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    response = client.options(f"{API}/sql", headers=preflight)
    assert response.status_code == 405
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", ""]
)
def test_a_body_that_any_page_could_send_is_refused(client: TestClient, kind: str) -> None:
    response = client.post(f"{API}/sql", content=b'{"query": "SELECT 1"}', headers={"Content-Type": kind})
    assert response.status_code == 415


def test_a_long_address_is_refused(client: TestClient) -> None:
    response = client.get(f"{API}/proteins", params={"q": "a" * 9_000})
    assert (response.status_code, response.json()["expected"]) == (414, "at most 8,000")


@pytest.mark.parametrize("is_told", [True, False])
def test_a_large_body_is_refused_whether_its_size_is_told_or_not(app: FastAPI, is_told: bool) -> None:
    body = b'{"ids": ["' + b"a" * 3_000_000 + b'"]}'
    headers = [HOST, (b"content-type", b"application/json")]
    if is_told:
        headers.append((b"content-length", str(len(body)).encode()))
    (response,) = send_all(app, [RawRequest("POST", f"{API}/lookup".encode(), tuple(headers), body)])
    assert response.status == 413
    assert "2,000,000 bytes" in json.loads(response.body)["expected"]


def test_head_has_the_headers_of_get_and_no_body(client: TestClient) -> None:
    head, get = client.head(f"{API}/proteins/P04637"), client.get(f"{API}/proteins/P04637")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", get.headers["etag"])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(client: TestClient, method: str) -> None:
    assert client.request(method, f"{API}/proteins/P04637").status_code == 405


@pytest.mark.parametrize(
    "target",
    [
        b"/api/v1/proteins/../../../../etc/passwd",
        b"/api/v1/proteins/..%2f..%2f..%2fetc%2fpasswd",
        b"/static/../app.py",
        b"/static/..%2fapp.py",
        b"/static/%2e%2e/app.py",
        b"/static//etc/passwd",
        b"/api/v1/proteins/%00",
        b"/api/v1/proteins/P04637%00/sites",
        b"/api/v1/proteins/" + b"A" * 7_000,
        b"/api/v1/proteins/%ff%fe",
        b"/api/v1/proteins/\xff\xfe",
        b"/api/v1/exports/..%2f..%2fpasswd",
        b"/api/v1/questions/..%2f..%2flengths",
    ],
)
def test_paths_that_are_tricks_lead_nowhere(app: FastAPI, target: bytes) -> None:
    (response,) = send_all(app, [RawRequest("GET", target)])
    assert response.status == 404
    assert b"root:" not in response.body


def test_ids_come_back_in_errors_without_what_a_terminal_would_obey(client: TestClient) -> None:
    response = client.get(f"{API}/proteins/%1b%5b31m%0d%0aSet-Cookie:%20a=b")
    assert "\x1b" not in response.json()["detail"]
    assert "set-cookie" not in response.headers


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_thousand_fuzzed_requests_give_no_error_of_the_server(app: FastAPI) -> None:
    ids = [protein.accession for protein in PROTEINS]
    parameters = {question.name: [parameter.name for parameter in question.parameters] for question in questions()}
    requests = list(fuzzed_requests(N_FUZZED, seed=15, ids=ids, questions=parameters))
    responses = send_all(app, requests)
    failed = [
        (request, response) for request, response in zip(requests, responses, strict=True) if response.status >= 500
    ]
    assert failed == []
    assert len({response.status for response in responses}) >= 8
    for response in responses:
        if response.headers.get("content-type") == "application/problem+json" and response.body:
            assert json.loads(response.body)["status"] == response.status


def test_a_client_that_receives_too_slowly_is_given_up() -> None:
    """Each piece in time, but all of them would keep the file of the answer for hours."""
    limits = Limits(send_s=0.3, send_bytes_per_s=1_000)
    n_pieces = asyncio.run(_count_pieces(limits, piece=b"x" * 10, receives_in_s=0.1))
    assert 2 <= n_pieces <= 4


@pytest.mark.thorough
def test_a_client_that_receives_as_fast_as_it_should_gets_all() -> None:
    limits = Limits(send_s=0.3, send_bytes_per_s=1_000)
    assert asyncio.run(_count_pieces(limits, piece=b"x" * 10_000, receives_in_s=0.1)) == 10


async def _count_pieces(limits: Limits, *, piece: bytes, receives_in_s: float) -> int:
    """Return how many of ten pieces of an answer a client gets that takes a while for each."""
    n_pieces = 0

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(10):
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    async def take(message: Message) -> None:
        nonlocal n_pieces
        if message["type"] == "http.response.body":
            await asyncio.sleep(receives_in_s)
            n_pieces += 1

    async def wait() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"127.0.0.1")]}
    await Guard(answer, hosts=("127.0.0.1",), limits=limits)(scope, wait, take)
    return n_pieces


def test_a_window_longer_than_any_protein_is_refused(client: TestClient) -> None:
    response = client.get(f"{API}/questions/densest_windows?window={2**40}")
    assert response.status_code == 422
    assert "100,000" in response.json()["expected"] or "100000" in response.json()["expected"]
