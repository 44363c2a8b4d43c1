"""A device that fails writes no atlas: its shards are given back, and only what fails alone on a well device fails."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from helpers.building import assert_whole, build_here, digests, proteins_of, random_proteins, receipts, write_fasta
from helpers.dask_workers import SickTask
from helpers.encoding_here import encode_here

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.forward import Forward, SequenceAttention
from attlas.pipeline.workers import runners
from attlas.pipeline.workers.runners import WorkerLeftOut, WorkersCounted
from attlas.schema import AtlasPaths, DeviceFault, EnvironmentFault

pytestmark = pytest.mark.slow

LENGTHS = [30, 41, 52, 300, 400, 500, 600]


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return write_fasta(tmp_path / "in.fasta", random_proteins(LENGTHS))


def test_a_device_on_which_every_forward_fails_publishes_nothing_and_stops_the_build(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Encoder, sequences: list[str], **_: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    out = tmp_path / "atlas"
    arguments = ("build", fasta, "--out", out, "--model", tiny_esm, "--device", "cpu", "--workers", 0)
    with monkeypatch.context() as patched:
        patched.setattr(Encoder, "start", fail)
        result = attlas(*arguments)
    assert result.code == 1, result.out
    assert "an illegal memory access was encountered" in result.err
    assert receipts(out) == []
    assert not AtlasPaths(out).manifest.exists()
    assert attlas(*arguments).code == 0
    build_here(fasta, tmp_path / "reference", tiny_esm)
    assert digests(out) == digests(tmp_path / "reference")
    assert_whole(out)
    assert {row["status"] for row in proteins_of(out).values()} == {"ok"}


@pytest.mark.parametrize("field", ["received", "heads"])
def test_numbers_that_are_not_finite_on_a_device_that_fails_the_known_protein_are_nobodys(
    field: str, fasta: Path, tmp_path: Path, tiny_esm: Path, attlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = Forward.results

    def spoiled(self: Forward) -> list[SequenceAttention]:
        return [replace(attention, **{field: getattr(attention, field) * np.nan}) for attention in results(self)]

    out = tmp_path / "atlas"
    assert attlas("plan", fasta, "--out", out, "--model", tiny_esm, "--device", "cpu").code == 0
    runners.load_plan_and_model(str(out), 1)  # the device works when the model is loaded
    monkeypatch.setattr(Forward, "results", spoiled)
    result = attlas("build", fasta, "--out", out, "--model", tiny_esm, "--device", "cpu", "--workers", 0)
    assert result.code == 1, result.out
    assert "does not work as it did when the model was loaded" in result.err
    assert receipts(out) == []


def test_vectors_that_are_not_finite_because_the_device_is_sick_are_nobodys(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attention, which ends before the last hidden state, is as it was."""
    out = tmp_path / "atlas"
    build_here(fasta, out, tiny_esm)
    _, _, encoder = runners.load_plan_and_model(str(out), 1)
    weight = encoder.model.encoder.layer[-1].output.dense.weight
    healthy = weight.detach().clone()
    try:
        weight.data.fill_(np.nan)
        result = attlas("embed", out, "--workers", 0)
    finally:
        weight.data.copy_(healthy)
        encoder.fault = None
    assert result.code == 1, result.out
    assert "does not work as it did when the model was loaded" in result.err
    assert "in the hidden states of the last layer" in result.err
    assert not (out / "vectors").exists() or not list((out / "vectors").glob("*.parquet"))


def test_a_shard_under_way_when_the_device_fails_under_another_is_not_published(
    tmp_path: Path, fasta: Path, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Encoder.start

    def fail_beside(encoder: Encoder, sequences: list[str], **options: object) -> Forward:
        encoder.fault = DeviceFault("The device failed under another shard.")
        return start(encoder, sequences, **options)

    build_here(fasta, tmp_path / "loaded", tiny_esm)  # the guard has passed
    monkeypatch.setattr(Encoder, "start", fail_beside)
    with pytest.raises(DeviceFault, match="under another shard"):
        build_here(fasta, tmp_path / "atlas", tiny_esm)
    assert receipts(tmp_path / "atlas") == []


def test_a_model_that_cannot_be_run_on_the_device_is_the_devices_fault(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: torch.nn.Module, *_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable")

    out = tmp_path / "atlas"
    attlas("plan", fasta, "--out", out, "--model", tiny_esm, "--device", "cpu")
    monkeypatch.setattr(torch.nn.Module, "to", fail)
    runners._load_encoder.cache_clear()
    result = attlas("encode", out, "--workers", 0)
    assert result.code == 1
    assert "cannot be run on the device cpu" in result.err
    assert "busy or unavailable" in result.err


# --- several workers ---


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fasta(tmp_path_factory.mktemp("input") / "many.fasta", random_proteins([400 + i for i in range(60)]))


@pytest.fixture(scope="module")
def finished(many: Path, tiny_esm: Path) -> Path:
    """Return the atlas of the plan, from which the workers of the tests take what they would compute."""
    build_here(many, many.parent / "finished", tiny_esm)
    return many.parent / "finished"


@pytest.fixture
def planned(many: Path, tmp_path: Path, tiny_esm: Path, attlas) -> Path:
    """Return the directory of a plan of a dozen shards."""
    out = tmp_path / "planned"
    assert attlas("plan", many, "--out", out, "--model", tiny_esm, "--device", "cpu").code == 0
    return out


def test_a_worker_whose_device_fails_is_left_out_and_the_build_goes_on_elsewhere(
    planned: Path, finished: Path, tmp_path: Path, attlas
) -> None:
    task = SickTask(finished=str(finished), n_sick=1, register=str(tmp_path))
    events: list[object] = []
    plan = encode_here(planned, task, progress=events.append, n_workers=2)
    left_out = [event for event in events if isinstance(event, WorkerLeftOut)]
    (sick,) = [path for path in tmp_path.iterdir() if path.name.isdecimal()]
    assert len(plan.shards) > 5
    assert [event.error.found for event in left_out] == [f"illegal memory access in {sick.name}"]
    assert isinstance(events[0], WorkersCounted)
    assert (events[0].n_workers, events[0].n_threads) == (2, 2)
    assert not psutil.pid_exists(int(sick.name))
    assert attlas("seal", planned).code == 0
    assert digests(planned) == digests(finished)


@pytest.mark.thorough
def test_with_no_worker_left_the_build_stops_and_says_why_and_the_same_command_goes_on(
    planned: Path, finished: Path, tmp_path: Path, attlas
) -> None:
    task = SickTask(finished=str(finished), n_sick=2, register=str(tmp_path))
    message = r"(?s)No worker is left.*2 that failed.*tcp://.*illegal memory access"
    with pytest.raises(EnvironmentFault, match=message):
        encode_here(planned, task, progress=lambda event: None, n_workers=2)
    assert receipts(planned) == []
    assert attlas("encode", planned, "--workers", 0).code == 0
    assert attlas("seal", planned).code == 0
