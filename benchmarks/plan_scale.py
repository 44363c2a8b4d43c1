"""Time and memory of planning, status, a task's slice of the plan, and sealing, by the number of proteins and shards.

    python benchmarks/plan_scale.py plan 100000 300000 1000000
    python benchmarks/plan_scale.py shards 65000
    python benchmarks/plan_scale.py seal 1000000 --length 283

Proteins are synthetic, with headers of UniRef and lengths like those of real proteins (log-normal, mean 283). Every
size runs in a process of its own. Seconds are of the wall and of processors, memory is the peak of resident bytes of
the process and of the largest of its children. Files are written below TMPDIR: a plan takes about six times its text.
`--json FILE` adds a line for each step to a file that `growth.py --steps FILE` draws beside its own curves.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.synthetic import synthetic_run

from attlas.pipeline.directory import read_plan, write_plan, write_plan_file
from attlas.pipeline.joining import write_proteins
from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.name_index import write_name_index
from attlas.pipeline.plan import Plan, Shard, cut_shards, sum_shards
from attlas.pipeline.planned_sequences import read_sequences
from attlas.pipeline.proteins.arranging import arrange_proteins, parse_input
from attlas.pipeline.receipts import find_missing_shards, read_receipts
from attlas.pipeline.status import read_status
from attlas.pipeline.stored_shards import write_shards
from attlas.schema import SEQUENCES, SHARD_TABLES, AtlasPaths, Receipt, TableFile
from attlas.schema.json_file import json_bytes
from attlas.schema.parquet_file import provenance

T = TypeVar("T")

SHAPE_650M = ModelShape("esm", 33, 20, 1280, 5120, None, 2_600_000_000)
CHUNK = 10_000
"""Proteins that are written at once."""
LINE = 60
"""Letters of a line of FASTA."""
N_TASKS = 50
"""Shards whose own cost is measured."""
SHARD_SEQUENCES = 900


def main() -> None:
    """Run one of the measurements, every size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=MEASUREMENTS)
    parser.add_argument("sizes", type=int, nargs="+", metavar="N", help="proteins, or shards")
    parser.add_argument("--length", type=int, default=283, help="mean residues of a protein")
    parser.add_argument("--json", type=Path, help="add a line for each step to this file")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        with tempfile.TemporaryDirectory() as folder:
            MEASUREMENTS[options.what](Path(folder), options.sizes[0], options.length, options.json)
        return
    for size in options.sizes:
        arguments = [sys.executable, __file__, options.what, str(size), "--length", str(options.length), "--inside"]
        arguments += ["--json", str(options.json)] if options.json else []
        subprocess.run(arguments, check=True)


def measure_plan(folder: Path, n: int, length: int, json_file: Path | None) -> None:
    """Print what the plan of `n` synthetic proteins takes, from the FASTA file to the files of the plan."""
    fasta = folder / "in.fasta"
    _in_child(lambda: write_fasta(fasta, n, length))
    print(f"plan of {n:,} proteins, {fasta.stat().st_size / 1e6:,.0f} MB of FASTA")
    with _measured("plan", n, json_file):
        parsed = parse_input([str(fasta)])
        parsed_s = time.perf_counter()
        proteins = arrange_proteins(parsed)
        arranged_s = time.perf_counter()
        shards = cut_shards(proteins.lengths, shape=SHAPE_650M, device="cuda")
        write_plan(AtlasPaths(folder / "atlas"), make_plan(shards, n), proteins)
    written_s = time.perf_counter()
    print(f"    of it {arranged_s - parsed_s:.1f} s to arrange, {written_s - arranged_s:.1f} s to cut and write")


