"""Processor time of a build beside its model: plan, shards, files and seal, with an encoder that answers at once.

    python benchmarks/host.py                 # every eighth human protein, in shards of the usual size; a minute
    python benchmarks/host.py --every 1       # all of them: 1.2 GB of files

What a build does apart from the model must never be what a GPU waits for. Here the encoder is a stand-in: it tokenises,
as the real one does, and returns views of random numbers that were drawn beforehand, in the shapes of a GPU's packs,
with profiles like real ones (many low residues, few high ones). All else is the build's own code: shards of a GPU's
size are read, called, written, synced, digested, published with their receipts, and sealed. A small atlas is built
first and not measured, so that nothing is imported or compiled in the other one.

Processor seconds are those of all threads; "for all" scales them to the whole proteome by the number of residues. The
parts are told apart by a clock around their functions; "other" is what no clock stands around. The thread that feeds
the device is the one that holds the encoder's lock. Other work on the machine disturbs these times far less than wall
times, but it does: caches and hyperthreads are shared. Lengths are human (throughput.QUANTILES), letters random.
"""

import argparse
import importlib
import json
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import torch
from throughput import human_lengths

from attlas.pipeline import directory, lock, shard
from attlas.pipeline import plan as planning
from attlas.pipeline.attention.definitions import STATISTICS, Pack
from attlas.pipeline.encoder.forward import Forward
from attlas.pipeline.model.files import ModelShape, find_shape
from attlas.pipeline.model.letters import ESM2_VOCABULARY
from attlas.pipeline.plan import PACK_TOKENS, Plan, cut_packs, cut_shards, order_sequences, sum_shards
from attlas.pipeline.proteins.arranging import arrange_proteins, parse_input
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.pipeline.seal import seal
from attlas.pipeline.workers import runners
from attlas.pipeline.workers.resources import THREADS
from attlas.schema import AtlasPaths, Receipt

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.synthetic import synthetic_run

MODEL = "facebook/esm2_t33_650M_UR50D"
N_PROTEINS = 20_607
"""Of the human reference proteome."""
BAR_S = 30.0
"""Most processor seconds for the human proteome at 33 layers of 20 heads."""
HIGH_SHARE = 0.01
"""Share of the residues of a profile that stand out."""

FEEDING = "feeding the device"
"""The part that the thread does which holds the encoder's lock."""

PARTS = {
    "reading the plan": ("pipeline.directory.read_plan",),
    "reading planned sequences": ("pipeline.shard.read_sequences",),
    "calling sites": ("pipeline.shard.call_sites",),
    "making rows": ("pipeline.shard.make_rows",),
    "closing parts": ("pipeline.shard_parts.PartFolder.close",),
    "writing Parquet": ("pipeline.finishing.write_batches",),
    "digests of blocks": ("schema.parquet_file.add_block_digests",),
    "entries and digests of files": ("pipeline.finishing.describe_file",),
    "provenance": ("pipeline.shard.provenance",),
    "fsync": ("schema.publish._fsync",),
    "receipts": ("schema.receipt.Receipt.write_to",),
}
"""The functions whose time makes a part, without that of other parts' functions which they call."""


class Clock:
    """Processor seconds of each part, over all threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.while_feeding: set[str] = set()
        """Parts of which a thread did some while it held the encoder's lock."""
        self._lock = threading.Lock()
        self._thread = threading.local()

    @contextmanager
    def measure(self, part: str) -> Iterator[None]:
        """Add the processor time of this thread to a part; parts measured inside do not count twice."""
        # The parts that this thread is measuring, outermost first, each with the seconds of parts inside it.
        stack: list[tuple[str, list[float]]] = self._thread.__dict__.setdefault("stack", [])
        is_feeding = any(outer == FEEDING for outer, _ in stack)
        stack.append((part, []))
        started = time.thread_time()

        try:
            yield
        finally:
            seconds = time.thread_time() - started
            _, inner_seconds = stack.pop()
            if stack:
                stack[-1][1].append(seconds)
            with self._lock:
                self.seconds[part] += seconds - sum(inner_seconds)
                if is_feeding and part != FEEDING:
                    self.while_feeding.add(part)

    def watch(self, part: str, name: str) -> None:
        """Measure every call of a function, named by its module and its name in it, as a part."""
        module_name, _, function_name = name.rpartition(".")
        holder = _find_holder(module_name)
        function = getattr(holder, function_name)

        @wraps(function)
        def measured(*arguments: Any, **options: Any) -> Any:
            with self.measure(part):
                return function(*arguments, **options)

        setattr(holder, function_name, measured)


