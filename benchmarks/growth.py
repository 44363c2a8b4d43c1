"""How the cost of reading an atlas grows with the number of its proteins; prints a table, draws the curves.

    python benchmarks/growth.py FOLDER --sizes 10000 100000 1000000 5000000 --picture docs/pictures/growth.svg

Writes an atlas of random numbers of each size below FOLDER, unless it is there (`make_atlas.py`; profiles and heads of
20,000 sequences, all proteins and sites). Then measures, each by a fresh `Atlas`: opening, lookups from the disk, a
lookup over HTTP on loopback with its bytes and requests, words of a name, an unknown id, three SELECTs, and all sites
as TSV. Times are medians, of a machine that does nothing else. `--steps FILE` draws what `plan_scale.py --json FILE`
measured of planning and sealing beside them.
"""

import argparse
import json
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from helpers.range_server import Server, serving
from make_atlas import write_large

from attlas.queries import Atlas
from attlas.queries.answers.one_id import answer_id

DETAILED = 20_000
"""Sequences with profiles and statistics of heads."""
PROTEINS_PER_SHARD = 20_000
REPEATS = 15
WITH_PROFILES = """
SELECT accession FROM proteins
WHERE sequence_id IN (SELECT sequence_id FROM heads WHERE layer = 0 AND head = 0)
ORDER BY hash(accession) LIMIT 1000
"""
SCANS = {
    "count of sites": "SELECT count(*) FROM sites",
    "sites by residue and layer": "SELECT residue, layer, count(*) FROM sites GROUP BY ALL",
    "sites of an accession": "SELECT * FROM sites WHERE accession = '{}'",
}


@dataclass(frozen=True)
class Measured:
    """A number of one size."""

    what: str
    n_proteins: int
    value: float
    unit: str
    """`s`, `MB` or `requests`."""


def main() -> None:
    """Measure every size, print the table, write JSON and draw the picture where they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--steps", type=Path, help="numbers of plan_scale.py, to be drawn beside these")
    parser.add_argument("--json", type=Path, help="write the numbers")
    parser.add_argument("--picture", type=Path, help="draw the curves, .svg or .png")
    options = parser.parse_args()

    numbers: list[Measured] = []
    for n_proteins in options.sizes:
        root = write_if_missing(options.folder / f"atlas-{n_proteins}", n_proteins)
        numbers += measure(root, n_proteins)
    print_table(numbers, options.sizes)

    if options.steps:
        numbers += [Measured(**json.loads(line)) for line in options.steps.read_text().splitlines()]
    if options.json:
        options.json.write_text(json.dumps([asdict(number) for number in numbers], indent=1) + "\n")
    if options.picture:
        draw(numbers, options.picture)


def write_if_missing(root: Path, n_proteins: int) -> Path:
    """Return the atlas of a size, written where it is not there yet."""
    if not (root / "manifest.json").is_file():
        start = time.perf_counter()
        n_shards = max(4, n_proteins // PROTEINS_PER_SHARD)
        share = min(1.0, DETAILED / n_proteins)
        write_large(root, n_proteins, n_layers=33, n_heads=20, n_shards=n_shards, detailed=share)
        print(f"{root}: written in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return root


def measure(root: Path, n_proteins: int) -> list[Measured]:
    """Return the numbers of an atlas."""
    with Atlas.open(root) as atlas:
        rows = atlas.sql(WITH_PROFILES)
        accessions = random.Random(1).sample(rows["accession"].to_pylist(), REPEATS)

    def number(what: str, times: Sequence[float], unit: str = "s") -> Measured:
        return Measured(what, n_proteins, statistics.median(times), unit)

    numbers = [
        number("open, sites of a protein", [_seconds(root, lambda atlas, a=a: atlas.sites(a)) for a in accessions]),
        number("open, an unknown id", [_seconds(root, lambda atlas, a=a: atlas.match(f"{a}X")) for a in accessions]),
        number("open, find two words", [_seconds(root, lambda atlas: atlas.find("synthetic 77"))]),
    ]
    for name, query in SCANS.items():
        times = [_seconds(root, lambda atlas, q=query: atlas.sql(q.format(accessions[0]))) for _ in range(3)]
        numbers.append(number(f"open, SQL: {name}", times))

    start = time.perf_counter()
    with Atlas.open(root) as atlas, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of proteins without a site, which have no row
        atlas.export("tsv", root.with_suffix(".tsv"))
    numbers.append(number("export of all sites, TSV", [time.perf_counter() - start]))
    root.with_suffix(".tsv").unlink()

    with serving(root) as server:
        costs = [_cold(server, lambda atlas, a=a: answer_id(atlas, a)) for a in accessions]
    numbers.append(number("cold show over HTTP", [n_bytes / 1e6 for n_bytes, _ in costs], "MB"))
    numbers.append(number("cold show over HTTP", [n_requests for _, n_requests in costs], "requests"))
    return numbers


def _seconds(root: Path, work: Callable[[Atlas], object]) -> float:
    start = time.perf_counter()
    with Atlas.open(root) as atlas:
        work(atlas)
    return time.perf_counter() - start


def _cold(server: Server, work: Callable[[Atlas], object]) -> tuple[int, int]:
    """Return the bytes and the requests of a lookup by a reader that knows nothing."""
    server.forget()
    with Atlas.open(server.url) as atlas:
        work(atlas)
    return server.n_bytes, len(server.requests)


def print_table(numbers: Sequence[Measured], sizes: Sequence[int]) -> None:
    """Print a row for each kind of number, a column for each size."""
    kinds = dict.fromkeys((number.what, number.unit) for number in numbers)
    print(f"{'':<44}" + "".join(f"{n:>13,}" for n in sizes))
    for what, unit in kinds:
        values = [number.value for number in numbers if (number.what, number.unit) == (what, unit)]
        print(f"{f'{what}, {unit}':<44}" + "".join(f"{value:>13,.3f}" for value in values))


def draw(numbers: Sequence[Measured], path: Path) -> None:
    """Draw the seconds of every step over the number of proteins, both in powers of ten."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "attlas"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for what in dict.fromkeys(number.what for number in numbers if number.unit == "s"):
        points = [(number.n_proteins, number.value) for number in numbers if (number.what, number.unit) == (what, "s")]
        axes.loglog(*zip(*points, strict=True), marker="o", markersize=4, label=what)
    axes.set_xlabel("proteins")
    axes.set_ylabel("seconds")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
