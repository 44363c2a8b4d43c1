"""Ctrl-C ends a build within a second, with its workers; what is finished is kept and the same command goes on."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from helpers.building import (
    assert_whole,
    build_command,
    build_here,
    digests,
    environment_that_changes,
    random_proteins,
    receipts,
    start,
    wait_for,
    write_fasta,
)

from attlas.cli.interrupting import stopping_at_once
from attlas.schema import Receipt
from attlas.schema.publish import file_sha256

pytestmark = pytest.mark.slow

SLOW = """
def slow(paths, plan, shard, encoder, encode_shard=module.encode_shard, **options):
    receipt = encode_shard(paths, plan, shard, encoder, **options)
    {wait}
    return receipt


module.encode_shard = slow
"""
"""What is changed in `attlas.pipeline.shard`: workers stay at every shard for long after it is published."""

STUCK = "import ctypes; ctypes.CDLL(None).sleep(30)"
"""What the main thread does not come back from: a library that takes its time."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_fasta(tmp_path / "in.fasta", random_proteins([400 + i for i in range(60)]))


@pytest.fixture
def begin() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Yield a function that starts a command; whatever is left of one in the end is killed."""
    processes: list[subprocess.Popen[str]] = []

    def run(arguments: list[str], **options: object) -> subprocess.Popen[str]:
        processes.append(start(arguments, **options))
        return processes[-1]

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def slowed(folder: Path, wait: str) -> dict[str, str]:
    return environment_that_changes(folder, "attlas.pipeline.shard", SLOW.format(wait=wait))


def interrupt(process: subprocess.Popen[str]) -> tuple[float, str, list[psutil.Process]]:
    """Send Ctrl-C as a terminal does, to the whole group; return seconds, stderr and what is still alive."""
    family = psutil.Process(process.pid).children(recursive=True)
    sent = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=30)
    seconds = time.monotonic() - sent
    _, err = process.communicate()
    _, alive = psutil.wait_procs(family, timeout=5)
    return seconds, err, alive


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("n_workers", "wait"),
    [
        pytest.param(2, "import time; time.sleep(30)", id="workers"),
        pytest.param(0, STUCK, id="in a library"),
    ],
)
def test_ctrl_c_is_answered_within_a_second_and_keeps_what_is_finished(
    n_workers: int, wait: str, source: Path, tmp_path: Path, tiny_esm: Path, begin
) -> None:
    out = tmp_path / "atlas"
    arguments = build_command(source, out, tiny_esm, "--workers", n_workers)
    process = begin(arguments, env=slowed(tmp_path / "slow", wait))
    wait_for(lambda: len(receipts(out)) >= max(1, n_workers), what="the first receipts", seconds=240)
    seconds, err, alive = interrupt(process)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "attlas: stopped; the same command continues"
    assert seconds < 1.0
    assert alive == []

    kept = receipts(out)
    assert kept
    for path in kept:
        for file in Receipt.read(path).files:
            assert file_sha256(out / file.path) == file.sha256
    before = {path: path.stat().st_mtime_ns for path in kept}
    build_here(source, out, tiny_esm)
    build_here(source, tmp_path / "reference", tiny_esm)
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    assert digests(out) == digests(tmp_path / "reference")
    assert_whole(out)


@pytest.mark.thorough
def test_ctrl_c_while_workers_start_leaves_none_and_no_traceback(
    source: Path, tmp_path: Path, tiny_esm: Path, begin
) -> None:
    out = tmp_path / "atlas"
    process = begin(build_command(source, out, tiny_esm, "--workers", 2))
    wait_for(lambda: len(psutil.Process(process.pid).children(recursive=True)) >= 2, what="the first worker's process")
    seconds, err, alive = interrupt(process)
    assert (process.returncode, seconds < 1.0, alive) == (130, True, [])
    assert [line for line in err.splitlines() if not line.startswith("attlas: ")] == []


def test_where_nothing_is_interrupted_the_handler_of_before_is_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    n_threads = threading.active_count()
    with stopping_at_once("stopped"):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
    wait_for(lambda: threading.active_count() == n_threads, what="the end of the waiting thread")


def test_in_a_thread_that_gets_no_signals_nothing_is_changed() -> None:
    handlers = []

    def work() -> None:
        with stopping_at_once("stopped"):
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]


def test_the_cursor_of_a_terminal_is_shown_again(tmp_path: Path) -> None:
    script = (
        "import os, signal, time\n"
        "from attlas.cli.interrupting import stopping_at_once\n"
        "with stopping_at_once('stopped'):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(30)\n"
    )
    terminal, stderr = os.openpty()
    process = subprocess.Popen([sys.executable, "-c", script], stderr=stderr)
    os.close(stderr)
    process.wait(timeout=20)
    written = os.read(terminal, 1000).decode()
    os.close(terminal)
    assert process.returncode == 130
    assert "\x1b[?25h" in written
    assert "attlas: stopped" in written
