"""When a server has nothing to do: its workers start then, so that the first visitor has the processors to himself."""

import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from attlas.serve import traffic as traffic_module
from attlas.serve.app import QUIET_S, WARM_UP, make_app
from attlas.serve.traffic import Traffic

BASE_URL = "http://127.0.0.1"


class Clock:
    """Stands for the module `time`."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


def test_a_server_is_quiet_since_its_last_answer_and_never_while_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(traffic_module, "time", clock)
    traffic = Traffic()
    clock.now_s += 2
    assert traffic.quiet_s() == 2

    with traffic.request(), traffic.request():
        clock.now_s += 5
        assert traffic.quiet_s() == 0
    assert traffic.quiet_s() == 0
    clock.now_s += 1
    assert traffic.quiet_s() == 1


@pytest.mark.thorough
def test_no_worker_is_started_before_the_server_is_quiet(atlas_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(atlas_dir)
    service = app.state.service
    has_started, is_quiet = threading.Event(), threading.Event()
    monkeypatch.setattr(service.pool, "start", has_started.set)
    monkeypatch.setattr(service.traffic, "quiet_s", lambda: QUIET_S if is_quiet.is_set() else QUIET_S - 0.01)

    with TestClient(app, base_url=BASE_URL) as client:
        assert client.get("/questions").status_code == 200
        assert not has_started.wait(0.1)
        is_quiet.set()
        assert has_started.wait(20)


def test_a_server_that_ends_while_it_waits_starts_no_worker(atlas_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(atlas_dir)
    service = app.state.service
    monkeypatch.setattr(service.pool, "start", lambda: pytest.fail("a worker was started"))
    monkeypatch.setattr(service.traffic, "quiet_s", lambda: 0.0)
    with TestClient(app, base_url=BASE_URL):
        (waiting,) = [thread for thread in threading.enumerate() if thread.name == WARM_UP]
    waiting.join(20)
    assert not waiting.is_alive()
