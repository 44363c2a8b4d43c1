"""Times lookups, SQL and `attlas show` on a synthetic atlas of human size; prints a table with the targets.

    python benchmarks/lookup.py [--proteins 20607] [--layers 33] [--heads 20] [--shards 64] [--atlas DIR]

Writes the atlas below a temporary directory (1.5 GB at the default size) or at DIR, where it is used again. The numbers
in it are random, so sizes on disk are those of data that does not compress.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "queries"))
from synthetic import human_like, write_atlas

from attlas.queries import Atlas

SCANS = {
    "sites by residue and layer": "SELECT residue, layer, count(*) FROM sites GROUP BY ALL",
    "mean entropy of every head": "SELECT layer, head, avg(entropy) FROM heads GROUP BY ALL",
    "mean received in layer 0": "SELECT residue, avg(received[1]) FROM residues GROUP BY ALL",
}


def main() -> None:
    """Make the atlas if it is not there, then measure."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        root = options.atlas or Path(folder) / "atlas"
        if not (root / "manifest.json").exists():
            _build(root, options)
        with Atlas.open(root) as atlas:
            _report(atlas, root, options.repeats)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("proteins", 20_607), ("layers", 33), ("heads", 20), ("shards", 64), ("repeats", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--atlas", type=Path)
    return parser.parse_args()


def _build(root: Path, options: argparse.Namespace) -> None:
    proteins = human_like(options.proteins)
    start = time.perf_counter()
    manifest = write_atlas(root, proteins, n_layers=options.layers, n_heads=options.heads, n_shards=options.shards)
    size = sum(file.n_bytes for file in manifest.files) / 1e6
    print(f"wrote {size:,.0f} MB, {manifest.counts.n_residues:,} residues, in {time.perf_counter() - start:.0f} s")


def _report(atlas: Atlas, root: Path, repeats: int) -> None:
    chosen = random.Random(0)
    accessions = [f"S{chosen.randrange(atlas.manifest.counts.n_requested):06d}" for _ in range(repeats)]
    print(f"{'what':<44}{'p50 ms':>9}{'p90 ms':>9}  target p50")
    _line("Atlas.open, first sites", [_ms(lambda: Atlas.open(root).sites(accessions[0])) for _ in range(5)], "")
    _line("sites(accession)", [_ms(lambda a=a: atlas.sites(a)) for a in accessions], "2 ms, goal 1")
    _line("residues(accession)", [_ms(lambda a=a: atlas.residues(a)) for a in accessions], "10 ms, goal 5")
    _line("heads(accession)", [_ms(lambda a=a: atlas.heads(a)) for a in accessions], "")
    _line("protein(accession)", [_ms(lambda a=a: atlas.protein(a)) for a in accessions[:50]], "")
    _line("sites(gene)", [_ms(lambda a=a: atlas.sites(f"GENE{int(a[1:])}")) for a in accessions[:50]], "")
    _line("first sql, connecting", [_ms(lambda: atlas.sql("SELECT 1"))], "")
    by_accession = "SELECT * FROM {} WHERE accession = ?"
    for table in ("sites", "residues", "heads"):
        times = [_ms(lambda a=a, t=table: atlas.sql(by_accession.format(t), [a])) for a in accessions[:20]]
        _line(f"sql: {table} of an accession", times, "")
    for name, query in SCANS.items():
        _line(f"sql: {name}", [_ms(lambda q=query: atlas.sql(q)) for _ in range(3)], "1 s, goal 0.1 (sites)")
    show = [sys.executable, "-m", "attlas.cli.main", "show", str(root)]
    _line(
        "attlas show, whole process", [_ms(lambda a=a: _run([*show, a])) for a in accessions[:15]], "500 ms, goal 250"
    )


def _line(what: str, times: Sequence[float], target: str) -> None:
    p90 = statistics.quantiles(times, n=10)[-1] if len(times) > 1 else times[0]
    print(f"{what:<44}{statistics.median(times):>9.2f}{p90:>9.2f}  {target}", flush=True)


def _ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
