"""What cannot be built is refused early and clearly: inputs, models, directories, changed plans, disk, memory."""

import ctypes
import errno
import gzip
import io
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.building import (
    assert_whole,
    build_command,
    build_here,
    command,
    digests,
    environment_with,
    leftovers,
    proteins_of,
    random_proteins,
    receipts,
    write_fasta,
)
from helpers.tiny_esm import save_tiny_esm
from safetensors.torch import load_file

from attlas.pipeline import finishing
from attlas.pipeline.drafting import Options, draft_plan
from attlas.pipeline.model.precision import SPLIT
from attlas.pipeline.workers import gpus, resources, runners
from attlas.schema import EnvironmentFault, PlanError
from attlas.schema.run import PLAIN

pytestmark = pytest.mark.slow

SEQUENCE = "MADQLTEEQIAEFKEAFSLFDKDGDGTITTKELGTVMRSLGQNPTEAELQDMINEVDADG"
LENGTHS = [30, 40, 900, 1000, 1200]
"""Three shards of the tiny model."""

NO_NETWORK = """
import socket


def refuse(*_, **__):
    raise AssertionError("somebody went to the network")


socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""
"""A sitecustomize that lets nobody out."""


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return write_fasta(tmp_path / "in.fasta", random_proteins(LENGTHS))


@pytest.fixture
def build(attlas, tmp_path: Path, tiny_esm: Path):
    """Return `attlas build`, inline, into `atlas` with the tiny model; options may be given again."""

    def run(source: object, *options: object):
        usual = ["--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cpu", "--workers", 0]
        return attlas("build", source, *usual, *options)

    return run


# --- the input ---


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no such file"),
        (b"", "in.fasta is empty"),
        (b"\n \n", "in.fasta is empty"),
        (b"hello\nworld\n", "is not FASTA"),
        (b"@read1\nACGT\n+\n!!!!\n", "FASTQ"),
        (gzip.compress(b">A1\nMKV\n" * 999)[:-20], "The gzip file in.fasta is damaged"),
        (b">A1\nMKVL\n>A1\nMKVLL\n", "A1: lines 1 and 3 (4 and 5 residues)"),
        (b">A1\n" + b"ACGT" * 200 + b"\n", "looks like nucleotides"),
    ],
    ids=[
        "no file",
        "empty",
        "blank",
        "not FASTA",
        "FASTQ",
        "corrupt gzip",
        "an accession with two sequences",
        "nucleotides",
    ],
)
def test_an_input_that_is_no_proteome_is_refused_and_leaves_no_directory(
    content: bytes | None, message: str, tmp_path: Path, build
) -> None:
    source = tmp_path / "in.fasta"
    if content is not None:
        source.write_bytes(content)
    result = build(source)
    assert (result.code, result.out) == (1, "")
    assert message in result.err
    assert result.err.startswith("attlas: ")
    assert not (tmp_path / "atlas").exists()


ODD_RECORDS = {
    "EMPTY": ("", "no sequence"),
    "LOWER": (SEQUENCE.lower(), None),
    "STOP-AT-END": (SEQUENCE + "*", None),
    "STOP-INSIDE": ("MKV*LL", "stop `*` inside the sequence at position 4"),
    "UNUSUAL": ("MKJUOBZXMKJUOBZXMKLL", None),
    "GAP": ("MKV-LL", "gap `-`"),
    "DIGIT": ("MKV1LL", "no amino acid: character '1' (U+0031) at position 4"),
    "NON-ASCII": ("MKVÉLL", "no amino acid: letter 'É' (U+00C9) at position 4"),
    "ONE": ("M", None),
    "a/b\\c": (SEQUENCE, None),
    "H;=&%,'\"": (SEQUENCE[::-1], None),
    "TWICE": (SEQUENCE[5:], None),
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["Unix", "Windows"])
def test_odd_records_are_computed_or_skipped_each_with_its_reason_and_line(
    line_end: str, tmp_path: Path, build, attlas
) -> None:
    records = [*ODD_RECORDS.items(), ("TWICE", ODD_RECORDS["TWICE"])]
    lines = [
        text
        for accession, (sequence, _) in records
        for text in (f">{accession}\ttabs\tand \"quotes\" 'of' ;=&% all", sequence)
    ]
    source, out = tmp_path / "odd.fasta", tmp_path / "atlas"
    source.write_bytes(line_end.join([*lines, ""]).encode())
    result = build(source)
    assert result.code == 0, result.err
    assert "12 proteins: 7 ok, 5 skipped, 0 failed" in result.out
    assert "reasons for skipping" in result.err
    rows = proteins_of(out)
    assert set(rows) == set(ODD_RECORDS)
    for i, (accession, (_, reason)) in enumerate(ODD_RECORDS.items()):
        row = rows[accession]
        assert (row["status"], row["line"]) == ("ok" if reason is None else "skipped", 2 * i + 1)
        assert (row["reason"] or "").startswith(reason or "")
        if reason is not None and reason != "no sequence":
            assert f"(line {2 * i + 2})" in row["reason"]
    assert rows["LOWER"]["sequence"] == rows["STOP-AT-END"]["sequence"] == SEQUENCE
    assert rows["LOWER"]["sequence_id"] == rows["a/b\\c"]["sequence_id"]
    assert rows["UNUSUAL"]["n_nonstandard"] == 12
    assert (rows["ONE"]["n_sites"], rows["ONE"]["sites_note"]) == (0, "too short")
    assert rows["TWICE"]["n_records"] == 2
    assert assert_whole(out).counts.n_records == 13
    for accession, name in (("a/b\\c", "SEQUENCE"), ("H;=&%,'\"", "tabs")):
        shown = attlas("show", out, accession)
        assert shown.code == 0, (name, shown.err)
        assert accession in shown.out


def test_windows_line_ends_make_the_same_atlas(fasta: Path, tmp_path: Path, tiny_esm: Path) -> None:
    windows = tmp_path / "windows.fasta"
    windows.write_bytes(fasta.read_bytes().replace(b"\n", b"\r\n"))
    manifest = build_here(fasta, tmp_path / "atlas", tiny_esm)
    assert build_here(windows, tmp_path / "other", tiny_esm).atlas_id == manifest.atlas_id
    assert digests(tmp_path / "other") == digests(tmp_path / "atlas")


def test_standard_input_is_read(fasta: Path, tmp_path: Path, tiny_esm: Path, attlas, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(fasta.read_bytes())))
    arguments = ("--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cpu", "--dry-run")
    result = attlas("build", "-", *arguments)
    assert result.code == 0, result.err
    assert "5 proteins" in result.out


def test_the_longest_human_protein_is_planned_within_a_memory_bound(tmp_path: Path, build, monkeypatch) -> None:
    monkeypatch.setattr(resources, "measure_available_bytes", lambda device: 16 << 30)
    result = build(write_fasta(tmp_path / "titin.fasta", random_proteins([34_350])), "--dry-run")
    assert result.code == 0, result.err
    assert "10,000 and more           1" in result.out


# --- the model ---


def _without_weights(model: Path) -> None:
    (model / "model.safetensors").unlink()


def _without_config(model: Path) -> None:
    (model / "config.json").unlink()


def _with_garbled_config(model: Path) -> None:
    (model / "config.json").write_text("{")


def _with_truncated_weights(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def _with_a_truncated_checkpoint(model: Path) -> None:
    weights = model / "model.safetensors"
    torch.save(load_file(weights), model / "pytorch_model.bin")
    weights.unlink()
    os.truncate(model / "pytorch_model.bin", 50_000)


def _with_weights_of_another_shape(model: Path) -> None:
    other = save_tiny_esm(model.with_name("other"), width=64)
    shutil.copy(other / "model.safetensors", model / "model.safetensors")


def _gpt2(model: Path) -> None:
    (model / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_layer": 2, "n_head": 4, "n_embd": 32}))


def _t5(model: Path) -> None:
    (model / "config.json").write_text(json.dumps({"model_type": "t5", "num_layers": 2, "num_heads": 4, "d_model": 32}))


def _unheard_of(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "model_type": "unheard-of"}))


def _bert_config_over_esm_weights(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))


def _without_vocabulary(model: Path) -> None:
    (model / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\nof\n")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "There is no model directory"),
        (_without_weights, "holds no weights"),
        (_without_config, "it has no config.json"),
        (_with_garbled_config, "is not JSON"),
        (_gpt2, "is not one attlas can read attention from"),
        (_t5, "do not fill the model"),
        (_unheard_of, "cannot be loaded"),
        (_bert_config_over_esm_weights, "do not fill the model"),
        (_with_truncated_weights, "cannot be loaded"),
        (_with_a_truncated_checkpoint, "cannot be loaded"),
        (_with_weights_of_another_shape, "not of the sizes"),
        (_without_vocabulary, "is not that of a protein model"),
    ],
)
def test_a_model_that_is_none_is_refused(
    damage: Callable[[Path], None], message: str, tmp_path: Path, tiny_esm: Path, fasta: Path, build
) -> None:
    model = shutil.copytree(tiny_esm, tmp_path / "models" / "model")
    damage(model)
    result = build(fasta, "--model", model)
    assert (result.code, result.out) == (1, "")
    assert message in result.err
    assert str(model) in result.err
    assert result.err.count("\nattlas: ") <= 1  # what is to be computed may have been said before
    assert receipts(tmp_path / "atlas") == []


@pytest.mark.thorough
def test_a_hub_id_that_is_not_here_says_how_to_fetch_it_and_nothing_goes_to_the_network(
    fasta: Path, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    environment = environment_with(tmp_path) | {"HF_HOME": str(tmp_path / "hub")}
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE"):
        environment.pop(name, None)
    arguments = build_command(fasta, tmp_path / "atlas", Path("facebook/esm2_t6_8M_UR50D"))
    result = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 1
    assert "The model facebook/esm2_t6_8M_UR50D is not on this machine." in result.stderr
    assert "attlas fetch facebook/esm2_t6_8M_UR50D" in result.stderr
    assert "network" not in result.stderr


@pytest.mark.thorough
def test_fetch_without_a_network_says_so(tmp_path: Path) -> None:
    # Nobody listens on port 9 of this machine.
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hub")}
    environment = {name: value for name, value in environment.items() if not name.lower().endswith("_proxy")}
    arguments = command("fetch", "facebook/esm2_t6_8M_UR50D", "--to", tmp_path / "model")
    result = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert (result.returncode, result.stdout) == (1, "")
    assert "The model facebook/esm2_t6_8M_UR50D could not be fetched." in result.stderr
    assert "--model DIR" in result.stderr
    assert "Traceback" not in result.stderr


# --- the directory ---


def test_a_directory_that_is_no_atlas_is_refused_and_not_touched(fasta: Path, tmp_path: Path, build) -> None:
    out = tmp_path / "atlas"
    (out / "plan").mkdir(parents=True)
    (out / "thesis.tex").write_text("mine")
    (out / ".tmp-notes").write_text("mine too")
    result = build(fasta)
    assert result.code == 1
    assert f"{out} is no atlas: it holds other files." in result.err
    assert "thesis.tex" in result.err
    assert sorted(path.name for path in out.iterdir()) == [".tmp-notes", "plan", "thesis.tex"]


def test_a_file_in_the_place_of_the_directory_is_refused(fasta: Path, tmp_path: Path, build) -> None:
    (tmp_path / "atlas").write_text("mine")
    result = build(fasta)
    assert (result.code, "is a file" in result.err) == (1, True)
    assert (tmp_path / "atlas").read_text() == "mine"


def test_a_directory_that_cannot_be_made_is_refused(fasta: Path, build) -> None:
    result = build(fasta, "--out", fasta / "below-a-file")
    assert result.code == 1
    assert f"{fasta / 'below-a-file'} cannot be written." in result.err


def test_a_damaged_plan_is_refused(fasta: Path, tmp_path: Path, build) -> None:
    assert build(fasta).code == 0
    plan = tmp_path / "atlas" / "plan.json"
    plan.write_text(plan.read_text().replace('"rule": "nayar-2025-05"', '"rule": "nayar-2025-07"'))
    result = build(fasta)
    assert (result.code, "was changed after it was written" in result.err) == (1, True)
    plan.write_text("{")
    result = build(fasta)
    assert (result.code, "cannot be read" in result.err) == (1, True)


# --- another computation than the one begun ---


def test_another_rule_length_type_model_or_input_is_refused_by_name_and_the_atlas_stays(
    fasta: Path, tmp_path: Path, build
) -> None:
    out = tmp_path / "atlas"
    assert build(fasta).code == 0
    before = digests(out)
    other_model = save_tiny_esm(tmp_path / "other", seed=1)
    other_config = save_tiny_esm(tmp_path / "config")
    config = other_config / "config.json"
    config.write_text(config.read_text().replace('"layer_norm_eps": 1e-12', '"layer_norm_eps": 1e-5'))
    one_more = write_fasta(tmp_path / "more.fasta", random_proteins([*LENGTHS, 70]))
    again = tmp_path / "again.fasta"
    again.write_text(fasta.read_text() + fasta.read_text())
    renamed = tmp_path / "renamed.fasta"
    renamed.write_text(fasta.read_text().replace(">P00000", ">P00000 OX=9606"))
    changes = {
        "rule: nayar-2025-05 -> nayar-2025-07": [fasta, "--rule", "nayar-2025-07"],
        "max_length: None -> 950": [fasta, "--max-length", 950],
        "dtype: float32 -> bfloat16": [fasta, "--dtype", "bfloat16"],
        "weights_sha256: ": [fasta, "--model", other_model],
        "config_sha256: ": [fasta, "--model", other_config],
        "input: in.fasta (sha256 ": [one_more],
        "-> again.fasta (sha256 ": [again],
        "-> renamed.fasta (sha256 ": [renamed],
    }
    for change, arguments in changes.items():
        result = build(*arguments)
        assert result.code == 1, change
        assert "has another input, model or rule" in result.err
        assert change in result.err
        assert ("input: " in result.err) == (arguments[0] != fasta)
    assert digests(out) == before
    assert build(fasta).code == 0


def test_a_plan_tells_what_changed_in_python_too(fasta: Path, tmp_path: Path, tiny_esm: Path) -> None:
    build_here(fasta, tmp_path / "atlas", tiny_esm)
    with pytest.raises(PlanError, match=r"(?s)max_length: None -> 100.*build into another directory"):
        build_here(fasta, tmp_path / "atlas", tiny_esm, max_length=100)


def test_the_weights_may_move_but_not_change_between_plan_and_encode(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas
) -> None:
    model, out = shutil.copytree(tiny_esm, tmp_path / "model"), tmp_path / "atlas"
    assert attlas("plan", fasta, "--out", out, "--model", model, "--device", "cpu").code == 0
    save_tiny_esm(model, seed=1)
    result = attlas("encode", out, "--workers", 0)
    assert result.code == 1
    assert f"The weights in {model} are not those of the plan." in result.err
    moved = shutil.copytree(tiny_esm, tmp_path / "elsewhere" / "model")
    assert attlas("plan", fasta, "--out", out, "--model", moved, "--device", "cpu").code == 0
    assert attlas("encode", out, "--workers", 0).code == 0


def test_a_gpu_that_is_not_there_may_be_planned_for_but_not_computed_on(
    fasta: Path, tmp_path: Path, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    out = tmp_path / "atlas"
    assert attlas("plan", fasta, "--out", out, "--model", tiny_esm, "--device", "cuda").code == 0
    assert '"dtype": "float32"' in (out / "plan.json").read_text()
    result = attlas("encode", out)
    assert (result.code, "There is no CUDA device on this machine." in result.err) == (1, True)


def test_a_build_for_a_gpu_that_is_not_there_leaves_nothing_behind(
    fasta: Path, tmp_path: Path, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    out = tmp_path / "folder" / "atlas"
    result = attlas("build", fasta, "--out", out, "--model", tiny_esm, "--device", "cuda")
    assert (result.code, "There is no CUDA device on this machine." in result.err) == (1, True)
    assert not out.parent.exists()


def test_a_build_on_gpus_too_old_for_products_of_halves_leaves_nothing_behind(
    fasta: Path, tmp_path: Path, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    monkeypatch.setattr(resources, "count_gpus", lambda: 2)
    monkeypatch.setattr(resources, "read_capabilities", lambda: [(7, 0), (7, 5)])
    out = tmp_path / "folder" / "atlas"
    result = attlas("build", fasta, "--out", out, "--model", tiny_esm, "--device", "cuda")
    assert result.code == 1
    assert "too old for float32 by products of bfloat16 halves" in result.err
    assert "found:    7.5" in result.err
    assert not out.parent.exists()


def test_a_plan_and_a_dry_run_say_that_the_gpus_here_are_too_old(
    fasta: Path, tmp_path: Path, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    for module in (resources, gpus):
        monkeypatch.setattr(module, "count_gpus", lambda: 1)
    monkeypatch.setattr(resources, "read_capabilities", lambda: [(7, 5)])
    dry = attlas("build", fasta, "--out", tmp_path / "dry", "--model", tiny_esm, "--dry-run")
    planned = attlas("plan", fasta, "--out", tmp_path / "planned", "--model", tiny_esm)
    for result in (dry, planned):
        assert result.code == 1
        assert "too old for float32" in result.err

    for_others = attlas("plan", fasta, "--out", tmp_path / "others", "--model", tiny_esm, "--device", "cuda")
    assert for_others.code == 0
    assert "not on this machine: This GPU is too old for float32" in for_others.err


@pytest.mark.parametrize("products", [PLAIN, SPLIT])
@pytest.mark.parametrize("capabilities", [[], [(7, 5), (9, 0)], [(7, 5)]])
def test_only_products_of_halves_on_old_gpus_alone_are_refused(
    products: str, capabilities: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "read_capabilities", lambda: capabilities)
    if products == SPLIT and capabilities == [(7, 5)]:
        with pytest.raises(EnvironmentFault, match="too old"):
            resources.check_precision("float32", products)
    else:
        resources.check_precision("float32", products)


def test_a_machine_without_the_library_of_the_driver_has_no_known_capabilities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", fail)
    assert gpus.read_capabilities() == []


@pytest.mark.parametrize(
    ("earlier", "now", "hint"),
    [((), ("--exact",), "leave out --exact"), (("--exact",), (), "add --exact"), ((), ("--dtype", "mixed"), "repeat")],
)
def test_a_gpu_build_that_was_begun_with_other_products_says_which_option_resumes_it(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas, earlier: tuple[str, ...], now: tuple[str, ...], hint: str
) -> None:
    arguments = ("plan", fasta, "--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cuda")
    assert attlas(*arguments, *earlier).code == 0
    result = attlas(*arguments, *now)
    assert result.code == 1
    assert f"to do:    {hint}" in result.err
    assert attlas(*arguments, *earlier).code == 0


# --- disk and memory ---


def test_a_disk_too_small_is_refused_before_anything_is_computed(
    fasta: Path, tmp_path: Path, build, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = resources.psutil.disk_usage(str(tmp_path))
    monkeypatch.setattr(resources.psutil, "disk_usage", lambda path: usage._replace(free=1000))
    result = build(fasta)
    assert result.code == 1
    assert "is too small for this atlas" in result.err
    assert "expected: about " in result.err
    assert "free" in result.err
    assert receipts(tmp_path / "atlas") == []


def test_a_disk_that_fills_up_keeps_the_finished_shards_and_the_same_command_finishes(
    fasta: Path, tmp_path: Path, tiny_esm: Path, build, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batches = finishing.write_batches

    def full(path: Path, **options: object) -> None:
        if receipts(tmp_path / "atlas"):
            path.write_bytes(b"half a file")
            raise OSError(errno.ENOSPC, "No space left on device")
        write_batches(path, **options)

    with monkeypatch.context() as patched:
        patched.setattr(finishing, "write_batches", full)
        result = build(fasta)
    assert result.code == 1
    assert "The disk is full." in result.err
    assert "then run the same command again: a build or a pass goes on with the shards that are missing" in result.err
    assert len(receipts(tmp_path / "atlas")) == 1
    assert leftovers(tmp_path / "atlas") == []
    assert build(fasta).code == 0
    assert_whole(tmp_path / "atlas")


LIMIT = 10_000
"""Bytes of a file: fewer than a shard's residues take."""

