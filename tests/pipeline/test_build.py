"""Inline, on Dask, on somebody's scheduler or step by step: the same bytes; every record is accounted for."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.building import (
    assert_whole,
    build_command,
    build_here,
    command,
    digests,
    environment_with,
    proteins_of,
    random_proteins,
    receipts,
    start,
    wait_for,
    write_fasta,
)
from helpers.command_line import Run
from helpers.dask_workers import open_scheduler
from helpers.tiny_esm import save_tiny_esm

from attlas.pipeline.directory import read_plan
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.forward import Forward
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.pipeline.workers import faults
from attlas.schema import SITES, AtlasPaths
from attlas.schema.parquet_file import PROVENANCE_KEY

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "proteins.fasta"
DASK = str(Path(sys.executable).with_name("dask"))
SMALL_WORKER = (
    r"worker tcp://\S+ is left out: Shard \d+ does not fit the memory .* limit of \d\.\d GiB or more; found 0\.6 GiB"
)
"""What is said of a worker that has less memory than the largest shard needs."""


@pytest.fixture(scope="module")
def examples(is_thorough: bool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example proteins, by default those of up to 200 residues; two calmodulins are one sequence."""
    if is_thorough:
        return EXAMPLES
    proteins = {protein.accession: protein.sequence for protein in read_proteome(str(EXAMPLES)).proteins}
    short = {accession: sequence for accession, sequence in proteins.items() if len(sequence) <= 200}
    return write_fasta(tmp_path_factory.mktemp("examples") / "proteins.fasta", short)


