"""What asking costs at size: SQL with files left out by the manifest and without, questions on workers and without.

    python benchmarks/make_atlas.py atlas-1m --proteins 1000000 --detailed 0.02 --shards 50
    python benchmarks/asking_scale.py atlas-1m [--files 1 10 50] [--workers 2] [--rounds 3]

SQL: the sites of a protein, by the view of attlas, which opens the files that can hold it, and by plain DuckDB over the
first N Parquet files of `sites`, joined with `proteins`. Both find the same rows, which is checked on all files.
Questions: each that decomposes and reads what the atlas has, `attlas ask DIR QUESTION` as a process, alone and with
`--workers`; both print the same table, which is checked. Seconds are medians of the rounds.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from attlas.queries import Atlas
from attlas.queries.asking.question import missing_tables
from attlas.queries.asking.questions import questions

SITES_OF_A_PROTEIN = "SELECT position, layer, rank FROM sites WHERE accession = ? ORDER BY position"
PLAIN_SITES = """
SELECT position, s.layer, rank
FROM read_parquet(?) AS s JOIN read_parquet(?) AS p USING (sequence_id)
WHERE p.accession = ?
ORDER BY position
"""


def main() -> None:
    """Measure, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("atlas", type=Path)
    parser.add_argument("--files", type=int, nargs="+", default=[1, 10, 50], help="files that plain DuckDB reads")
    parser.add_argument("--questions", nargs="+", help="questions to ask; by default all that decompose")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    with Atlas.open(options.atlas) as atlas:
        print(f"{atlas.manifest.counts.n_requested:,} proteins, {atlas.manifest.counts.n_sites:,} sites\n")
        compare_selects(atlas, options.atlas, options.files, options.rounds)
    compare_questions(options.atlas, options.questions, options.workers, options.rounds)


def compare_selects(atlas: Atlas, root: Path, n_files: Sequence[int], n_rounds: int) -> None:
    """Print the seconds of the sites of a protein, by the view and by plain DuckDB over N files."""
    accession = str(
        atlas.sql("SELECT accession FROM proteins WHERE n_sites > 0 ORDER BY hash(accession) LIMIT 1").to_pylist()[0][
            "accession"
        ]
    )
    sites = sorted(str(path) for path in (root / "sites").glob("*.parquet"))
    proteins = sorted(str(path) for path in (root / "proteins").glob("*.parquet"))

    def by_view() -> list[tuple[object, ...]]:
        with Atlas.open(root) as fresh:
            return [tuple(row.values()) for row in fresh.sql(SITES_OF_A_PROTEIN, [accession]).to_pylist()]

    def by_plain_duckdb(paths: Sequence[str]) -> list[tuple[object, ...]]:
        with duckdb.connect() as connection:
            return connection.execute(PLAIN_SITES, [list(paths), proteins, accession]).fetchall()

    if by_view() != by_plain_duckdb(sites):
        sys.exit(f"{accession}: the view and plain DuckDB do not find the same sites.")

    base = seconds(by_view, n_rounds)
    print(f"{'the sites of a protein':<46}{'s':>8}  against attlas")
    print(f"{f'attlas, {len(sites)} files':<46}{base:>8.3f}  1x")
    for n in sorted({min(n, len(sites)) for n in n_files}):
        value = seconds(lambda n=n: by_plain_duckdb(sites[:n]), n_rounds)
        print(f"{f'DuckDB over {n} files, none left out':<46}{value:>8.3f}  {value / base:.1f}x")


def compare_questions(root: Path, chosen_names: Sequence[str] | None, n_workers: int, n_rounds: int) -> None:
    """Print the seconds of each question that decomposes, in one process and on workers."""
    with Atlas.open(root) as atlas:
        names = chosen_names or [
            question.name
            for question in questions()
            if question.decomposes and not missing_tables(question, atlas.manifest)
        ]

    print(f"\n{'question':<28}{'alone, s':>10}{f'{n_workers} workers, s':>14}{'ratio':>8}")
    for name in names:
        ask = [sys.executable, "-m", "attlas.cli.main", "ask", str(root), name, "--format", "csv"]
        on_workers = [*ask, "--workers", str(n_workers)]
        if (answer := printed(ask)) != printed(on_workers):
            sys.exit(f"{name}: the workers answer otherwise.\n{answer}")
        alone = seconds(lambda command=ask: printed(command), n_rounds)
        shared = seconds(lambda command=on_workers: printed(command), n_rounds)
        print(f"{name:<28}{alone:>10.1f}{shared:>14.1f}{alone / shared:>8.2f}", flush=True)


def printed(command: Sequence[str]) -> str:
    """Return the output of a command. Raises CalledProcessError if it fails."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def seconds(work: Callable[[], object], n_rounds: int) -> float:
    """Return the seconds of the clock that the work takes, median of the rounds."""
    times = []
    for _ in range(n_rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
