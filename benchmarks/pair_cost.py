"""What a pair costs: processor seconds of the pass over pairs beside those of building both proteins.

Usage: python benchmarks/pair_cost.py MODEL [N_PAIRS]. Processor seconds, because other programs may use the machine.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from attlas.pipeline.build import build
from attlas.pipeline.drafting import Options
from attlas.pipeline.pairs.adding import add_pairs
from attlas.pipeline.pairs.settings import PairSettings

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
LENGTH = 250
"""Residues of every protein: of both about what a pair of the Protein Data Bank has."""


def measure_costs(model: str, n_pairs: int) -> None:
    """Build proteins, run them in pairs, and print the seconds of both, and their ratio."""
    draw = random.Random(1)
    quiet = {"progress": lambda plan, shards: lambda event: None, "n_workers": 0}

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = [f"P{n:05d}" for n in range(2 * n_pairs)]
        letters = ["".join(draw.choices(AMINO_ACIDS, k=LENGTH)) for _ in names]
        (folder / "p.fasta").write_text("".join(f">{a}\n{s}\n" for a, s in zip(names, letters, strict=True)))
        (folder / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in zip(names[::2], names[1::2], strict=True)))

        # Once for what is compiled and loaded.
        build(str(folder / "p.fasta"), folder / "first", Options(model, device="cpu"), **quiet)
        add_pairs(folder / "first", folder / "pairs.tsv", PairSettings(order="forward", floor=0.06), **quiet)

        begin = time.process_time()
        build(str(folder / "p.fasta"), folder / "atlas", Options(model, device="cpu"), **quiet)
        build_s = time.process_time() - begin
        print(f"{2 * n_pairs} proteins of {LENGTH} residues, built: {build_s:.1f} processor seconds")

        for order, n_orders in (("forward", 1), ("both", 2)):
            begin = time.process_time()
            add_pairs(folder / "atlas", folder / "pairs.tsv", PairSettings(order=order), **quiet)
            pairs_s = time.process_time() - begin
            ratio = pairs_s / build_s
            print(f"{n_pairs} pairs, gap, {n_orders} order(s): {pairs_s:.1f} processor seconds, {ratio:.2f} builds")


if __name__ == "__main__":
    measure_costs(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20)