LIMITED = f"""
import resource, sys
from attlas.cli.main import main

sys.argv[:2] = ["attlas"]
resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))
main()
"""


@pytest.mark.thorough
def test_a_write_the_system_refuses_is_an_error_that_names_the_file_and_is_told_once(
    fasta: Path, tmp_path: Path, tiny_esm: Path, attlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "atlas"
    assert attlas("plan", fasta, "--out", out, "--model", tiny_esm, "--device", "cpu").code == 0

    # Of two workers, in processes of their own; then of this process.
    # -B: a module cut short by the limit would be read by whoever imports it next.
    script = [sys.executable, "-B", "-c", LIMITED, *command("encode", out, "--workers", 2)[2:]]
    result = subprocess.run(script, capture_output=True, text=True, check=False, timeout=120)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, limits[1]))
    try:
        run = attlas("encode", out, "--workers", 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    for code, told, err in ((result.returncode, result.stdout, result.stderr), (run.code, run.out, run.err)):
        assert (code, told) == (1, "")
        announcement, refusal, reason, to_do = err.splitlines()
        assert "to compute" in announcement
        assert refusal.startswith(f"attlas: {out}/residues/shard-")
        assert "File too large" in reason
        assert "ulimit -f" in to_do
        assert receipts(out) == []
        assert leftovers(out) == []
    assert attlas("encode", out, "--workers", 0).code == 0
    assert attlas("seal", out).code == 0
    assert_whole(out)


def test_memory_that_does_not_suffice_is_refused_with_both_numbers_before_anything_is_computed(
    fasta: Path, tmp_path: Path, build, monkeypatch: pytest.MonkeyPatch, tiny_esm: Path
) -> None:
    _, plan = draft_plan(str(fasta), Options(str(tiny_esm), device="cpu"))
    largest = max(shard.predicted_bytes for shard in plan.shards)
    monkeypatch.setattr(resources, "measure_available_bytes", lambda device: largest // 2)
    result = build(fasta)
    assert result.code == 1
    assert "does not fit the memory." in result.err
    assert f"expected: at most {largest / 2 / 2**30:.1f} GiB" in result.err
    assert f"found:    {largest / 2**30:.1f} GiB predicted" in result.err
    assert "--max-length" in result.err
    assert receipts(tmp_path / "atlas") == []
    assert build(fasta, "--dry-run").code == 1


def test_more_workers_than_memory_holds_are_refused_if_asked_for_and_else_not_started(
    fasta: Path, monkeypatch: pytest.MonkeyPatch, build, tiny_esm: Path
) -> None:
    _, plan = draft_plan(str(fasta), Options(str(tiny_esm), device="cpu"))
    largest = max(shard.predicted_bytes for shard in plan.shards)
    monkeypatch.setattr(resources, "measure_available_bytes", lambda device: 2 * largest)
    monkeypatch.setattr(resources, "count_default_workers", lambda device: 64)
    result = build(fasta, "--workers", 3)
    assert result.code == 1
    assert "does not fit the memory of 3 workers" in result.err
    assert "use fewer --workers" in result.err
    assert resources.choose_workers(plan.shards, device="cpu", n_workers=None) == 2


FREED_IN_PIECES = """
import psutil
from attlas.pipeline.workers.resources import give_back_memory
pieces = [(bytearray(100_000), bytearray(3_000)) for _ in range(2000)]
kept = [small for _, small in pieces]  # stands between what is freed
del pieces
before = psutil.Process().memory_info().rss
give_back_memory()
print(len(kept), before - psutil.Process().memory_info().rss)
"""


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library than glibc")
def test_memory_freed_in_pieces_goes_back_to_the_system() -> None:
    told = subprocess.run([sys.executable, "-c", FREED_IN_PIECES], capture_output=True, text=True, check=True)
    n_kept, n_given_back = map(int, told.stdout.split())
    assert n_kept == 2000
    assert n_given_back > 100_000_000


@pytest.mark.thorough
def test_memory_is_given_back_before_every_shard(tiny_esm: Path, tmp_path: Path, monkeypatch) -> None:
    given_back: list[str] = []
    monkeypatch.setattr(runners, "give_back_memory", lambda: given_back.append("once"))
    source = write_fasta(tmp_path / "p.fasta", random_proteins([400] * 14))
    build_here(source, tmp_path / "atlas", tiny_esm)
    assert len(given_back) == len(receipts(tmp_path / "atlas")) > 1