class MeasuredLock:
    """A lock that may be taken twice by one thread, and measures the thread that holds it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._measures: list[Any] = []

    def __enter__(self) -> None:
        self._lock.acquire()
        self._measures.append(self._clock.measure(FEEDING))
        self._measures[-1].__enter__()

    def __exit__(self, *_: object) -> None:
        self._measures.pop().__exit__(None, None, None)
        self._lock.release()


class PreparedForward(Forward):
    """A forward pass whose results were there before it began."""

    def __init__(self, pack: Pack, prepared: tuple[np.ndarray, np.ndarray]) -> None:
        super().__init__(pack, n_layers=len(prepared[0]), reduce=_reduce_nothing, theta=0.3)
        self._prepared = prepared

    def stack_results(self) -> tuple[np.ndarray, np.ndarray]:
        """Return `received` (L, sum of N) and `heads` (L, P, H, S)."""
        return self._prepared


class StandIn:
    """An encoder that answers at once: what `encode_shard` needs of one."""

    device = torch.device("cpu")

    def __init__(self, shape: ModelShape, packs: Sequence[Sequence[int]], clock: Clock) -> None:
        self.lock = MeasuredLock(clock)
        self.fault, self.fault_lock = None, threading.Lock()  # its device never fails
        random = np.random.default_rng(0)
        n_residues, n_sequences = max(map(sum, packs)), max(map(len, packs))

        # Profiles near 0.9 with a few residues far above; twice as many as a pack takes, so that packs differ.
        self.received = np.exp(random.standard_normal((shape.n_layers, 2 * n_residues), np.float32) * 0.22 - 0.1)
        is_high = random.random(self.received.shape, np.float32) < HIGH_SHARE
        self.received[is_high] *= np.exp(random.normal(1.6, 0.7, is_high.sum())).astype(np.float32)
        self.heads = random.random((shape.n_layers, 2 * n_sequences, shape.n_heads, len(STATISTICS)), np.float32)
        self._random = random

    def start(self, sequences: Sequence[str]) -> PreparedForward:
        """Tokenise a pack, as the real encoder does, and return its results."""
        ids = [torch.from_numpy(ESM2_VOCABULARY.token_ids(sequence)) for sequence in sequences]
        pack = Pack(tuple(len(tokens) for tokens in ids), self.device)
        torch.cat(ids)
        torch.cat([torch.arange(n) for n in pack.n_tokens])

        n_residues, n_sequences = sum(map(len, sequences)), len(sequences)
        residue = int(self._random.integers(self.received.shape[1] - n_residues + 1))
        sequence = int(self._random.integers(self.heads.shape[1] - n_sequences + 1))
        received = self.received[:, residue : residue + n_residues]
        return PreparedForward(pack, (received, self.heads[:, sequence : sequence + n_sequences]))

    def limit_pack(self, pack_tokens: int) -> int:
        """Return the most tokens of a pack."""
        return pack_tokens

    def free_memory(self) -> None:
        """There is no device whose memory could be freed."""


@dataclass(frozen=True)
class StandInTask(runners.EncodeTask):
    """Computes a shard of a build with the stand-in."""

    encoder: StandIn

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compute a shard, of which the directory has everything but the encoder."""
        paths = AtlasPaths(Path(root))
        plan = directory.read_plan(paths)
        return shard.encode_shard(paths, plan, plan.shards[index - 1], self.encoder)


