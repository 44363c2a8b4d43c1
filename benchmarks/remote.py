"""Bytes and requests of a lookup over HTTP, of an atlas as built and as published; prints tables.

    python benchmarks/make_atlas.py human-atlas
    python benchmarks/remote.py human-atlas [--repeats 40]

A server on loopback counts requests and bytes. Every lookup is cold: it opens the URL, reads the manifest and asks
what `attlas show` shows, the protein with its sites and profile. The seconds are without a network: each request costs
a round trip on top. Publishes the atlas below a temporary directory, which takes as much disk as the atlas.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.range_server import Server, serving

from attlas.queries import Atlas
from attlas.queries.answers.one_id import answer_id
from attlas.queries.release import Statement, publish

TARGET_BYTES = 5_000_000
"""Most bytes that a lookup may read of a human-size atlas."""
QUESTIONS = {
    "count of all sites": "SELECT count(*) FROM sites",
    "sites by residue and layer": "SELECT residue, layer, count(*) FROM sites GROUP BY ALL",
    "sites of an accession": "SELECT * FROM sites WHERE accession = '{}'",
    "residues of an accession": "SELECT * FROM residues WHERE accession = '{}'",
    "mean entropy of every head": "SELECT layer, head, avg(entropy) FROM heads GROUP BY ALL",
}


@dataclass(frozen=True)
class Cost:
    """Bytes, requests and seconds of a lookup."""

    n_bytes: int
    n_requests: int
    wall_s: float


def main() -> None:
    """Measure the atlas as it is, then its release."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("atlas", type=Path, metavar="DIR")
    parser.add_argument("--repeats", type=int, default=40, help="lookups of each kind")
    options = parser.parse_args()
    _report("as built", options.atlas, options.repeats)
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder) / "release"
        start = time.perf_counter()
        publish(options.atlas, release, Statement())
        print(f"\npublished in {time.perf_counter() - start:.1f} s")
        _report("as published", release, options.repeats)


def _report(title: str, root: Path, repeats: int) -> None:
    with Atlas.open(root) as atlas:
        rows = atlas.sql("SELECT accession FROM proteins WHERE status = 'ok' ORDER BY length DESC, accession")
        accessions = rows["accession"].to_pylist()
        counts, files = atlas.manifest.counts, atlas.manifest.files
    size = sum(file.n_bytes for file in files) / 1e6
    print(f"\n{title}: {counts.n_requested:,} proteins, {counts.n_residues:,} residues, ", end="")
    print(f"{len(files)} files, {size:,.0f} MB")
    print(f"{'what':<40}{'MB p50':>9}{'MB max':>9}{'requests':>10}{'s p50':>8}  target")
    sampled = random.Random(0).sample(accessions, min(repeats, len(accessions)))

    with serving(root) as server:
        for name, look in LOOKUPS.items():
            _line(name, [_cold(server, lambda atlas, a=a, look=look: look(atlas, a)) for a in sampled], "5 MB")
        _line("show, the longest protein", [_cold(server, lambda atlas: answer_id(atlas, accessions[0]))], "5 MB")
        for name, query in QUESTIONS.items():
            _line(f"sql: {name}", [_cold(server, lambda atlas, q=query: atlas.sql(q.format(sampled[0])))], "")


def _everything(atlas: Atlas, accession: str) -> None:
    answer_id(atlas, accession)
    atlas.heads(accession)


LOOKUPS: dict[str, Callable[[Atlas, str], object]] = {
    "sites(accession)": lambda atlas, accession: atlas.sites(accession),
    "residues(accession)": lambda atlas, accession: atlas.residues(accession),
    "heads(accession)": lambda atlas, accession: atlas.heads(accession),
    "show: protein, sites, profile": answer_id,
    "the same and all heads": _everything,
    "show, an id that is not there": lambda atlas, accession: answer_id(atlas, f"{accession}x"),
}


def _cold(server: Server, work: Callable[[Atlas], object]) -> Cost:
    server.forget()
    start = time.perf_counter()
    with Atlas.open(server.url) as atlas:
        work(atlas)
    return Cost(server.n_bytes, len(server.requests), time.perf_counter() - start)


def _line(what: str, costs: Sequence[Cost], target: str) -> None:
    megabytes = [cost.n_bytes / 1e6 for cost in costs]
    requests = max(cost.n_requests for cost in costs)
    wall_s = statistics.median(cost.wall_s for cost in costs)
    is_over = target and max(megabytes) * 1e6 >= TARGET_BYTES
    print(
        f"{what:<40}{statistics.median(megabytes):>9.2f}{max(megabytes):>9.2f}{requests:>10}{wall_s:>8.3f}  "
        f"{target}{' MISSED' if is_over else ''}",
        flush=True,
    )


if __name__ == "__main__":
    main()