def measure_shards(folder: Path, n: int, _length: int, _json_file: Path | None) -> None:
    """Print what a plan of `n` shards, all of them finished, costs whoever reads it."""
    paths = AtlasPaths(folder / "atlas")
    shards = [
        Shard(i + 1, i * SHARD_SEQUENCES, (i + 1) * SHARD_SEQUENCES, 262_144, 5e15 + i, 5 << 30) for i in range(n)
    ]
    plan = make_plan(tuple(shards), n * SHARD_SEQUENCES)
    write_shards(paths.shards, plan.shards, ["digest"] * n)
    write_plan_file(paths, plan)
    write_receipts(paths, plan)
    fasta = folder / "in.fasta"
    write_fasta(fasta, 20_000, 283)

    print(f"{n:,} shards")
    read = _timed("reading the plan", lambda: read_plan(paths))
    _timed("status", lambda: read_status(paths))
    _timed("start of encode, own range of 64", lambda: find_missing_shards(paths, read, read.shards[-64:]))
    _timed("reading every receipt, as seal does", lambda: read_receipts(paths, read, read.shards))
    _measure_tasks(folder, fasta, paths)


def _measure_tasks(folder: Path, fasta: Path, paths: AtlasPaths) -> None:
    """Print what a task reads: the plan, its row among the shards, and its sequences."""
    proteins = arrange_proteins(parse_input([str(fasta)]))
    sequences = AtlasPaths(folder / "sequences")
    write_plan(sequences, make_plan(cut_shards(proteins.lengths, shape=SHAPE_650M, device="cuda"), 20_000), proteins)
    own_shards = list(read_plan(sequences).shards)

    def read_slices() -> None:
        for i in range(N_TASKS):
            plan = read_plan(paths)
            _ = plan.shards[977 * i % len(plan.shards)]
            read_sequences(sequences, own_shards[i % len(own_shards)])

    _timed(f"{N_TASKS} tasks: plan, own row, own sequences", read_slices)


def measure_seal(folder: Path, n: int, length: int, json_file: Path | None) -> None:
    """Print what joining the table `proteins` of `n` synthetic proteins takes."""
    paths = AtlasPaths(folder / "atlas")
    _in_child(lambda: write_sealable(folder, paths, n, length))
    text_bytes = sum(path.stat().st_size for path in (folder / "atlas" / "plan").iterdir())
    print(f"seal of {n:,} proteins of about {length} residues, a plan of {text_bytes / 1e6:,.0f} MB")
    with _measured("seal: table of proteins", n, json_file):
        plan = read_plan(paths)
        counts = write_proteins(paths, plan)
    with _measured("seal: index of names", n, json_file):
        write_name_index(paths, [paths.proteins], metadata=provenance(plan.run, plan.plan_id))
    assert counts.total() == pq.read_metadata(paths.proteins).num_rows


def write_sealable(folder: Path, paths: AtlasPaths, n: int, length: int) -> None:
    """Write the plan of synthetic proteins and the outcomes of all sequences."""
    fasta = folder / "in.fasta"
    write_fasta(fasta, n, length)
    proteins = arrange_proteins(parse_input([str(fasta)]))
    fasta.unlink()
    plan = make_plan(cut_shards(proteins.lengths, shape=SHAPE_650M, device="cuda"), n)
    write_plan(paths, plan, proteins)
    schema = SEQUENCES.schema(plan.run.n_layers)
    (paths.root / SEQUENCES.name).mkdir()
    for shard in plan.shards:
        ids = np.arange(shard.first_sequence_id, shard.end_sequence_id, dtype=np.int32)
        columns = {
            "sequence_id": ids,
            "length": proteins.lengths[ids],
            "status": ["ok"] * len(ids),
            "reason": [None] * len(ids),
            "layer": np.full(len(ids), 20, np.int16),
            "n_sites": ids % 9,
            "sites_note": [None] * len(ids),
        }
        rows = pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
        pq.write_table(rows, paths.shard(SEQUENCES, shard.index))


def make_plan(shards: tuple[Shard, ...], n_records: int) -> Plan:
    """Return a plan whose run is made up."""
    return Plan(
        run=synthetic_run(SHAPE_650M.n_layers, SHAPE_650M.n_heads),
        source="in.fasta",
        source_sha256="a" * 64,
        n_records=n_records,
        proteins_digest="0" * 16,
        model_directory="none",
        pack_tokens=32_768,
        totals=sum_shards(shards),
        shards=shards,
    )