@pytest.fixture(scope="module")
def reference(examples: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the atlas of the example proteins on the real weights, built inline."""
    out = tmp_path_factory.mktemp("reference") / "atlas"
    build_here(examples, out, weights)
    return out


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return write_fasta(tmp_path / "in.fasta", random_proteins([30, 41, 52, 300, 400, 500, 600]))


# --- the ways of building ---


def test_an_inline_build_of_real_proteins_is_whole_and_says_where_it_comes_from(
    reference: Path, examples: Path
) -> None:
    manifest = assert_whole(reference)
    n_proteins = examples.read_text().count(">")
    assert manifest.counts.n_requested == manifest.counts.n_ok == n_proteins > 5
    assert manifest.counts.n_sequences == n_proteins - 1
    assert manifest.source == "proteins.fasta"
    metadata = pq.read_schema(AtlasPaths(reference).shard(SITES, 1)).metadata
    told = json.loads(metadata[PROVENANCE_KEY])
    assert told["atlas_id"] == manifest.atlas_id
    assert told["weights_sha256"] == manifest.run.weights_sha256
    assert "no random numbers" in told["determinism"]


def test_two_dask_workers_write_the_same_bytes(reference: Path, examples: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    result = subprocess.run(
        build_command(examples, out, weights, "--workers", 2), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert digests(out) == digests(reference)
    assert_whole(out)
    # Every line on stderr is a plain one of ours; what a script reads is on stdout, one line.
    assert [line for line in result.stderr.splitlines() if not line.startswith("attlas: ")] == []
    assert "\r" not in result.stderr
    assert "residues/s" in result.stderr.splitlines()[-1]
    counts = assert_whole(out).counts
    assert result.stdout == f"{out}: {counts.n_ok} proteins: {counts.n_ok} ok, 0 skipped, 0 failed; " + (
        f"{counts.n_sites:,} sites in {counts.n_sequences} distinct sequences\n"
    )


@pytest.mark.thorough
def test_the_workers_of_a_running_scheduler_write_the_same_bytes(
    reference: Path, weights: Path, tmp_path: Path, attlas: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "atlas"
    monkeypatch.setattr(faults, "PATIENCE_S", 5.0)
    arguments = ("build", EXAMPLES, "--out", out, "--model", weights, "--device", "cpu")
    with open_scheduler(1, memory_limit="600MB") as address:
        refused = attlas(*arguments, "--scheduler", address)
    assert refused.code == 1
    assert re.search(SMALL_WORKER, refused.err), refused.err

    with open_scheduler(2) as address:
        result = attlas(*arguments, "--scheduler", address)
    assert result.code == 0, result.err
    assert digests(out) == digests(reference)


@pytest.mark.thorough
def test_worker_processes_of_a_running_scheduler_write_the_same_bytes(
    reference: Path, weights: Path, tmp_path: Path
) -> None:
    note, out = tmp_path / "scheduler.json", tmp_path / "atlas"
    options = ["--scheduler-file", str(note), "--no-dashboard", "--interface", "lo"]
    scheduler = start([DASK, "scheduler", *options, "--port", "0"])
    small = start([DASK, "worker", *options, "--nthreads", "1", "--memory-limit", "600MB"])
    workers: list[subprocess.Popen[str]] = []
    try:
        wait_for(lambda: note.is_file() and note.read_text().endswith("}"), what="the scheduler's file, whole")
        address = json.loads(note.read_text())["address"]
        workers += [start([DASK, "worker", *options, "--nthreads", "1", "--memory-limit", "0"]) for _ in range(2)]
        command = build_command(EXAMPLES, out, weights, "--scheduler", address)
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        for process in [small, *workers, scheduler]:
            process.terminate()
        for process in [small, *workers, scheduler]:
            process.communicate(timeout=30)
    assert result.returncode == 0, result.stderr
    assert re.search(SMALL_WORKER, result.stderr), result.stderr
    assert digests(out) == digests(reference)


@pytest.mark.thorough
def test_plan_encode_by_shards_and_seal_write_the_same_bytes(
    reference: Path, weights: Path, tmp_path: Path, attlas
) -> None:
    out = tmp_path / "atlas"
    planned = attlas("plan", EXAMPLES, "--out", out, "--model", weights, "--device", "cpu")
    assert planned.code == 0, planned.err
    n_shards = len(receipts(reference))
    assert f"{n_shards:,} shards planned" in planned.out
    # Two at once, as an array job runs them.
    job = start(command("encode", out, "--shards", f"{n_shards - 2}-{n_shards}", "--workers", 0))
    outcome = attlas("encode", out, "--shards", f"1-{n_shards - 3}", "--workers", 0)
    _, err = job.communicate(timeout=120)
    assert (outcome.code, job.returncode) == (0, 0), outcome.err + err
    sealed = attlas("seal", out)
    assert sealed.code == 0, sealed.err
    assert digests(out) == digests(reference)
    assert_whole(out)


def test_shards_named_that_are_done_already_compute_nothing_else(
    fasta: Path, tiny_esm: Path, tmp_path: Path, attlas
) -> None:
    out = tmp_path / "atlas"
    attlas("plan", fasta, "--out", out, "--model", tiny_esm, "--device", "cpu")
    assert attlas("encode", out, "--shards", "1", "--workers", 0).code == 0
    again = attlas("encode", out, "--shards", "1", "--workers", 0)
    assert (again.code, len(receipts(out))) == (0, 1)
    assert "0 shards computed" in again.out
    unfinished = attlas("seal", out)
    assert unfinished.code == 1
    assert "shards are not done" in unfinished.err


def test_the_same_run_twice_writes_the_same_bytes(fasta: Path, tiny_esm: Path, tmp_path: Path) -> None:
    first_atlas, second_atlas = tmp_path / "first", tmp_path / "second"
    assert build_here(fasta, first_atlas, tiny_esm).atlas_id == build_here(fasta, second_atlas, tiny_esm).atlas_id
    assert digests(first_atlas) == digests(second_atlas)


def test_a_sealed_atlas_is_left_as_it_is(fasta: Path, tiny_esm: Path, tmp_path: Path) -> None:
    manifest = build_here(fasta, tmp_path / "atlas", tiny_esm)
    assert build_here(fasta, tmp_path / "atlas", tiny_esm) == manifest


def test_a_packed_or_renamed_or_reordered_input_is_the_same_plan(fasta: Path, tiny_esm: Path, tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    manifest = build_here(fasta, out, tiny_esm)
    packed = tmp_path / "other.fasta.gz"
    packed.write_bytes(gzip.compress(fasta.read_bytes()))
    assert build_here(packed, out, tiny_esm) == manifest
    reordered = dict(reversed(random_proteins([30, 41, 52, 300, 400, 500, 600]).items()))
    assert build_here(write_fasta(tmp_path / "reordered.fasta", reordered), out, tiny_esm) == manifest


def test_the_order_of_the_records_changes_nothing_but_the_lines(fasta: Path, tiny_esm: Path, tmp_path: Path) -> None:
    reordered = dict(reversed(random_proteins([30, 41, 52, 300, 400, 500, 600]).items()))
    build_here(fasta, tmp_path / "a", tiny_esm)
    build_here(write_fasta(tmp_path / "reordered.fasta", reordered), tmp_path / "b", tiny_esm)
    assert {path for path, digest in digests(tmp_path / "a").items() if digests(tmp_path / "b")[path] != digest} == {
        "plan/proteins.parquet",
        "proteins/proteins.parquet",
    }
    lines = [{name: row.pop("line") for name, row in proteins_of(tmp_path / out).items()} for out in "ab"]
    assert lines[0] != lines[1]


# --- every record is accounted for ---


def test_identical_sequences_are_computed_once_and_answer_under_every_accession(
    tmp_path: Path, tiny_esm: Path, attlas
) -> None:
    repeat, single = random_proteins([80, 90]).values()
    records = [("A1", repeat), ("B2", single), ("C3", repeat), ("A1", repeat), ("D4", "MKV*LL")]
    source = tmp_path / "in.fasta"
    source.write_text("".join(f">{accession}\n{sequence}\n" for accession, sequence in records))
    counts = build_here(source, tmp_path / "atlas", tiny_esm).counts
    assert (counts.n_records, counts.n_requested, counts.n_ok, counts.n_skipped, counts.n_failed) == (5, 4, 3, 1, 0)
    assert counts.n_sequences == 2
    assert counts.n_residues == 170
    rows = proteins_of(tmp_path / "atlas")
    assert {name: (row["n_records"], row["line"]) for name, row in rows.items()} == {
        "A1": (2, 1),
        "B2": (1, 3),
        "C3": (1, 5),
        "D4": (1, 9),
    }
    told = [json.loads(attlas("show", tmp_path / "atlas", name, "--json").out)[0] for name in ("A1", "C3")]
    assert told[0]["sites"] == told[1]["sites"] != []


def test_a_protein_the_model_cannot_encode_fails_alone_and_is_computed_on_the_next_try(
    tmp_path: Path, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    proteins = random_proteins([60, 61, 62, 63, 64])
    bad, nan = proteins["P00002"], proteins["P00003"]
    start = Encoder.start

    def broken(self: Encoder, sequences: list[str]) -> Forward:
        if bad in sequences:
            raise RuntimeError("out of registers\nsecond line")
        forward = start(self, sequences)
        if nan in sequences:
            results = forward.results()
            results[sequences.index(nan)].received[1, 5] = np.nan
            forward.results = lambda: results
        return forward

    source, out = write_fasta(tmp_path / "in.fasta", proteins), tmp_path / "atlas"
    arguments = ["build", source, "--out", out, "--model", tiny_esm, "--device", "cpu", "--workers", 0]
    with monkeypatch.context() as patched:
        patched.setattr(Encoder, "start", broken)
        result = attlas(*arguments)
    assert result.code == 3, result.err
    assert "3 ok, 0 skipped, 2 failed" in result.out
    assert "--retry-failed" in result.err
    rows = proteins_of(out)
    assert {name: row["status"] for name, row in rows.items() if row["status"] != "ok"} == {
        "P00002": "failed",
        "P00003": "failed",
    }
    assert rows["P00002"]["reason"] == "RuntimeError: out of registers"
    assert "not finite" in rows["P00003"]["reason"]
    assert rows["P00002"]["layer"] is None
    assert_whole(out)
    assert attlas(*arguments).code == 3  # sealed as it is, until asked to try again
    again = attlas(*arguments, "--retry-failed")
    assert (again.code, "5 ok, 0 skipped, 0 failed" in again.out) == (0, True), again.err
    build_here(source, tmp_path / "reference", tiny_esm)
    assert digests(out) == digests(tmp_path / "reference")


def test_weights_that_know_no_pyrrolysine_fail_its_proteins_only(tmp_path: Path, attlas) -> None:
    model = save_tiny_esm(tmp_path / "model", nan_letter="O")
    proteins = random_proteins([60, 61, 62])
    proteins["WITH-O"] = proteins["P00000"][:40] + "O" + proteins["P00001"][:20]
    source, out = write_fasta(tmp_path / "in.fasta", proteins), tmp_path / "atlas"
    arguments = ["build", source, "--out", out, "--model", model, "--device", "cpu", "--workers", 0]
    result = attlas(*arguments)
    assert (result.code, "3 ok, 0 skipped, 1 failed" in result.out) == (3, True), result.err
    assert "not finite" in proteins_of(out)["WITH-O"]["reason"]
    assert attlas(*arguments, "--retry-failed").code == 3  # the same weights fail again
    assert_whole(out)
    save_tiny_esm(model)
    mended = attlas(*arguments, "--retry-failed")
    assert mended.code == 1
    assert "weights_sha256" in mended.err
    assert "build into another directory" in mended.err
    assert_whole(out)


def test_a_fasta_whose_proteins_are_all_skipped_is_sealed_and_can_be_asked(
    tmp_path: Path, tiny_esm: Path, attlas
) -> None:
    source = write_fasta(tmp_path / "in.fasta", {"A1": "MKV*LL", "B2": "", "C3": "M" * 50})
    out = tmp_path / "atlas"
    result = attlas("build", source, "--out", out, "--model", tiny_esm, "--device", "cpu", "--max-length", 20)
    assert (result.code, "0 ok, 3 skipped, 0 failed" in result.out) == (0, True), result.err
    assert assert_whole(out).counts.n_sequences == 0
    answer = attlas("sql", out, "SELECT accession, reason FROM proteins ORDER BY accession", "--format", "csv")
    assert answer.code == 0, answer.err
    assert "B2,no sequence" in answer.out
    assert "C3,longer than --max-length 20: 50 residues" in answer.out
    nothing = attlas("sql", out, "SELECT count(*) AS n FROM sites", "--format", "csv")
    assert nothing.out.split() == ["n", "0"]
    shown = attlas("show", out, "A1", "--json")
    assert "skipped" in shown.out + shown.err
    assert attlas("status", out).code == 0
    assert attlas("verify", out).code == 0


# --- memory ---

BUILD_AND_MEASURE = """
import os, resource, sys
import torch, transformers
from helpers.building import build_here

model, *folders = sys.argv[1:]
for folder in folders:
    child = os.fork()
    if child == 0:
        build_here(f"{folder}/in.fasta", f"{folder}/atlas", model)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
"""
"""A process for every build, and what torch takes to be imported only once."""

LENGTHS = {"200 short proteins": [60 + i % 40 for i in range(200)], "one of 3,000 residues": [3000]}


@pytest.fixture(scope="module")
def measured(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, Path]]:
    """Return the peak of memory, in bytes, of builds of proteins of these lengths, and their atlases."""
    folders = [tmp_path_factory.mktemp("memory") for _ in LENGTHS]
    for folder, lengths in zip(folders, LENGTHS.values(), strict=True):
        write_fasta(folder / "in.fasta", random_proteins(lengths))
    script = [sys.executable, "-c", BUILD_AND_MEASURE, weights, *folders]
    environment = environment_with(Path(__file__).parents[1])
    result = subprocess.run(script, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = [int(line) * unit for line in result.stdout.split()]
    return dict(zip(LENGTHS, zip(peaks, [folder / "atlas" for folder in folders], strict=True), strict=True))


@pytest.mark.thorough
@pytest.mark.parametrize("name", LENGTHS)
def test_the_memory_a_build_takes_stays_within_its_prediction(measured: dict[str, tuple[int, Path]], name: str) -> None:
    peak, out = measured[name]
    predicted = max(shard.predicted_bytes for shard in read_plan(AtlasPaths(out)).shards)
    print(f"measured {peak / 2**20:,.0f} MiB, predicted {predicted / 2**20:,.0f} MiB")
    assert peak <= predicted <= 2.5 * peak
