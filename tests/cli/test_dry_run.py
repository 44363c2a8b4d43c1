"""A build that is only tried: what it would do, skip and take, without a model and without a file."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.building import build_command, random_proteins, write_fasta

from attlas.pipeline.drafting import Options, draft_plan
from attlas.pipeline.dry_run import draft_build, estimate_draft
from attlas.pipeline.plan import PROCESS_BYTES
from attlas.pipeline.workers import resources

pytestmark = pytest.mark.slow


def test_a_dry_run_tells_what_a_build_would_do_and_loads_no_model_and_writes_nothing(
    fasta: Path, tmp_path: Path, tiny_esm: Path
) -> None:
    arguments = build_command(fasta, tmp_path / "atlas", tiny_esm, "--max-length", 650, "--dry-run")[3:]
    script = (
        "import sys; from attlas.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    print(sorted({'torch', 'transformers'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == "[]\n"
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == "9 proteins, 2 of them skipped"
    assert lines[1].startswith("7 distinct sequences, 1,923 residues, in ")
    assert lines[1].endswith(" shards")
    bar = "█" * 30
    for row in (f"10 to 49 2 {bar}", f"400 to 599 2 {bar}", "600 to 799 1 " + "█" * 15):
        assert row in lines
    told = dict(line.split(" ", 1) for line in lines if line.count(" ") > 1)
    assert told["memory"].startswith("at most ")
    assert told["disk"].startswith("about ")
    assert told["time"].startswith("about ")
    assert "skipped STOP (line 15): stop `*` inside the sequence at position 3 (line 16)" in lines
    assert "skipped LONG (line 17): longer than --max-length 650: 700 residues" in lines
    assert not (tmp_path / "atlas").exists()


def test_a_dry_run_knows_the_published_models_without_having_them(
    fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    arguments = ("--out", tmp_path / "atlas", "--device", "cpu", "--workers", 1, "--dry-run")
    result = attlas("build", fasta, *arguments)
    assert result.code == 0, result.err
    assert "facebook/esm2_t33_650M_UR50D (33 layers x 20 heads), float32" in result.out
    assert "per worker (workers: 1)" in result.out


def test_the_memory_of_a_dry_run_is_that_of_all_shards_that_run_side_by_side(
    tmp_path: Path, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    monkeypatch.setattr(resources, "count_default_workers", lambda device: 3)
    monkeypatch.setattr(resources, "measure_available_bytes", lambda device: 2**50)
    source = write_fasta(tmp_path / "in.fasta", random_proteins([400 + i for i in range(300)]))
    options = Options(str(tiny_esm), device="cpu")
    cost = estimate_draft(draft_build(str(source), options), n_workers=0)

    _, plan = draft_plan(str(source), options)
    shared = PROCESS_BYTES + 2 * cost.shape.weight_bytes
    shard_bytes = sorted((shard.predicted_bytes - shared for shard in plan.shards), reverse=True)
    assert len(shard_bytes) > 3
    assert (cost.n_at_once, cost.peak_bytes) == (3, shared + sum(shard_bytes[:3]))
    result = attlas("build", source, "--out", tmp_path / "atlas", "--model", tiny_esm, "--workers", 0, "--dry-run")
    assert "GiB in this process, 3 shards side by side\n" in result.out


def test_a_dry_run_for_a_gpu_works_where_there_is_none(
    tmp_path: Path, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    several_shards = write_fasta(tmp_path / "in.fasta", random_proteins([400] * 500))
    arguments = ("build", several_shards, "--out", tmp_path / "atlas", "--model", tiny_esm)
    arguments += ("--device", "cuda", "--dry-run")
    for workers, n_shown in (((), 1), (("--workers", 4), 4), (("--workers", 0), 1)):
        result = attlas(*arguments, *workers)
        assert result.code == 0, result.err
        assert " on cuda " in result.out
        assert (f"per worker (workers: {n_shown})" in result.out) == (n_shown > 1)
        assert ("GiB in this process\n" in result.out) == (n_shown == 1)
    assert not (tmp_path / "atlas").exists()


def test_a_dry_run_names_ten_skipped_proteins_and_counts_the_rest(tmp_path: Path, tiny_esm: Path, attlas) -> None:
    source = write_fasta(tmp_path / "in.fasta", {f"S{i}": "M*K" for i in range(13)})
    result = attlas("build", source, "--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cpu", "--dry-run")
    assert result.code == 0, result.err
    assert "0 distinct sequences, 0 residues, in 0 shards" in result.out
    assert result.out.count("stop `*`") == 10
    assert result.out.splitlines()[-1].split() == ["skipped", "...", "and", "3", "more"]
