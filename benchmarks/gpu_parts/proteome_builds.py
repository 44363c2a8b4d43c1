"""Part 6: a proteome at the shape of 650M, FASTA to sealed atlas; then titin; then probe and contacts."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from attlas.pipeline.plan import order_sequences
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.schema import AtlasPaths, Manifest
from gpu_parts.atlas_passes import AtlasPass, list_passes
from gpu_parts.settings import GOALS, Row, Settings
from gpu_parts.workload import random_model, write_fasta

N_PASS_PROTEINS = 500
"""Proteins of the atlas over which the passes run, evenly by length."""

LONGEST_IN_PASSES = 2_000
"""Residues of the longest protein in that atlas."""


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the builds of the proteome in both precisions, of its longest protein, and the passes over some of it."""
    assert settings.proteome is not None
    yield run_build(settings, "split", settings.proteome, "--dtype", "float32")
    yield run_build(settings, "bfloat16", settings.proteome, "--dtype", "bfloat16")

    sequences = order_sequences(read_proteome(str(settings.proteome)).proteins)
    longest = write_fasta(settings.scratch / "longest.fasta", sequences[-1:])
    yield run_build(settings, "longest", longest, "--dtype", "float32")

    short = [sequence for sequence in sequences if len(sequence) <= LONGEST_IN_PASSES]
    few = write_fasta(settings.scratch / "few.fasta", short[:: max(1, len(short) // N_PASS_PROTEINS)])
    yield run_build(settings, "few", few, "--dtype", "float32")
    for atlas_pass in list_passes(settings):
        if atlas_pass.name != "annotate":  # the features are those of the examples
            yield time_pass(atlas_pass, settings.scratch / "proteome-few")


def run_build(settings: Settings, name: str, fasta: Path, *options: str) -> Row:
    """Run `attlas build` in a process of its own, and return its seconds: until the first shard, shards, seal."""
    out = settings.scratch / f"proteome-{name}"
    shutil.rmtree(out, ignore_errors=True)  # of an earlier try: it would only go on
    command = [sys.executable, "-m", "attlas.cli.main", "build", str(fasta), "--out", str(out)]
    command += ["--model", str(random_model(settings).directory), "--device", settings.device, *options]
    command += ["--workers", "0"] if settings.is_tiny else []

    started = time.time()
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.time() - started
    if result.returncode:
        return {"build": name, "outcome": result.stderr[-400:]}
    return describe_build(settings, name, out, started=started, seconds=seconds)


def describe_build(settings: Settings, name: str, out: Path, *, started: float, seconds: float) -> Row:
    """Return the row of a finished build; its receipts tell when the shards were finished."""
    paths = AtlasPaths(out)
    counts = Manifest.read(paths).counts
    finished = sorted(path.stat().st_mtime - started for path in paths.receipts.glob("*.json"))
    is_goal = name in ("split", "bfloat16") and not settings.is_tiny

    return {
        "build": name,
        "proteins": counts.n_requested,
        "failed": counts.n_failed,
        "residues": counts.n_residues,
        "s": round(seconds, 1),
        "until first shard": round(finished[0], 1),
        "until last shard": round(finished[-1], 1),
        "residues/s": round(counts.n_residues / seconds),
        GOALS: {f"human_{name}": seconds} if is_goal else {},
    }


def time_pass(atlas_pass: AtlasPass, root: Path) -> Row:
    n_residues = Manifest.read(AtlasPaths(root)).counts.n_residues
    started = time.perf_counter()
    try:
        atlas_pass.run(root)
    except Exception as error:
        return {"build": atlas_pass.name, "outcome": f"{type(error).__name__}: {error}"[:300]}
    seconds = time.perf_counter() - started
    return {"build": atlas_pass.name, "s": round(seconds, 1), "residues/s": round(n_residues / seconds)}
