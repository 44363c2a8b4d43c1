"""Killed at any moment, whoever it hits: the same command finishes, and the bytes are those of a quiet run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
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

from attlas.schema import AtlasPaths, Manifest, Receipt
from attlas.schema.publish import file_sha256
from attlas.schema.verify import find_problems

pytestmark = pytest.mark.slow

LENGTHS = [120 + 20 * (i % 30) for i in range(52)]
"""On the real weights about a dozen shards, of a few tenths of a second each."""

KILL_ANYWHERE = """
import os, signal, sys
from pathlib import Path

import torch, transformers
import attlas.pipeline.encoder
from helpers.building import build_here
from attlas.schema import publish

source, model, root = sys.argv[1:]
fsync = publish._fsync


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

DEADLY = """
import os, signal, time
from pathlib import Path
from attlas.pipeline import shard

encode_shard = shard.encode_shard


def dying(paths, plan, shard, encoder):
    if shard.index == {index}:
        time.sleep(1)  # memory does not run out at once
        os.kill(os.getpid(), signal.SIGKILL)
    return encode_shard(paths, plan, shard, encoder)


shard.encode_shard = dying
"""
"""A sitecustomize that makes one shard take its worker down."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fasta(tmp_path_factory.mktemp("input") / "in.fasta", random_proteins(LENGTHS))


@pytest.fixture(scope="module")
def reference(source: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the digests of an uninterrupted build on the real weights."""
    out = tmp_path_factory.mktemp("reference") / "atlas"
    build_here(source, out, weights)
    assert len(receipts(out)) >= 10
    return digests(out)


@pytest.fixture
def run(source: Path, weights: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a build on two Dask workers, under way; whatever is left of it in the end is killed."""
    process = start(build_command(source, tmp_path / "atlas", weights, "--workers", 2))
    yield process
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


def test_killed_at_every_step_of_publishing_a_build_is_finished_by_the_same_command(
    tmp_path: Path, tiny_esm: Path
) -> None:
    source = write_fasta(tmp_path / "in.fasta", random_proteins([40, 50, 900, 1200]))
    expected = tmp_path / "expected"
    build_here(source, expected, tiny_esm)
    n_shards = len(receipts(expected))
    assert n_shards > 1
    arguments = [sys.executable, "-c", KILL_ANYWHERE, str(source), str(tiny_esm), str(tmp_path)]
    environment = environment_with(Path(__file__).parents[1])
    result = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    # Twice for every file: planned proteins, plan, four tables and a receipt per shard, proteins, manifest.
    n_moments = 2 * (2 + 5 * n_shards + 2)
    assert len(result.stdout.split()) == n_moments
    n_leftovers = 0
    for moment in range(n_moments):
        out = tmp_path / f"killed-at-{moment}"
        assert_what_is_there_is_true(out)
        n_leftovers += len(leftovers(out))
        build_here(source, out, tiny_esm)
        assert digests(out) == digests(expected), moment
        assert_whole(out)
    assert n_leftovers == n_moments / 2  # so the kills did hit files half-written


def test_a_run_killed_after_its_first_shards_leaves_no_worker_and_is_finished_by_the_same_command(
    run: subprocess.Popen[str], reference: dict[str, str], source: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "atlas"
    wait_for(lambda: len(receipts(out)) >= 3, what="the first receipts")
    workers = workers_of(run)
    assert len(workers) == 2
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not AtlasPaths(out).manifest.exists()
    assert_what_is_there_is_true(out)
    before = {path: path.stat().st_mtime_ns for path in receipts(out)}
    # At once, while the orphans may still be at work.
    result = subprocess.run(
        build_command(source, out, weights, "--workers", 2), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "shards are finished already" in result.stderr
    assert digests(out) == reference
    assert_whole(out)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert alive == []


def test_the_death_of_a_worker_costs_its_shard_and_nothing_else(
    run: subprocess.Popen[str], reference: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "atlas"
    wait_for(lambda: len(receipts(out)) >= 2, what="the first receipts")
    workers_of(run)[0].kill()
    _, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    assert digests(out) == reference
    assert_whole(out)


def test_a_shard_that_kills_every_worker_is_given_up_by_name_and_the_others_are_finished(
    reference: dict[str, str], source: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "atlas"
    (tmp_path / "deadly").mkdir()
    (tmp_path / "deadly" / "sitecustomize.py").write_text(DEADLY.format(index=7))
    arguments = build_command(source, out, weights, "--workers", 2)
    environment = environment_with(tmp_path / "deadly")
    result = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 1, result.stderr
    assert "shards were not finished; the others are kept" in result.stderr
    assert "  - shard 7 (" in result.stderr
    assert "4 workers died while they computed it" in result.stderr
    assert "run the same command again" in result.stderr
    n_shards = len(json.loads((out / "plan.json").read_text())["shards"])
    assert [path.name for path in receipts(out)] == [f"shard-{i:05d}.json" for i in range(1, n_shards + 1) if i != 7]
    build_here(source, out, weights)
    assert digests(out) == reference
    assert_whole(out)


def test_a_second_build_into_the_same_directory_is_refused_until_the_first_is_gone(
    run: subprocess.Popen[str], source: Path, weights: Path, tmp_path: Path, attlas
) -> None:
    out = tmp_path / "atlas"
    wait_for(lambda: len(receipts(out)) >= 1, what="the first receipt")
    arguments = ["--out", out, "--model", weights, "--device", "cpu", "--workers", 0]
    for verb in (["build", source, *arguments], ["plan", source, *arguments[:-2]], ["encode", out], ["seal", out]):
        refused = attlas(*verb)
        assert refused.code == 1
        assert f"Another attlas process is writing to {out}." in refused.err
        assert "wait for it" in refused.err
    status = attlas("status", out)
    assert (status.code, "unfinished" in status.out) == (0, True)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert attlas("plan", source, *arguments[:-2]).code == 0


def test_two_jobs_may_encode_at_once_but_not_while_one_seals(source: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    subprocess.run(
        command("plan", source, "--out", out, "--model", weights, "--device", "cpu"), check=True, capture_output=True
    )
    job = start(command("encode", out, "--workers", 0))
    try:
        wait_for(lambda: receipts(out), what="the first receipt")
        sealing = subprocess.run(command("seal", out), capture_output=True, text=True, check=False)
        other = subprocess.run(
            command("encode", out, "--shards", "1", "--workers", 0), capture_output=True, text=True, check=False
        )
    finally:
        job.kill()
        job.communicate()
    assert sealing.returncode == 1
    assert "Another attlas process is writing" in sealing.stderr
    assert other.returncode == 0, other.stderr
