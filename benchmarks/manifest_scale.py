"""What the list of an atlas's files costs by the number of files: sealing, opening, a lookup by URL; prints a table.

    python benchmarks/manifest_scale.py 4500 66000

Writes a small atlas of random numbers, whose manifest then lists very many files besides, which do not exist: shards of
the four tables of a build, and an index of names of a file to every fifteen. Each size is listed in `manifest.json`
alone, as up to format 3, and divided (`schema/file_list.py`). Every lookup is cold: it opens the URL of a server on
loopback, which counts, and asks for the sites of an accession. The time to open is a median; the memory is that of
Python's objects (`tracemalloc`) while a list of files is written.
"""

import argparse
import hashlib
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.range_server import Server, serving
from helpers.reading_case import PROTEINS
from helpers.synthetic import write_atlas

from attlas.queries import Atlas
from attlas.schema import NAMES, SHARD_TABLES, AtlasPaths, Manifest, TableFile, file_list
from attlas.schema.file_list import FileList

SHARD_SEQUENCES = 57_000
"""Sequences of a shard: 60 million in about a thousand."""
NAMES_SHARE = 15
"""One of so many files is of the index of names."""
REPEATS = 15
ACCESSION = "P04637"


@dataclass(frozen=True)
class Cost:
    """What one form of the list costs."""

    form: str
    n_files: int
    manifest_bytes: int
    n_parts: int
    part_bytes: int
    """Of the largest part."""
    write_s: float
    write_bytes: int
    """Memory."""
    open_s: float
    lookup_bytes: int
    lookup_requests: int
    list_bytes: int
    """Of a lookup, those of the manifest and of parts."""
    list_requests: int


def main() -> None:
    """Measure every size in both forms and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", type=int, nargs="+", metavar="N", help="files")
    options = parser.parse_args()
    print(
        f"{'files':>8} {'form':<10}{'manifest kB':>12}{'parts':>7}{'kB':>6}{'write s':>9}{'MB':>6}{'open ms':>9}",
        end="",
    )
    print("   sites of an accession by URL: kB and requests, of them for the list")
    for n_files in options.sizes:
        for form in ("in one", "divided"):
            with tempfile.TemporaryDirectory(prefix="attlas-manifest-") as folder:
                _print(measure(Path(folder) / "atlas", n_files, form))


def measure(root: Path, n_files: int, form: str) -> Cost:
    """Return the cost of a list of `n_files` files."""
    manifest = write_atlas(root, PROTEINS)
    paths = AtlasPaths(root)
    files = [*manifest.files, *list_absent_files(n_files - len(manifest.files))]
    most_listed = n_files if form == "in one" else file_list.MOST_LISTED
    with mock.patch.object(file_list, "MOST_LISTED", most_listed):
        write_s = _seconds(lambda: write(paths, manifest, files))
        tracemalloc.start()
        written = write(paths, manifest, files)
        _, write_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    open_s = statistics.median(_seconds(lambda: Atlas.open(root).close()) for _ in range(REPEATS))
    with serving(root) as server:
        lookup(server)
        of_list = [n for path, n in server.requests if path.startswith("manifest")]
        return Cost(
            form,
            len(written.files),
            paths.manifest.stat().st_size,
            len(written.files.parts),
            max((part.n_bytes for part in written.files.parts), default=0),
            write_s,
            write_bytes,
            open_s,
            server.n_bytes,
            len(server.requests),
            sum(of_list),
            len(of_list),
        )


def write(paths: AtlasPaths, manifest: Manifest, files: Sequence[TableFile]) -> Manifest:
    """Write the manifest of an atlas with these files, as a seal does."""
    return replace(manifest, files=FileList(tuple(files))).write(paths)


def lookup(server: Server) -> None:
    """Look up an accession, by a reader that knows nothing."""
    server.forget()
    with Atlas.open(server.url) as atlas:
        atlas.sites(ACCESSION)


def list_absent_files(n: int) -> Iterator[TableFile]:
    """Yield the entries of `n` files that do not exist, behind those of the small atlas in `sequence_id` and key."""
    n_names = n // NAMES_SHARE
    for i in range(n_names):
        path = f"names/names-{i + 2:05d}-of-{n_names + 1:05d}.parquet"
        yield _entry(NAMES.name, path, first_key=f"{{{i:06d}", last_key=f"{{{i:06d}~")
    for i in range(n - n_names):
        table = SHARD_TABLES[i % len(SHARD_TABLES)]
        shard = i // len(SHARD_TABLES) + 4
        first_id = shard * SHARD_SEQUENCES
        yield _entry(
            table.name,
            f"{table.name}/shard-{shard:05d}.parquet",
            first_sequence_id=first_id,
            last_sequence_id=first_id + SHARD_SEQUENCES - 1,
        )


def _entry(table: str, path: str, **ranges: object) -> TableFile:
    digest = hashlib.sha256(path.encode()).hexdigest()
    values = {"table": table, "path": path, "n_rows": 16_000_000, "n_bytes": 900_000_000, "sha256": digest}
    return TableFile(**values, tail_bytes=300_000, tail_sha256=digest, **ranges)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _print(cost: Cost) -> None:
    print(f"{cost.n_files:>8,} {cost.form:<10}{cost.manifest_bytes / 1e3:>12,.0f}", end="")
    print(f"{cost.n_parts:>7}{cost.part_bytes / 1e3:>6.0f}", end="")
    print(f"{cost.write_s:>9.2f}{cost.write_bytes / 1e6:>6.0f}{1e3 * cost.open_s:>9.1f}", end="")
    print(f"   {cost.lookup_bytes / 1e3:,.0f} and {cost.lookup_requests}, ", end="")
    print(f"{cost.list_bytes / 1e3:,.0f} and {cost.list_requests}", flush=True)


if __name__ == "__main__":
    main()
