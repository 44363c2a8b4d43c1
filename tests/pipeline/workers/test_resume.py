"""Killed at any moment, whoever it hits: the same command finishes, and the bytes are those of a quiet run."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from helpers.building import (
    assert_whole,
    build_command,
    build_here,
    command,
    digests,
    environment_with,
    leftovers,
    random_proteins,
    receipts,
    start,
    wait_for,
    write_fasta,
)
from helpers.command_line import Run
from helpers.dask_workers import DeadlyTask

from attlas.pipeline.directory import read_plan
from attlas.pipeline.encode import encode
from attlas.pipeline.lock import hold_lock
from attlas.schema import AtlasPaths, EnvironmentFault, Manifest, Receipt
from attlas.schema.publish import file_sha256
from attlas.schema.verify import find_problems

pytestmark = pytest.mark.slow

Begin = Callable[[list[str]], subprocess.Popen[str]]

LENGTHS = [120 + 20 * (i % 30) for i in range(52)]
"""On the real weights about a dozen shards, of a few tenths of a second each."""

KILL_ANYWHERE = """
import os, signal, sys
from pathlib import Path

from attlas.pipeline.workers import runners
from attlas.schema import publish
from helpers.building import build_here

source, model, root = sys.argv[1:]
fsync = publish._fsync

# Loaded once, for all of them; a process with threads of torch could not be forked.
runners.count_default_workers = lambda device: 1
build_here(source, Path(root) / "loaded", model)



def dying_at(moment):
    def dying(path):
        nonlocal moment
        if moment == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        moment -= 1
        fsync(path)
    return dying


moment = 0
while True:
    out = Path(root) / f"killed-at-{moment}"
    child = os.fork()
    if child == 0:
        publish._fsync = dying_at(moment)
        build_here(source, out, model)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    print(moment, flush=True)
    moment += 1
"""
"""Builds again and again, killed with -9 one step of publishing later each time, until a build comes through."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fasta(tmp_path_factory.mktemp("input") / "in.fasta", random_proteins(LENGTHS))


