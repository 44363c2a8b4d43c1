"""The verb serve: what it says, its end at Ctrl-C, ports in use, other machines; clients that are slow."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.command_line import Run
from helpers.handmade import write_handmade
from starlette.testclient import TestClient

from attlas.schema import AtlasPaths
from attlas.serve import server
from attlas.serve.app import make_app
from attlas.serve.server import is_loopback, names_of, open_socket

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "attlas.cli.main", "serve"]


@pytest.fixture
def serving(atlas_dir: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Start the command in a process of its own; return it with its port, which it has told."""
    command = [*COMMAND, str(atlas_dir), "--port", "0", "--sql"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    address = re.fullmatch(rf"{re.escape(str(atlas_dir))} is served at http://127\.0\.0\.1:(\d+)/\n", line)
    assert address, line
    yield process, int(address[1])
    process.kill()
    process.communicate()


def _get(port: int, path: str) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    value: dict[str, object] = json.loads(connection.getresponse().read())
    connection.close()
    return value


def _children(pid: int) -> list[str]:
    """Return the processes that the threads of a process have started."""
    return [child for listing in Path("/proc").glob(f"{pid}/task/*/children") for child in listing.read_text().split()]


@pytest.mark.slow
def test_ctrl_c_ends_the_server_and_a_query_without_end_at_once(serving: tuple["subprocess.Popen[str]", int]) -> None:
    process, port = serving
    assert _get(port, "/api/v1/proteins/P04637")["asked"] == "P04637"
    body = json.dumps({"query": "SELECT count(*) FROM range(10000000000) a, range(10000000000) b"})
    query = http.client.HTTPConnection("127.0.0.1", port)
    query.request("POST", "/api/v1/sql", body, {"Content-Type": "application/json"})
    time.sleep(1)

    workers = _children(process.pid)
    assert workers

    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    started = time.monotonic()
    _, err = process.communicate(timeout=20)
    assert time.monotonic() - started < 6
    assert (process.returncode, err) == (0, "attlas: stopped\n")
    query.close()
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]


def test_a_port_in_use_is_refused_in_a_sentence(attlas: Run, atlas_dir: Path) -> None:
    with open_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        outcome = attlas("serve", atlas_dir, "--port", port)
    assert outcome.code == 1
    assert f"Port {port} of 127.0.0.1 cannot be used." in outcome.err
    assert "--port 0" in outcome.err


@pytest.mark.parametrize(
    ("host", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 70_000), ("127.0.0.1", -1), ("a" * 300, 0)]
)
def test_what_is_no_address_is_refused(attlas: Run, atlas_dir: Path, host: str, port: int) -> None:
    outcome = attlas("serve", atlas_dir, "--host", host, "--port", port)
    assert outcome.code == 1
    assert "is no" in outcome.err


def test_a_directory_that_is_no_atlas_is_refused(attlas: Run, tmp_path: Path) -> None:
    outcome = attlas("serve", tmp_path, "--port", 0)
    assert (outcome.code, outcome.out) == (1, "")
    assert "is no atlas" in outcome.err


@pytest.mark.thorough
def test_other_machines_are_warned_of(attlas: Run, atlas_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "run", lambda app, listening, announce: app.state.service.close())
    outcome = attlas("serve", atlas_dir, "--host", "0.0.0.0", "--port", 0, "--sql")
    assert outcome.code == 0
    assert "whoever reaches 0.0.0.0 can read this atlas, and ask in SQL: there is no password" in outcome.err
    assert "no password" not in attlas("serve", atlas_dir, "--port", 0).err


def test_a_missing_extra_is_named(attlas: Run, atlas_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    outcome = attlas("serve", atlas_dir)
    assert outcome.code == 1
    assert "pip install 'attlas[serve]'" in outcome.err


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_loopback_addresses_are_this_machine_alone(host: str, is_local: bool) -> None:
    assert is_loopback(host) == is_local


def test_a_server_at_every_address_is_called_by_the_names_of_its_machine() -> None:
    assert names_of("127.0.0.1") == ("127.0.0.1",)
    assert socket.gethostname() in names_of("0.0.0.0")
    assert "0.0.0.0" not in names_of("0.0.0.0")


def test_a_browser_is_told_that_the_atlas_is_gone(tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    write_handmade(root)
    app = make_app(root)
    AtlasPaths(root).manifest.unlink()
    client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    response = client.get("/", headers={"Accept": "text/html"})
    assert (response.status_code, "is no atlas" in response.json()["detail"]) == (503, True)
    app.state.service.close()
