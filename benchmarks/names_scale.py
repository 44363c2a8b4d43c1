"""The indexes of names of very many proteins: time and memory to write them, requests and bytes of a lookup in them.

    python benchmarks/names_scale.py [--sizes 100000 1000000 5000000] [--lookups 20]

The proteins are synthetic: accession, entry name, a gene that a thousand of them share, checksums, no sequence; half
of them are called `Uncharacterized protein`, the others by two of twenty thousand words. Each size is written in a
process of its own, whose peak of resident memory is told. Every lookup is cold: it opens the URL of a server on
loopback, which counts, and reads the manifest, the index, and for words the names of the proteins that fit.
"""

import argparse
import hashlib
import multiprocessing
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from helpers.range_server import Server, serving
from helpers.synthetic import synthetic_run
from make_atlas import accession

from attlas.pipeline.indexes.names import write_name_index
from attlas.pipeline.indexes.words import write_word_index
from attlas.queries import Atlas
from attlas.schema import FORMAT_VERSION, PROTEINS, AtlasPaths, Counts, Manifest
from attlas.schema.parquet_file import describe_file, write_batches
from attlas.schema.publish import publishing

BATCH = 65_536
PROTEINS_OF_A_GENE = 1_000
VOCABULARY = 20_000
"""Words of which names consist; the first ones are the most frequent."""
COUNTS = ("n_rows", "n_bytes")


@dataclass(frozen=True)
class Written:
    """The cost of writing the indexes."""

    wall_s: tuple[float, float]
    """Of names, and of words."""
    peak_bytes: int
    n_rows: tuple[int, int]
    n_bytes: tuple[int, int]
    n_files: tuple[int, int]


def main() -> None:
    """Measure every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000, 5_000_000], metavar="N")
    parser.add_argument("--lookups", type=int, default=20, help="cold lookups of each kind")
    options = parser.parse_args()

    for n in options.sizes:
        with tempfile.TemporaryDirectory(prefix="attlas-names-") as folder:
            written = _write_in_a_process(Path(folder), n)
            costs = _look_up(Path(folder), n, options.lookups)
        print(f"{n:,} proteins, peak {written.peak_bytes / 1e6:,.0f} MB")
        for i, index in enumerate(("names", "words")):
            n_rows, n_bytes = written.n_rows[i], written.n_bytes[i]
            print(f"  {index}: {n_rows:,} rows in {written.n_files[i]} files, {written.wall_s[i]:.1f} s; ", end="")
            print(f"{n_bytes / n_rows:.1f} B a row, {n_bytes / n:.1f} B a protein")
        for kind, (n_requests, n_bytes) in costs.items():
            print(f"  {kind}: {n_requests} requests at most, {n_bytes / 1e3:,.0f} kB", flush=True)


def _write_in_a_process(root: Path, n: int) -> Written:
    """Write proteins and index in a new process, so that its memory is its own."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_write, args=(root, n, results))
    process.start()
    written: Written = results.get()
    process.join()
    return written


def _write(root: Path, n: int, results: "multiprocessing.Queue[Written]") -> None:
    paths = AtlasPaths(root)
    with publishing(paths.proteins) as beside:
        batches = (_proteins(start, min(start + BATCH, n)) for start in range(0, n, BATCH))
        write_batches(beside, table=PROTEINS, schema=PROTEINS.schema(0), batches=batches, metadata={})

    start = time.perf_counter()
    names = write_name_index(paths, [paths.proteins], metadata={})
    between = time.perf_counter()
    words = write_word_index(paths, [paths.proteins], metadata={})
    wall_s = between - start, time.perf_counter() - between

    Manifest(
        format_version=FORMAT_VERSION,
        atlas_id=hashlib.sha256(str(n).encode()).hexdigest()[:16],
        run=synthetic_run(6, 20),
        source="synthetic.fasta",
        source_sha256=hashlib.sha256(b"synthetic").hexdigest(),
        counts=Counts(n, n, n, 0, 0, n, n, 0),
        files=(describe_file(paths, paths.proteins, PROTEINS), *names, *words),
        created="2026-11-21T00:00:00+00:00",
        cost={},
    ).write(paths)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    indexes = names, words
    n_rows, n_bytes = ([sum(getattr(file, name) for file in files) for files in indexes] for name in COUNTS)
    results.put(Written(wall_s, peak_bytes, tuple(n_rows), tuple(n_bytes), (len(names), len(words))))


def _proteins(begin: int, end: int) -> pa.RecordBatch:
    n = end - begin
    names = [accession(i) for i in range(begin, end)]
    rng = np.random.default_rng(begin)
    checksums = rng.bytes(24 * n).hex()
    places = np.minimum(rng.zipf(1.3, (n, 2)), VOCABULARY)
    columns = {
        "accession": names,
        "description": [
            "Uncharacterized protein" if i % 2 else f"Word{a} word{b} protein" for i, (a, b) in enumerate(places)
        ],
        "organism": [f"Genus{i % 97} species{i % 1009} (strain {i % 13})" for i in range(begin, end)],
        "entry_name": [f"{name}_SYNTH" for name in names],
        "gene": [f"gen{i // PROTEINS_OF_A_GENE}" for i in range(begin, end)],
        "md5": [checksums[48 * i : 48 * i + 32] for i in range(n)],
        "crc64": [checksums[48 * i + 32 : 48 * i + 48].upper() for i in range(n)],
        "sequence_id": rng.permutation(n).astype(np.int32) + begin,
        "status": ["ok"] * n,
    }
    zeros = np.zeros(n, np.int64)
    schema = PROTEINS.schema(0)
    arrays = [pa.array(columns[f.name] if f.name in columns else _empty(f, zeros), f.type) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _empty(field: pa.Field, zeros: np.ndarray) -> object:
    return pa.nulls(len(zeros), field.type) if field.nullable else zeros.astype(field.type.to_pandas_dtype())


def _look_up(root: Path, n: int, n_lookups: int) -> dict[str, tuple[int, int]]:
    """Return the largest number of requests and the median bytes of a cold lookup, by kind of id or text."""
    rows = sorted(random.Random(n).sample(range(n), n_lookups))
    with pq.ParquetFile(root / "proteins" / "proteins.parquet") as file:
        column = file.read(columns=["md5"]).column(0)
        checksums = [column[row].as_py() for row in rows]
    ids = {
        "accession": [accession(row) for row in rows],
        "checksum": checksums,
        "gene of many": [f"gen{row // PROTEINS_OF_A_GENE}" for row in rows],
        "unknown": [f"{accession(row)}x" for row in rows],
    }
    texts = {
        "rare word": [f"word{VOCABULARY - 1 - i}" for i in range(n_lookups)],
        "rare word and one that half share": [f"protein word{VOCABULARY // 2 + i}" for i in range(n_lookups)],
        "word that half share": ["uncharacterized"],
    }
    with serving(root) as server:
        costs = {kind: _cost(server, some, lambda atlas, id: atlas.match(id)) for kind, some in ids.items()}
        return costs | {
            kind: _cost(server, some, lambda atlas, text: atlas.search(text)) for kind, some in texts.items()
        }


def _cost(server: Server, texts: list[str], look_up: Callable[[Atlas, str], object]) -> tuple[int, int]:
    costs = []
    for text in texts:
        server.forget()
        with Atlas.open(server.url) as atlas:
            look_up(atlas, text)
        costs.append((len(server.requests), server.n_bytes))
    return max(requests for requests, _ in costs), int(statistics.median(n_bytes for _, n_bytes in costs))


if __name__ == "__main__":
    main()