def main() -> int:
    """Measure, print the table and, with --json, write the numbers; return 1 where the bar is missed."""
    options = _parse_options()
    shape = replace(find_shape(MODEL), n_layers=options.layers, n_heads=options.heads)
    lengths = human_lengths(options.proteins, longest=100_000)
    report = measure_build(lengths[options.every // 2 :: options.every], shape, options)

    scale = sum(lengths) / report["n_residues"]
    report |= {"scale": scale, "all_s": scale * sum(report["parts"].values())}
    print(format_report(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return int(report["all_s"] > BAR_S or bool(report["while_feeding"]))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=8, help="take every so many-th protein; default: 8")
    parser.add_argument("--proteins", type=int, default=N_PROTEINS, help=f"default: {N_PROTEINS:,}, as human")
    parser.add_argument("--layers", type=int, default=33)
    parser.add_argument("--heads", type=int, default=20)
    parser.add_argument(
        "--folder", type=Path, help="where the atlas is written and removed again; default: the system's"
    )
    parser.add_argument("--json", type=Path, help="write every number here")
    return parser.parse_args()


def measure_build(lengths: Sequence[int], shape: ModelShape, options: argparse.Namespace) -> dict[str, Any]:
    """Build an atlas of random proteins of these lengths with the stand-in, and return what its parts took."""
    clock = Clock()
    # As many residues to a shard as if all proteins were built.
    planning.FEWEST_SHARDS = max(1, planning.FEWEST_SHARDS // options.every)

    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        _build_warm(folder / "warm", shape)
        for part, names in PARTS.items():
            for name in names:
                clock.watch(part, name)

        fasta = _write_fasta(folder / "in.fasta", lengths)
        return {"machine": describe_machine(), **_measure_steps(fasta, folder / "atlas", shape, clock)}
    finally:
        shutil.rmtree(folder)


def _measure_steps(fasta: Path, root: Path, shape: ModelShape, clock: Clock) -> dict[str, Any]:
    paths = AtlasPaths(root)
    with lock.hold_lock(paths):
        with clock.measure("plan"):
            plan = _make_plan(fasta, paths, shape)
        plan_s = clock.seconds["plan"]

        packs = [pack for shard_lengths in _list_lengths(fasta, plan) for pack in _list_packs(shard_lengths)]
        task = StandInTask(StandIn(shape, packs, clock))
        started, processor_started = time.perf_counter(), time.process_time()
        for _ in runners.run_in_process(root, plan.shards, n_at_once=THREADS["cuda"], task=task):
            pass
        shards_wall_s = time.perf_counter() - started
        processor_s = time.process_time() - processor_started
        clock.seconds["other"] = processor_s + plan_s - sum(clock.seconds.values())

        parts = dict(clock.seconds)
        started, processor_started = time.perf_counter(), time.process_time()
        manifest = seal(paths, plan)
        parts["seal"] = time.process_time() - processor_started

    return {
        "n_residues": manifest.counts.n_residues,
        "n_shards": len(plan.shards),
        "n_bytes": sum(file.n_bytes for file in manifest.files),
        "shards_wall_s": shards_wall_s,
        "seal_wall_s": time.perf_counter() - started,
        "parts": parts,
        "while_feeding": sorted(clock.while_feeding),
    }


def _build_warm(root: Path, shape: ModelShape) -> None:
    """Build a small atlas: what is compiled or imported at the first call is not of this measure."""
    root.mkdir()
    fasta = _write_fasta(root / "in.fasta", human_lengths(40, longest=1_000))
    _measure_steps(fasta, root / "atlas", shape, Clock())


def _write_fasta(path: Path, lengths: Sequence[int]) -> Path:
    random, letters = np.random.default_rng(0), np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", np.uint8)
    sequences = [letters[random.integers(20, size=n)].tobytes().decode() for n in lengths]
    path.write_text("".join(f">P{i:05d}\n{sequence}\n" for i, sequence in enumerate(sequences)))
    return path


def _make_plan(fasta: Path, paths: AtlasPaths, shape: ModelShape) -> Plan:
    """Write the plan of a build on a GPU, whose run is made up, and return it."""
    proteins = arrange_proteins(parse_input([str(fasta)]))
    shards = cut_shards(proteins.lengths, shape=shape, device="cuda")
    plan = Plan(
        run=synthetic_run(shape.n_layers, shape.n_heads),
        source=proteins.name,
        source_sha256=proteins.sha256,
        n_records=proteins.n_records,
        proteins_digest="0" * 16,
        model_directory="none",
        pack_tokens=PACK_TOKENS["cuda"],
        totals=sum_shards(shards),
        shards=shards,
    )

    directory.write_plan(paths, plan, proteins)
    return plan


def _list_lengths(fasta: Path, plan: Plan) -> list[list[int]]:
    """Return the lengths of the sequences of each shard."""
    lengths = [len(sequence) for sequence in order_sequences(read_proteome(str(fasta), max_length=None).proteins)]
    return [lengths[part.first_sequence_id : part.end_sequence_id] for part in plan.shards]


def _list_packs(lengths: Sequence[int]) -> list[Sequence[int]]:
    return [lengths[pack] for pack in cut_packs(lengths, PACK_TOKENS["cuda"])]


def _reduce_nothing(*_: object, **__: object) -> Any:
    raise AssertionError("the stand-in has no layers")


def _find_holder(name: str) -> Any:
    """Return a module of attlas or of another package, or a class in one."""
    full_name = name if name.startswith("pyarrow") else f"attlas.{name}"
    try:
        return importlib.import_module(full_name)
    except ModuleNotFoundError:
        module_name, _, class_name = full_name.rpartition(".")
        return getattr(importlib.import_module(module_name), class_name)


def describe_machine() -> dict[str, Any]:
    """Return the machine that runs the benchmark, and how busy it was when it began."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def format_report(report: dict[str, Any]) -> str:
    """Return the table of parts."""
    parts, scale = report["parts"], report["scale"]
    total = sum(parts.values())
    machine = report["machine"]
    lines = [
        f"{report['n_residues']:,} residues in {report['n_shards']} shards, {report['n_bytes'] / 1e6:,.0f} MB; "
        f"{machine['cores']} cores, load {machine['load']}; all are {scale:.2f} times as many",
        "",
        "| part | processor s | for all, s | share |",
        "|---|---|---|---|",
    ]

    for part, seconds in sorted(parts.items(), key=lambda item: -item[1]):
        lines.append(f"| {part} | {seconds:.2f} | {seconds * scale:.1f} | {seconds / total:.0%} |")
    is_missed = report["all_s"] > BAR_S
    lines += [
        f"| **all** | {total:.2f} | **{report['all_s']:.1f}** | {'MISSED' if is_missed else 'bar'}: {BAR_S:.0f} s |",
        "",
        f"In the thread that feeds the device: {', '.join(report['while_feeding']) or 'nothing of the other parts'}.",
        f"Wall time of the shards {report['shards_wall_s']:.1f} s, of sealing {report['seal_wall_s']:.2f} s "
        f"({report['seal_wall_s'] * scale:.1f} s for all).",
    ]

    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
