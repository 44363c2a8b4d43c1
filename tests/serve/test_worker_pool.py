"""The pool of workers: one that dies or cannot start leaves its place, and nobody's query is carried on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from attlas.schema import BrokenAtlasError, QuestionError
from attlas.serve.tasks import AskTask, SqlTask
from attlas.serve.worker import ClientLeftError, WorkerEndedError
from attlas.serve.worker_pool import BusyError, FullError, WorkerPool

pytestmark = pytest.mark.slow

ENDLESS = "SELECT count(*) FROM range(10000000000) AS a, range(10000000000) AS b"


@pytest.fixture(scope="module")
def pool(atlas_dir: Path) -> Iterator[WorkerPool]:
    """Return a pool of one worker."""
    workers = _pool(atlas_dir)
    yield workers
    workers.close()


def _pool(place: Path) -> WorkerPool:
    return WorkerPool(str(place), memory_limit="25%", max_bytes=10**9, n_workers=1, n_waiting=0)


def _one(pool: WorkerPool) -> str:
    """Return an answer, which shows that there is a worker."""
    return pool.carry_out(SqlTask("SELECT 1 AS n", "csv"), timeout_s=60).path.read_text()


@pytest.mark.thorough
def test_answers_that_nobody_fetches_do_not_fill_the_disk(atlas_dir: Path) -> None:
    pool = WorkerPool(
        str(atlas_dir), memory_limit="25%", max_bytes=10**9, n_workers=1, n_waiting=0, pending_bytes=1_000
    )
    task = SqlTask("SELECT repeat('x', 1500) AS text", "csv")
    answer = pool.carry_out(task, timeout_s=60)
    with pytest.raises(FullError, match="no worker is free"):
        pool.carry_out(task, timeout_s=60)
    answer.path.unlink()
    assert pool.carry_out(task, timeout_s=60).path.stat().st_size > 1_500
    pool.close()


@pytest.mark.thorough
def test_a_worker_that_dies_is_replaced(pool: WorkerPool) -> None:
    assert _one(pool) == "n\n1\n"
    (worker,) = pool.workers
    worker.kill()
    with pytest.raises(WorkerEndedError):
        _one(pool)
    assert _one(pool) == "n\n1\n"


@pytest.mark.thorough
def test_a_query_is_killed_when_nobody_waits_for_it(pool: WorkerPool) -> None:
    _one(pool)
    stays = iter([False] * 3)
    with pytest.raises(ClientLeftError):
        pool.carry_out(SqlTask(ENDLESS, "json"), timeout_s=60, has_left=lambda: next(stays, True))
    assert pool.workers == set()


@pytest.mark.thorough
def test_a_client_that_left_before_its_turn_costs_no_worker(pool: WorkerPool) -> None:
    _one(pool)
    workers = set(pool.workers)
    with pytest.raises(ClientLeftError):
        pool.carry_out(SqlTask(ENDLESS, "json"), timeout_s=60, has_left=lambda: True)
    assert pool.workers == workers
    assert _one(pool) == "n\n1\n"


@pytest.mark.thorough
def test_a_worker_that_cannot_start_leaves_its_place(atlas_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: WorkerPool) -> None:
        raise OSError("no process")

    pool = _pool(atlas_dir)
    with monkeypatch.context() as patched:
        patched.setattr(WorkerPool, "_new_worker", fail)
        with pytest.raises(OSError, match="no process"):
            pool.start()
    assert pool.carry_out(SqlTask("SELECT 1 AS n", "csv"), timeout_s=20).path.read_text() == "n\n1\n"
    pool.close()


def test_errors_keep_their_parts_on_the_way_from_a_worker(pool: WorkerPool) -> None:
    with pytest.raises(QuestionError, match="The value of width cannot be used") as error:
        pool.carry_out(AskTask("lengths", {"width": "wide"}, "json"), timeout_s=60)
    assert error.value.expected == "a whole number, 1 or more"


@pytest.mark.thorough
def test_a_worker_tells_why_it_cannot_open_the_atlas(tmp_path: Path) -> None:
    pool = _pool(tmp_path)
    with pytest.raises(BrokenAtlasError, match="is no atlas"):
        _one(pool)
    pool.close()
    assert not pool.folder.exists()
    with pytest.raises(BusyError, match="no worker is free"):
        _one(pool)