@pytest.fixture(scope="module")
def reference(source: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the atlas of an uninterrupted build on the real weights."""
    out = tmp_path_factory.mktemp("reference") / "atlas"
    build_here(source, out, weights)
    assert len(receipts(out)) >= 10
    return out


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Yield a function that starts a command; whatever is left of one in the end is killed."""
    processes: list[subprocess.Popen[str]] = []

    def run(arguments: list[str]) -> subprocess.Popen[str]:
        processes.append(start(arguments))
        return processes[-1]

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the worker processes of a run: they fork from one of its children."""
    return [worker for child in psutil.Process(process.pid).children() for worker in child.children()]


def assert_what_is_there_is_true(out: Path) -> None:
    """Hold every receipt to its files, and a manifest, if there is one, to the whole atlas."""
    paths = AtlasPaths(out)
    for path in receipts(out):
        for file in Receipt.read(path).files:
            assert file_sha256(out / file.path) == file.sha256
    if paths.manifest.is_file():
        assert find_problems(paths, Manifest.read(paths)) == []


@pytest.mark.thorough
def test_killed_at_every_step_of_publishing_a_build_is_finished_by_the_same_command(
    tmp_path: Path, tiny_esm: Path
) -> None:
    source = write_fasta(tmp_path / "in.fasta", random_proteins([40, 50, 1200]))
    expected = tmp_path / "expected"
    build_here(source, expected, tiny_esm)
    n_shards = len(receipts(expected))
    assert n_shards == 2
    arguments = [sys.executable, "-c", KILL_ANYWHERE, str(source), str(tiny_esm), str(tmp_path)]
    environment = environment_with(Path(__file__).parents[2])
    result = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    # Twice for every file: four of the plan, four tables and a receipt per shard, proteins, both indexes, manifest.
    n_moments = 2 * (4 + 5 * n_shards + 4)
    assert len(result.stdout.split()) == n_moments
    n_leftovers = 0
    for moment in range(n_moments):
        out = tmp_path / f"killed-at-{moment}"
        assert_what_is_there_is_true(out)
        n_leftovers += len(leftovers(out))
        build_here(source, out, tiny_esm)
        assert digests(out) == digests(expected), moment
        assert_whole(out)
    # The kills did hit files half-written: each file once, and twice each folder in which names and words are sorted.
    assert n_leftovers == n_moments // 2 + 4


@pytest.mark.thorough
def test_a_run_keeps_others_out_and_killed_it_is_finished_by_the_same_command_that_outlives_a_worker(
    begin: Begin, reference: Path, source: Path, weights: Path, tmp_path: Path, attlas: Run
) -> None:
    out = tmp_path / "atlas"
    run = begin(build_command(source, out, weights, "--workers", 2))
    wait_for(lambda: len(receipts(out)) >= 1, what="the first receipt")
    workers = workers_of(run)
    assert len(workers) == 2

    # While it runs, nobody else writes.
    arguments = ["--out", out, "--model", weights, "--device", "cpu", "--workers", 0]
    for verb in (["build", source, *arguments], ["plan", source, *arguments[:-2]], ["encode", out], ["seal", out]):
        refused = attlas(*verb)
        assert refused.code == 1
        assert f"Another attlas process is writing to {out}." in refused.err
        assert "wait for it" in refused.err
    status = attlas("status", out)
    assert (status.code, "unfinished" in status.out) == (0, True)

    wait_for(lambda: len(receipts(out)) >= 3, what="the first receipts")
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not AtlasPaths(out).manifest.exists()
    assert_what_is_there_is_true(out)
    before = {path: path.stat().st_mtime_ns for path in receipts(out)}

    # At once, while the orphans may still be at work.
    again = begin(build_command(source, out, weights, "--workers", 2))
    wait_for(lambda: len(workers_of(again)) == 2, what="the workers")
    wait_for(lambda: len(receipts(out)) > len(before), what="another receipt")
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert alive == []
    workers_of(again)[0].kill()
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert "shards finished already" in err
    assert digests(out) == digests(reference)
    assert_whole(out)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.thorough
def test_a_shard_that_kills_every_worker_is_given_up_by_name_and_the_others_are_finished(
    reference: Path, source: Path, weights: Path, tmp_path: Path, attlas: Run
) -> None:
    out = tmp_path / "atlas"
    assert attlas("plan", source, "--out", out, "--model", weights, "--device", "cpu").code == 0
    paths, shards = AtlasPaths(out), read_plan(AtlasPaths(out)).shards
    task = DeadlyTask(finished=str(reference), deadly=7)
    with hold_lock(paths), pytest.raises(EnvironmentFault, match="not finished; the others are kept") as raised:
        encode(paths, read_plan(paths), shards=shards, progress=lambda event: None, n_workers=2, task=task)
    message = str(raised.value)
    assert "  - shard 7 (" in message
    assert "4 workers died while they computed it" in message
    assert "run the same command again" in message
    assert [path.name for path in receipts(out)] == [f"shard-{i:05d}.json" for i in range(1, len(shards) + 1) if i != 7]
    build_here(source, out, weights)
    assert digests(out) == digests(reference)
    assert_whole(out)


@pytest.mark.thorough
def test_two_jobs_may_encode_at_once_but_not_while_one_seals(
    begin: Begin, source: Path, weights: Path, tmp_path: Path, attlas: Run
) -> None:
    out = tmp_path / "atlas"
    assert attlas("plan", source, "--out", out, "--model", weights, "--device", "cpu").code == 0
    begin(command("encode", out, "--workers", 0))
    wait_for(lambda: receipts(out), what="the first receipt")
    sealing = attlas("seal", out)
    other = attlas("encode", out, "--shards", "1", "--workers", 0)
    assert sealing.code == 1
    assert "Another attlas process is writing" in sealing.err
    assert other.code == 0, other.err
