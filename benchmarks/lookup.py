"""Times of lookups, batches, SQL and `attlas show` on a synthetic atlas, compared with plain scripts; prints tables.

    python benchmarks/make_atlas.py human-atlas
    python benchmarks/lookup.py human-atlas [--repeats 200] [--rounds 5]

The obvious ways, over the same numbers: `sites` as one CSV that pandas reads whole; `sites` and `residues` as one
Parquet file each in the order in which proteins happened to be done (here: random), asked through pandas with a filter
and through DuckDB. Their files are written once, to DIR-plain beside the atlas. Every ratio is of medians of one run.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pandas as pd

from attlas.queries import Atlas

SCANS = {
    "sites by residue and layer": "SELECT residue, layer, count(*) FROM sites GROUP BY ALL",
    "mean entropy of every head": "SELECT layer, head, avg(entropy) FROM heads GROUP BY ALL",
    "mean received in layer 0": "SELECT residue, avg(received[1]) FROM residues GROUP BY ALL",
}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("atlas", type=Path)
    parser.add_argument("--repeats", type=int, default=200, help="lookups of each kind")
    parser.add_argument("--rounds", type=int, default=5, help="runs of what takes seconds")
    options = parser.parse_args()
    with Atlas.open(options.atlas) as atlas:
        plain = _plain_files(atlas, options.atlas.with_name(f"{options.atlas.name}-plain"))
        accessions = _sample_accessions(atlas, options.repeats)
        _lookups(atlas, options.atlas, accessions, options.rounds)
        _against(atlas, plain, accessions, options.rounds)


def _sample_accessions(atlas: Atlas, n: int) -> list[str]:
    """Return accessions whose profile is stored, at random."""
    rows = atlas.sql(
        "SELECT accession FROM proteins "
        "SEMI JOIN (SELECT sequence_id FROM heads WHERE layer = 0 AND head = 0) USING (sequence_id) ORDER BY accession"
    )
    return random.Random(0).choices(rows["accession"].to_pylist(), k=n)


def _plain_files(atlas: Atlas, folder: Path) -> Path:
    """Write the files of a plain script: one for each table, in no useful order."""
    if not (folder / "done").exists():
        folder.mkdir(exist_ok=True)
        root = atlas.root.resolve()

        with duckdb.connect() as connection:
            connection.execute("SET preserve_insertion_order = false")
            names = f"SELECT accession, sequence_id, hash(accession) AS place FROM '{root}/proteins/proteins.parquet'"
            for table in ("sites", "residues"):
                rows = (
                    f"SELECT accession, t.* EXCLUDE (sequence_id) FROM '{root}/{table}/*.parquet' AS t "
                    f"JOIN ({names}) USING (sequence_id) ORDER BY place, position"
                )
                connection.execute(f"COPY ({rows}) TO '{folder}/{table}.parquet'")
            connection.execute(f"COPY (FROM '{folder}/sites.parquet') TO '{folder}/sites.csv'")
        (folder / "done").touch()
    return folder


def _lookups(atlas: Atlas, root: Path, accessions: Sequence[str], rounds: int) -> None:
    counts = atlas.manifest.counts
    print(f"{counts.n_requested:,} proteins, {counts.n_sites:,} sites\n")
    print(f"{'what':<44}{'p50 ms':>9}{'p90 ms':>9}  target p50")
    proteins = atlas.sql("SELECT accession, gene FROM proteins ORDER BY hash(accession) LIMIT 10000").to_pylist()
    ids = [str(protein["accession"]) for protein in proteins]
    genes = [str(protein["gene"]) for protein in proteins]

    _line("Atlas.open, first sites", [_ms(lambda a=a: _first_sites(root, a)) for a in accessions[:20]])
    _line("sites(accession)", [_ms(lambda a=a: atlas.sites(a)) for a in accessions], "2, goal 1")
    _line("residues(accession)", [_ms(lambda a=a: atlas.residues(a)) for a in accessions], "10, goal 5")
    _line("heads(accession)", [_ms(lambda a=a: atlas.heads(a)) for a in accessions])
    _line("protein(accession)", [_ms(lambda a=a: atlas.protein(a)) for a in accessions])
    _line("sites(gene)", [_ms(lambda g=g: atlas.sites(g)) for g in genes[:20]])
    _line(f"lookup({len(ids):,} accessions)", [_ms(lambda: _look_up_batch(root, ids)) for _ in range(rounds)], "2,000")
    _line(f"lookup({len(ids):,} genes)", [_ms(lambda: _look_up_batch(root, genes)) for _ in range(rounds)], "2,000")
    _line("first sql, connecting", [_ms(lambda: _connect(root)) for _ in range(rounds)])

    for table in ("sites", "residues", "heads"):
        query = f"SELECT * FROM {table} WHERE accession = ?"
        _line(f"sql: {table} of an accession", [_ms(lambda a=a, q=query: atlas.sql(q, [a])) for a in accessions[:20]])
    for name, query in SCANS.items():
        _line(f"sql: {name}", [_ms(lambda q=query: atlas.sql(q)) for _ in range(rounds)], "1,000, goal 100 (sites)")
    show = [sys.executable, "-m", "attlas.cli.main", "show", str(root)]
    _line("attlas show, whole process", [_ms(lambda a=a: _run([*show, a])) for a in accessions[:15]], "500, goal 250")


def _against(atlas: Atlas, plain: Path, accessions: Sequence[str], rounds: int) -> None:
    few_accessions = accessions[:rounds]
    connection = duckdb.connect()

    def ask(table: str, accession: str) -> None:
        query = f"SELECT * FROM '{plain}/{table}.parquet' WHERE accession = ?"
        connection.sql(query, params=[accession]).to_arrow_table()

    def filtered(table: str, accession: str) -> None:
        pd.read_parquet(plain / f"{table}.parquet", filters=[("accession", "==", accession)])

    def from_csv(accession: str) -> None:
        frame = pd.read_csv(plain / "sites.csv")
        frame[frame["accession"] == accession]

    print(f"\n{'the obvious way, one protein':<44}{'p50 ms':>9}  against attlas")
    for table, look_up in (("sites", atlas.sites), ("residues", atlas.residues)):
        base = statistics.median(_ms(lambda a=a, f=look_up: f(a)) for a in accessions)
        ways: dict[str, Callable[[str], None]] = {
            f"{table}: pandas, one Parquet file, filter": lambda a, t=table: filtered(t, a),
            f"{table}: DuckDB, one unsorted Parquet file": lambda a, t=table: ask(t, a),
        }
        if table == "sites":
            ways = {"sites: pandas, one CSV file": from_csv} | ways
        for name, way in ways.items():
            ms = statistics.median(_ms(lambda a=a, w=way: w(a)) for a in few_accessions)
            print(f"{name:<44}{ms:>9.1f}  {ms / base:,.0f}x", flush=True)
        print(f"{f'{table}: attlas':<44}{base:>9.2f}  1x")


def _first_sites(root: Path, accession: str) -> None:
    with Atlas.open(root) as atlas:
        atlas.sites(accession)


def _look_up_batch(root: Path, ids: Sequence[str]) -> None:
    with Atlas.open(root) as atlas:
        atlas.lookup(ids)


def _connect(root: Path) -> None:
    with Atlas.open(root) as atlas:
        atlas.sql("SELECT 1")


def _line(what: str, times: Sequence[float], target: str = "") -> None:
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