def write_receipts(paths: AtlasPaths, plan: Plan) -> None:
    """Write a receipt for every shard, without its files."""
    paths.receipts.mkdir()
    for shard in plan.shards:
        files = [
            TableFile(table.name, paths.relative(paths.shard(table, shard.index)), 900, 12345, "b" * 64, 9, "c" * 64)
            for table in SHARD_TABLES
        ]
        receipt = Receipt(shard.index, plan.plan_id, tuple(files), 900, 0, 262144, 1.0, 0.9, 1 << 30, 1 << 30, "host")
        paths.receipt(shard.index).write_bytes(json_bytes(asdict(receipt)))


def write_fasta(path: Path, n: int, length: int) -> None:
    """Write `n` synthetic clusters of UniRef; one in a hundred has the sequence of another."""
    random = np.random.default_rng(n)
    sigma = 0.7
    letters = np.frombuffer(b"LAGVSERTIDPKQNFYMHWC", np.uint8)
    weights = np.linspace(10, 1, len(letters))
    with path.open("wb") as file:
        for begin in range(0, n, CHUNK):
            lengths = random.lognormal(np.log(length) - sigma**2 / 2, sigma, min(CHUNK, n - begin))
            lengths = np.clip(lengths, 11, 35_000).astype(int)
            text = random.choice(letters, lengths.sum(), p=weights / weights.sum()).tobytes()
            file.writelines(_format_records(begin, lengths, text))


def _format_records(begin: int, lengths: "np.ndarray[tuple[int], np.dtype[np.int64]]", text: bytes) -> Iterator[bytes]:
    ends = np.cumsum(lengths)
    sequence = b"M"
    for i, (size, end) in enumerate(zip(lengths.tolist(), ends.tolist(), strict=True), start=begin):
        # A hash of the number, so that accessions do not come in their order.
        name = f"{(i * 2_654_435_761) % 2**32:08X}{i:07d}"
        header = f">UniRef50_{name} Uncharacterized protein {i % 977} n={i % 40 + 1} Tax=Escherichia coli TaxID=562"
        sequence = sequence if i % 100 == 99 else text[end - size : end]
        lines = b"\n".join(sequence[place : place + LINE] for place in range(0, len(sequence), LINE))
        yield b"%b RepID=%b_ECOLI\n%b\n" % (header.encode(), name.encode(), lines)


def _in_child(work: Callable[[], None]) -> None:
    """Do something in a process of its own, so that its memory does not count here."""
    if (child := os.fork()) == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


@contextmanager
def _measured(what: str, n: int, json_file: Path | None) -> Iterator[None]:
    """Print seconds and memory of what happens meanwhile; add the seconds of the wall to a file of `growth.py`."""
    wall, processors = time.perf_counter(), _processor_seconds()
    yield
    wall, processors = time.perf_counter() - wall, _processor_seconds() - processors
    peak, child = (
        resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"    {what}: {wall:.1f} s, {processors:.1f} s of processors ({1e6 * processors / n:.1f} us a protein)")
    print(f"    peak {peak:.2f} GiB, largest child {child:.2f} GiB", flush=True)
    if json_file is not None:
        with json_file.open("a") as file:
            file.write(json.dumps({"what": what, "n_proteins": n, "value": wall, "unit": "s"}) + "\n")


def _processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _timed(what: str, work: Callable[[], T]) -> T:
    begin, begin_processor = time.perf_counter(), time.process_time()
    result = work()
    wall, processor = time.perf_counter() - begin, time.process_time() - begin_processor
    print(f"    {what:45} {wall:8.3f} s, {processor:.3f} s of the processor")
    return result


MEASUREMENTS = {"plan": measure_plan, "shards": measure_shards, "seal": measure_seal}

if __name__ == "__main__":
    main()
