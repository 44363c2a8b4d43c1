"""A query keeps within its time and its memory, stops at Ctrl-C, and many run at once."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from helpers.command_line import Run
from helpers.default_cases import each_nth_by_default

from attlas.cli import shell
from attlas.queries import Atlas
from attlas.queries.engine import running, sandbox
from attlas.queries.engine.running import OutOfTime, Running
from attlas.schema import EnvironmentFault, QuestionError

pytestmark = pytest.mark.slow

RUNAWAY = "SELECT count(*) FROM range(1_000_000) AS a, range(1_000_000) AS b WHERE (a.range * b.range) % 7 = 3"
RUNAWAY_STREAM = (
    "SELECT * FROM range(1_000_000) AS a, range(1_000_000) AS b WHERE hash(a.range, b.range) % 1_000_000_007 = 3"
)
SLOW = "SELECT sum(hash(range)) FROM range(10_000_000_000)"
LARGE_SORT = "SELECT range AS i, repeat('x', 200) || range AS t FROM range(800_000) ORDER BY hash(range)"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that temporary files go to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "query",
    [
        RUNAWAY,
        RUNAWAY_STREAM,
        f"EXPLAIN ANALYZE {RUNAWAY}",
        f"PIVOT ({RUNAWAY_STREAM}) AS t ON a.range % 2 USING count(*)".replace("SELECT *", "SELECT a.range AS a"),
    ],
    ids=["counts", "streams", "explains", "pivots"],
)
def test_a_runaway_is_stopped_by_its_time_limit(atlas: Atlas, query: str) -> None:
    started = time.monotonic()
    with pytest.raises(QuestionError, match=r"stopped after 0\.3 s, its time limit:\n(.*\n)+.*--timeout"):
        atlas.sql(query.replace("ON a.range % 2", "ON a % 2"), timeout_s=0.3)
    assert time.monotonic() - started < 5
    assert atlas.sql("SELECT 1 AS n", timeout_s=5)["n"].to_pylist() == [1]


@pytest.mark.thorough
def test_a_stream_is_stopped_between_its_batches(atlas: Atlas) -> None:
    # Fast for two batches, then slow for ever: a text of 50 kB is hashed for every row.
    query = "SELECT md5(repeat('x', CASE WHEN range < 40_000 THEN 1 ELSE 50_000 END)) FROM range(100_000_000)"
    rows = atlas.stream(query, timeout_s=3)
    assert rows.read_next_batch().num_rows > 0
    with pytest.raises(QuestionError, match="stopped after 3 s"):
        rows.read_all()


@pytest.mark.thorough
def test_the_time_of_whoever_reads_the_rows_does_not_count(atlas: Atlas) -> None:
    rows = atlas.stream("SELECT range FROM range(60_000)", timeout_s=1)
    n_rows = 0
    for batch in rows:
        n_rows += batch.num_rows
        time.sleep(0.5)
    assert n_rows == 60_000


def test_an_error_of_the_query_is_not_taken_for_the_end_of_its_time(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match="cannot be answered"):
        atlas.sql("SELECT scores FROM sites", timeout_s=60)


def test_a_timeout_of_the_work_itself_is_not_taken_for_it_either() -> None:
    def work() -> None:
        raise TimeoutError("of the network")

    with duckdb.connect() as connection, pytest.raises(TimeoutError, match="of the network"):
        Running(connection, 60).call(work)


@pytest.mark.thorough
def test_an_interrupt_before_duckdb_has_begun_is_not_lost() -> None:
    with duckdb.connect() as connection:

        def late() -> None:
            time.sleep(0.5)  # the limit is over before the query begins
            connection.execute(RUNAWAY).fetchall()

        started = time.monotonic()
        with pytest.raises(OutOfTime):
            Running(connection, 0.1).call(late)
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("query", each_nth_by_default([RUNAWAY, RUNAWAY_STREAM], 2), ids=["counts", "streams"])
def test_ctrl_c_stops_a_query_at_once(atlas: Atlas, query: str) -> None:
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    started = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        atlas.sql(query)
    assert time.monotonic() - started < 5
    assert atlas.sql("SELECT 1 AS n")["n"].to_pylist() == [1]


def test_ctrl_c_ends_the_command_with_130_and_no_traceback(atlas_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "attlas.cli.main", "sql", str(atlas_dir), RUNAWAY, "-o", str(tmp_path / "x.csv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@contextmanager
def pressing_ctrl_c_while_connecting() -> Iterator[None]:
    """Have connecting last for a minute, and press Ctrl-C soon after it has begun."""
    limit_memory = sandbox._limit_statements

    def limit_slowly(memory_limit: str) -> list[str]:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        # One thread: else DuckDB looks for signals in the main thread only when it has nothing else to do.
        return [*limit_memory(memory_limit), "SET threads = 1", SLOW]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "_limit_statements", limit_slowly)
        yield


def test_ctrl_c_while_connecting_ends_the_call_and_the_next_query_connects(atlas_dir: Path) -> None:
    with Atlas.open(atlas_dir) as opened:
        with pytest.raises(KeyboardInterrupt), pressing_ctrl_c_while_connecting():
            opened.sql("SELECT 1 AS n")
        assert opened.sql("SELECT 1 AS n")["n"].to_pylist() == [1]


def test_ctrl_c_while_connecting_ends_the_command_with_130(atlas_dir: Path, attlas: Run) -> None:
    with pressing_ctrl_c_while_connecting():
        outcome = attlas("sql", atlas_dir, "SELECT 1 AS n")
    assert (outcome.code, outcome.out) == (130, "")


def test_ctrl_c_while_the_shell_connects_drops_the_line(atlas_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Atlas.open(atlas_dir) as opened:
        session = shell.Session(opened, "csv", timeout_s=None)
        with pressing_ctrl_c_while_connecting():
            shell._process_line(session, "SELECT 1 AS n;")
        shell._process_line(session, "SELECT 2 AS n;")
    assert capsys.readouterr() == ("n\n2\n", "attlas: stopped\n")


@pytest.mark.thorough
def test_a_query_larger_than_its_memory_spills_to_disk_and_leaves_nothing(atlas_dir: Path, temporary: Path) -> None:
    with Atlas.open(atlas_dir, memory_limit="128MB") as opened:
        rows = opened.stream(LARGE_SORT)
        batch = rows.read_next_batch()
        assert [path.name.startswith(sandbox.SPILL_PREFIX) for path in temporary.iterdir()] == [True]
        numbers = {*batch["i"].to_pylist(), *rows.read_all()["i"].to_pylist()}
        assert numbers == set(range(800_000))
        del rows
    assert list(temporary.iterdir()) == []


@pytest.mark.thorough
def test_two_atlases_of_one_process_spill_beside_each_other(atlas_dir: Path, temporary: Path) -> None:
    with (
        Atlas.open(atlas_dir, memory_limit="128MB") as first_atlas,
        Atlas.open(atlas_dir, memory_limit="128MB") as second_atlas,
    ):
        streams = [first_atlas.stream(LARGE_SORT), second_atlas.stream(LARGE_SORT)]
        firsts = [rows.read_next_batch() for rows in streams]
        assert len(list(temporary.iterdir())) == 2
        with ThreadPoolExecutor(2) as threads:
            rests = list(threads.map(lambda rows: rows.read_all(), streams))
    assert firsts[0].equals(firsts[1])
    assert rests[0].equals(rests[1])


@pytest.mark.thorough
def test_a_stream_left_open_at_the_end_of_a_script_leaves_no_folder(atlas_dir: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from attlas.queries import Atlas;"
        f"rows = Atlas.open({str(atlas_dir)!r}, memory_limit='128MB').stream({LARGE_SORT!r});"
        f"rows.read_next_batch(); import os; print(len(os.listdir({str(tmp_path)!r})))"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "1\n"
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_spill_fails_with_what_to_do(atlas_dir: Path, temporary: Path) -> None:
    query = "SELECT string_agg(repeat('x', 1000), '') FROM range(1_000_000)"
    with (
        Atlas.open(atlas_dir, memory_limit="128MB") as opened,
        pytest.raises(EnvironmentFault, match=r"needs more memory.*\n(.*\n)*.*--memory 8GB"),
    ):
        opened.sql(query)


def test_what_is_spilled_has_a_bound_too(atlas_dir: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SPILL_SHARE", 1e-9)
    with (
        Atlas.open(atlas_dir, memory_limit="128MB") as opened,
        pytest.raises(EnvironmentFault, match="failed to offload"),
    ):
        opened.sql(LARGE_SORT)


@pytest.mark.parametrize("text", ["lots", "5", "-1GB", "1MB", "4 GB; SET threads = 1", "", "nanGB"])
def test_what_is_no_amount_of_memory_is_refused(atlas_dir: Path, text: str) -> None:
    with Atlas.open(atlas_dir, memory_limit=text or " ") as opened, pytest.raises(QuestionError, match="amount of mem"):
        opened.sql("SELECT 1")


@pytest.mark.parametrize(("text", "shown"), [("4GB", "3.7 GiB"), ("100 mib", "100.0 MiB"), ("1.5GiB", "1.5 GiB")])
def test_an_amount_of_memory_is_taken(atlas_dir: Path, text: str, shown: str) -> None:
    with Atlas.open(atlas_dir, memory_limit=text) as opened:
        assert opened.sql("SELECT current_setting('memory_limit') AS m")["m"].to_pylist() == [shown]


@pytest.mark.thorough
def test_eight_threads_ask_one_atlas_and_each_gets_its_own_answer(atlas_dir: Path) -> None:
    with Atlas.open(atlas_dir) as quiet:
        ok = quiet.sql("SELECT accession FROM proteins WHERE status = 'ok' ORDER BY 1")["accession"].to_pylist()
        expected = {id: (quiet.sites(id), quiet.residues(id), quiet.heads(id)) for id in ok}
    query = "SELECT * FROM sites WHERE accession = $id ORDER BY rank"
    start = threading.Barrier(8)
    with Atlas.open(atlas_dir) as shared:  # not asked yet: the threads race for its connection as well

        def ask(number: int) -> list[str]:
            start.wait()
            wrong = []
            for id in ok[number:] + ok[:number]:
                answers: list[Callable[[], object]] = [
                    lambda id=id: shared.sites(id).equals(expected[id][0]),
                    lambda id=id: shared.residues(id).equals(expected[id][1]),
                    lambda id=id: shared.heads(id).equals(expected[id][2]),
                    lambda id=id: shared.sql(query, {"id": id}).to_pylist() == expected[id][0].to_pylist(),
                    lambda id=id: sum(b.num_rows for b in shared.stream(query, {"id": id})) == len(expected[id][0]),
                ]
                wrong += [f"{id} {i}" for i, is_right in enumerate(answers) if not is_right()]
            return wrong

        with ThreadPoolExecutor(8) as threads:
            assert [wrong for wrongs in threads.map(ask, range(8)) for wrong in wrongs] == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PATIENCE_S", 0.2)


@pytest.mark.thorough
@pytest.mark.usefixtures("impatient")
def test_a_query_that_no_interrupt_reaches_is_reported_to_work_on_and_left(atlas_dir: Path) -> None:
    """One call of one function on one value: DuckDB looks for interrupts between values."""
    with Atlas.open(atlas_dir) as opened:
        opened.sql("SELECT 1")
        with pytest.raises(QuestionError, match=r"went past 0\.1 s, .*cannot be stopped"):
            opened.sql("SELECT levenshtein(repeat('a', 60_000), repeat('b', 60_000))", timeout_s=0.1)
    for thread in threading.enumerate():  # closed without an error while it works; the next test shall be alone
        if thread.name == "attlas-sql":
            thread.join(60)


@pytest.mark.thorough
def test_a_command_ends_with_its_time_limit_whatever_duckdb_does(atlas_dir: Path) -> None:
    code = (
        "from attlas.queries.engine import running; running.PATIENCE_S = 0.2; from attlas.cli.main import main; main()"
    )
    query = "SELECT levenshtein(repeat('a', 400_000), repeat('b', 400_000))"  # minutes
    command = [sys.executable, "-c", code, "sql", str(atlas_dir), query, "--timeout", "0.6"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith("attlas: This query went past 0.6 s")
    assert "Traceback" not in done.stderr
    assert "nanobind" not in done.stderr
