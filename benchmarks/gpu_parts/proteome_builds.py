"""Part 6: a proteome at the shape of 650M, FASTA to sealed atlas; then titin; then probe and contacts."""

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from attlas.pipeline.plan import order_sequences
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.pipeline.workers.runners import prepare_model
from attlas.schema import PAIR_HEADS, PAIRS, AtlasPaths, Manifest, Receipt
from gpu_parts.atlas_passes import AtlasPass, list_passes, list_spread_pairs, write_pairs
from gpu_parts.commands import run_command
from gpu_parts.settings import GOALS, Row, Settings
from gpu_parts.table_rows import read_table
from gpu_parts.workload import describe_error, random_model, write_fasta

N_PASS_PROTEINS = 500
"""Proteins of the atlas over which the passes run, evenly by length."""

LONGEST_IN_PASSES = 2_000
"""Residues of the longest protein in that atlas."""

BUILD_LIMIT_S = {"bfloat16": 150, "split": 220}
"""Seconds after which a build of the proteome is ended, some more than the goals; what it has until then is told."""

LIMIT_S = 90
"""Seconds after which another build is ended."""


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the builds of the proteome in both precisions, of its longest protein, and the passes over some of it."""
    assert settings.proteome is not None
    yield run_build(settings, "bfloat16", settings.proteome, "--dtype", "bfloat16")
    yield run_build(settings, "split", settings.proteome, "--dtype", "float32")

    sequences = order_sequences(read_proteome(str(settings.proteome)).proteins)
    longest = write_fasta(settings.scratch / "longest.fasta", sequences[-1:])
    yield run_build(settings, "longest", longest, "--dtype", "float32")

    short = [sequence for sequence in sequences if len(sequence) <= LONGEST_IN_PASSES]
    few = write_fasta(settings.scratch / "few.fasta", short[:: max(1, len(short) // N_PASS_PROTEINS)])
    yield run_build(settings, "few", few, "--dtype", "float32")
    yield from time_passes(settings, few, settings.scratch / "proteome-few")


def time_passes(settings: Settings, fasta: Path, root: Path) -> Iterator[Row]:
    """Yield the seconds of every pass over an atlas that was built from a FASTA file."""
    if not AtlasPaths(root).manifest.is_file():
        yield {"build": "passes", "outcome": f"left out, {root.name} was not finished"}
        return
    prepare_model(str(root), 1)  # the start-up, which no pass is to count
    pairs = write_pairs(settings.scratch / "pairs-few.tsv", list_spread_pairs(fasta))
    for atlas_pass in list_passes(settings, pairs):
        if atlas_pass.name != "annotate":  # the features are those of the examples
            yield time_pass(atlas_pass, root)


def run_build(settings: Settings, name: str, fasta: Path, *options: str) -> Row:
    """Run `attlas build` in a process of its own, and return its seconds: until the first shard, shards, seal."""
    out = settings.scratch / f"proteome-{name}"
    shutil.rmtree(out, ignore_errors=True)  # of an earlier try: it would only go on
    command = [sys.executable, "-m", "attlas.cli.main", "build", str(fasta), "--out", str(out)]
    command += ["--model", str(random_model(settings).directory), "--device", settings.device, *options]
    if torch.cuda.device_count() <= 1:  # with more, a process for each, by Dask
        command += ["--workers", "0"]

    started = time.time()
    limit_s = BUILD_LIMIT_S.get(name, LIMIT_S)
    code, errors = run_command(command, limit_s=limit_s)
    seconds = time.time() - started
    if code is None:
        return describe_unfinished(name, out, started=started, limit_s=limit_s)
    if code:
        return {"build": name, "outcome": errors[-400:]}
    return describe_build(settings, name, out, started=started, seconds=seconds)


def describe_unfinished(name: str, out: Path, *, started: float, limit_s: int) -> Row:
    """Return the row of a build that was ended: the residues of its finished shards, and when they were finished."""
    finished = find_finish_times(out, started=started)
    n_residues = sum(receipt.n_residues for receipt in read_receipts(out))
    return {
        "build": name,
        "residues": n_residues,
        "until first shard": round(finished[0], 1) if finished else None,
        "until last shard": round(finished[-1], 1) if finished else None,
        "residues/s": round(n_residues / finished[-1]) if finished else None,
        "outcome": f"not finished after {limit_s} s",
    }


def describe_build(settings: Settings, name: str, out: Path, *, started: float, seconds: float) -> Row:
    """Return the row of a finished build; its receipts tell when the shards were finished."""
    counts = Manifest.read(AtlasPaths(out)).counts
    finished = find_finish_times(out, started=started)
    is_goal = name in ("split", "bfloat16") and not settings.is_tiny

    return {
        "build": name,
        "proteins": counts.n_requested,
        "failed": counts.n_failed,
        "residues": counts.n_residues,
        "s": round(seconds, 1),
        "model s": round(sum_model_s(out), 1),
        "until first shard": round(finished[0], 1),
        "until last shard": round(finished[-1], 1),
        "residues/s": round(counts.n_residues / seconds),
        GOALS: {f"human_{name}": seconds} if is_goal else {},
    }


def find_finish_times(out: Path, *, started: float) -> list[float]:
    """Return the seconds after which the shards of a build were finished, ascending."""
    return sorted(path.stat().st_mtime - started for path in list_receipts(out))


def time_pass(atlas_pass: AtlasPass, root: Path) -> Row:
    """Return the row of a pass: its seconds, also over those that the model took in the build of the atlas.

    Start-up is in neither: of the build its receipts count, from the first pack on, and for the pass the model has been
    loaded. The pass counts from the call to the sealed atlas, with the compilation of kernels that only passes run.
    """
    n_residues = Manifest.read(AtlasPaths(root)).counts.n_residues
    started = time.perf_counter()
    try:
        atlas_pass.run(root)
    except Exception as error:
        return {"build": atlas_pass.name, "outcome": describe_error(error)}
    seconds = time.perf_counter() - started
    row: Row = {"build": atlas_pass.name, "s": round(seconds, 1)}
    if atlas_pass.table == PAIR_HEADS:  # of pairs, not of the proteins of the atlas
        return row | {"pairs": count_pairs(root)}
    model_s = sum_model_s(root)
    return row | {
        "residues/s": round(n_residues / seconds),
        "over the build's model": round(seconds / model_s, 2) if model_s else None,
    }


def sum_model_s(root: Path) -> float:
    """Return the seconds of a build inside the model, reductions included."""
    return sum(receipt.model_s for receipt in read_receipts(root))


def count_pairs(root: Path) -> str:
    """Return how many pairs of an atlas were computed, of how many."""
    states = read_table(root, PAIRS)["status"]
    return f"{states.count('ok')} of {len(states)}"


def read_receipts(root: Path) -> list[Receipt]:
    """Return the receipts of the shards that a build has finished."""
    return [Receipt.read(path) for path in list_receipts(root)]


def list_receipts(root: Path) -> list[Path]:
    """Return the paths of those receipts; those of passes lie beside them."""
    return list(AtlasPaths(root).receipts.glob("shard-*.json"))
