"""The verbs of the workshop at the command line: what is shown, status, verify, mending, help."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from helpers.building import build_command, build_here, digests, random_proteins, receipts, write_fasta
from helpers.command_line import Outcome

from attlas.pipeline.model import fetch
from attlas.schema import RESIDUES, AtlasPaths

pytestmark = pytest.mark.slow


@pytest.fixture
def sealed(fasta: Path, tmp_path: Path, tiny_esm: Path) -> Path:
    build_here(fasta, tmp_path / "atlas", tiny_esm)
    return tmp_path / "atlas"


def test_one_of_a_thing_is_told_in_the_singular(tmp_path: Path, tiny_esm: Path, attlas) -> None:
    source = write_fasta(tmp_path / "in.fasta", random_proteins([60]))
    out, model = tmp_path / "atlas", ("--model", tiny_esm, "--device", "cpu")
    dry_run = attlas("build", source, "--out", out, *model, "--dry-run").out
    assert dry_run.startswith("1 protein, 0 of them skipped\n1 distinct sequence, 60 residues, in 1 shard\n")
    assert attlas("plan", source, "--out", out, *model).out == f"{out}: 1 shard planned\n"
    encoded = attlas("encode", out)
    assert encoded.out == f"{out}: 1 shard computed\n"
    assert "attlas: 1 sequence, 60 residues to compute\n" in encoded.err
    assert attlas("seal", out).out.startswith(f"{out}: 1 protein: 1 ok, 0 skipped, 0 failed; ")


@pytest.mark.thorough
def test_in_a_terminal_a_bar_is_drawn_on_stderr(fasta: Path, tmp_path: Path, tiny_esm: Path) -> None:
    reading_end, writing_end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "160"}
    arguments = build_command(fasta, tmp_path / "atlas", tiny_esm, "--workers", 0)
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=writing_end, text=True, env=environment)
    os.close(writing_end)
    pieces = []
    while True:
        try:
            piece = os.read(reading_end, 4096)
        except OSError:  # how Linux says that the other side is closed
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(reading_end)
    out, _ = process.communicate()
    drawn = b"".join(pieces).decode()
    assert process.returncode == 0, drawn
    assert "━" in drawn
    assert "8 of 8 sequences" in drawn
    assert "residues/s" in drawn
    assert len(out.splitlines()) == 1


def test_elsewhere_progress_is_plain_lines_on_stderr_and_the_summary_alone_on_stdout(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas
) -> None:
    result = attlas("build", fasta, "--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cpu", "--workers", 0)
    assert result.code == 0, result.err
    assert result.out.startswith(f"{tmp_path / 'atlas'}: 9 proteins: 8 ok, 1 skipped, 0 failed; ")
    assert len(result.out.splitlines()) == 1
    lines = result.err.splitlines()
    assert lines[0] == "attlas: 8 sequences, 2,623 residues to compute"
    assert lines[1].startswith("attlas: 8 of 8 sequences, ")
    assert "attlas sql" in lines[-1]


def test_status_tells_what_is_planned_what_is_done_and_what_is_sealed(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas
) -> None:
    out = tmp_path / "atlas"

    def told() -> dict[str, object]:
        result = attlas("status", out, "--json")
        assert result.code == 0, result.err
        return json.loads(result.out)

    attlas("plan", fasta, "--out", out, "--model", tiny_esm, "--device", "cpu")
    n_shards = told()["n_shards"]
    assert told() == {
        "state": "unfinished",
        "plan_id": told()["plan_id"],
        "n_shards": n_shards,
        "n_shards_done": 0,
        "n_sequences": 8,
        "n_sequences_done": 0,
        "n_sequences_in_parts": 0,
        "n_failed": 0,
        "missing_shards": list(range(1, n_shards + 1)),
    }
    attlas("encode", out, "--shards", "2", "--workers", 0)
    assert (told()["n_shards_done"], 2 in told()["missing_shards"]) == (1, False)
    text = attlas("status", out).out
    assert f"{out}: unfinished" in text
    assert f"shards     1 of {n_shards}" in text
    unsealed = attlas("verify", out)
    assert unsealed.code == 1
    assert "it has a plan but no manifest" in unsealed.err
    assert "attlas status" in unsealed.err
    attlas("encode", out, "--workers", 0)
    assert told()["state"] == "ready to seal"
    attlas("seal", out)
    assert told()["state"] == "sealed"


@pytest.mark.parametrize("shards", ["0-1", "99-100", "2-1", "a", "1-b", "-", "1-" + "9" * 5000])
def test_shards_that_are_not_in_the_plan_are_refused(shards: str, sealed: Path, attlas) -> None:
    result = attlas("encode", sealed, f"--shards={shards}")
    assert result.code == 1
    assert f"--shards {shards} names no shards" in result.err


def test_the_last_job_of_an_array_may_reach_beyond_the_last_shard(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas
) -> None:
    out = tmp_path / "atlas"
    attlas("plan", fasta, "--out", out, "--model", tiny_esm, "--device", "cpu")
    assert attlas("encode", out, "--shards=1-99", "--workers", 0).code == 0
    assert attlas("seal", out).code == 0


@pytest.mark.parametrize("is_same_size", [True, False])
def test_the_same_build_again_mends_a_damaged_atlas(
    is_same_size: bool, fasta: Path, tmp_path: Path, tiny_esm: Path, attlas
) -> None:
    command = ("build", fasta, "--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cpu", "--workers", 0)
    assert attlas(*command).code == 0
    before = digests(tmp_path / "atlas")
    for path in (AtlasPaths(tmp_path / "atlas").shard(RESIDUES, 1), AtlasPaths(tmp_path / "atlas").proteins):
        data = path.read_bytes()
        path.write_bytes(data[:-1] + b"?" if is_same_size else data[:-1])
    assert attlas("verify", tmp_path / "atlas").code == 1
    assert attlas(*command).code == 0
    assert attlas("verify", tmp_path / "atlas").code == 0
    assert digests(tmp_path / "atlas") == before


def test_verify_names_a_file_that_is_not_in_the_manifest(sealed: Path, attlas) -> None:
    stray = sealed / "sites" / "shard-00099.parquet"
    stray.write_bytes((sealed / "sites" / "shard-00001.parquet").read_bytes())
    result = attlas("verify", sealed)
    assert (result.code, "sites/shard-00099.parquet: not in the manifest" in result.err) == (1, True)


def test_an_unfinished_directory_says_so_to_a_reader(fasta: Path, tmp_path: Path, tiny_esm: Path, attlas) -> None:
    attlas("plan", fasta, "--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cpu")
    result = attlas("show", tmp_path / "atlas", "P00000")
    assert (result.code, "it has a plan but no manifest" in result.err) == (1, True)


def test_verify_finds_one_flipped_byte_and_names_its_file(sealed: Path, attlas) -> None:
    whole = attlas("verify", sealed)
    assert whole.code == 0, whole.err
    assert f"{sealed}: whole; " in whole.out
    told = json.loads(attlas("verify", sealed, "--json").out)
    assert (told["is_whole"], told["problems"]) == (True, [])
    path = AtlasPaths(sealed).shard(RESIDUES, 2)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    damaged = attlas("verify", sealed)
    assert (damaged.code, damaged.out) == (1, "")
    assert "residues/shard-00002.parquet: sha256 " in damaged.err
    as_json = attlas("verify", sealed, "--json")
    assert (as_json.code, json.loads(as_json.out)["is_whole"]) == (1, False)
    assert "residues/shard-00002.parquet" in json.loads(as_json.out)["problems"][0]


def test_seal_refuses_a_shard_that_was_damaged_after_its_receipt(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas
) -> None:
    out = tmp_path / "atlas"
    attlas("plan", fasta, "--out", out, "--model", tiny_esm, "--device", "cpu")
    attlas("encode", out, "--workers", 0)
    path = AtlasPaths(out).shard(RESIDUES, 1)
    path.write_bytes(path.read_bytes()[:-1])
    result = attlas("seal", out)
    assert result.code == 1
    assert "residues/shard-00001.parquet" in result.err
    assert "it computes those shards" in result.err
    assert attlas("encode", out, "--workers", 0).code == 0
    assert attlas("seal", out).code == 0
    assert attlas("verify", out).code == 0


def test_a_receipt_of_another_plan_is_refused(fasta: Path, tmp_path: Path, tiny_esm: Path, attlas) -> None:
    out = tmp_path / "atlas"
    build_here(fasta, tmp_path / "other", tiny_esm, rule="nayar-2025-07")
    attlas("plan", fasta, "--out", out, "--model", tiny_esm, "--device", "cpu")
    (out / "receipts").mkdir()
    foreign = receipts(tmp_path / "other")[0]
    (out / "receipts" / foreign.name).write_bytes(foreign.read_bytes())
    result = attlas("status", out)
    assert (result.code, "belongs to another plan" in result.err) == (1, True)


@pytest.mark.parametrize("verb", ["encode", "seal", "status"])
def test_a_directory_without_a_plan_says_how_to_make_one(verb: str, tmp_path: Path, attlas) -> None:
    result = attlas(verb, tmp_path)
    assert result.code == 1
    assert f"{tmp_path} holds no plan." in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["build", "plan", "encode", "seal", "status", "verify", "fetch"])
def test_every_verb_has_help_and_refuses_an_unknown_option(verb: str, attlas) -> None:
    told = attlas(verb, "--help")
    assert told.code == 0
    assert f"attlas {verb} [OPTIONS]" in told.out
    unknown = attlas(verb, "--no-such-option")
    assert (unknown.code, unknown.out) == (2, "")
    assert "No such option" in unknown.err


@pytest.mark.parametrize(
    "options", [["--dtype", "float8"], ["--device", "abacus"], ["--max-length", "0"], ["--workers", "-1"]]
)
def test_an_option_out_of_range_is_a_usage_error(options: list[str], fasta: Path, tmp_path: Path, attlas) -> None:
    result = attlas("build", fasta, "--out", tmp_path / "atlas", *options)
    assert (result.code, result.out) == (2, "")
    assert options[0] in result.err


def test_an_unknown_rule_is_refused_with_the_known_ones(fasta: Path, tmp_path: Path, tiny_esm: Path, attlas) -> None:
    result = attlas("build", fasta, "--out", tmp_path / "atlas", "--model", tiny_esm, "--rule", "best")
    assert result.code == 1
    assert "nayar-2025-05 or nayar-2025-07" in result.err


def test_plain_float32_is_recorded_and_cannot_be_half_precision(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas
) -> None:
    def plan(name: str, *options: str) -> Outcome:
        return attlas("plan", fasta, "--out", tmp_path / name, "--model", tiny_esm, *options)

    products = {}
    for name, options in {"gpu": ("--device", "cuda"), "exact": ("--device", "cuda", "--exact"), "cpu": ()}.items():
        assert plan(name, *options).code == 0
        run = json.loads((tmp_path / name / "plan.json").read_text())["run"]
        assert run["dtype"] == "float32"
        products[name] = run["products"]
    assert products == {"gpu": "bfloat16x3", "exact": "plain", "cpu": "plain"}

    refused = plan("refused", "--exact", "--dtype", "bfloat16")
    assert refused.code == 1
    assert "--exact asks for plain float32, --dtype bfloat16 for half precision" in refused.err
    assert not (tmp_path / "refused").exists()


def test_the_defaults_of_the_command_line_are_those_of_the_workshop() -> None:
    """They stand there once more, so that `attlas --help` loads no room."""
    from attlas.cli import build_options
    from attlas.pipeline.model.files import DEFAULT_MODEL
    from attlas.pipeline.sites.calling import DEFAULT_RULE

    assert (build_options.DEFAULT_MODEL, build_options.DEFAULT_RULE) == (DEFAULT_MODEL, DEFAULT_RULE)


@pytest.mark.parametrize("option", ["-o", "--output", "--out", "--to"])
def test_fetch_names_its_folder_as_every_verb_its_output(
    tmp_path: Path, attlas, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "fetch_model", lambda model, *, revision, to: to)
    result = attlas("fetch", "hub/model", option, tmp_path)
    assert (result.code, result.err) == (0, "")
    assert f"hub/model is in {tmp_path}; use it with --model {tmp_path}" in result.out
