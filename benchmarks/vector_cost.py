"""What vectors cost beside a build: processor seconds of `attlas build` and of `attlas embed` after it, and bytes.

    python benchmarks/vector_cost.py PROTEINS.fasta --model MODEL [--repeats 3]

Each repeat builds a new atlas in this machine's temporary folder, in one process and with one thread of the matrix
library, and adds `cls,mean,eos,segments` of the last layer. The median over repeats is printed. Starting Python and
loading the model is counted in both, and said: it is what the same commands take on a protein of ten residues.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from attlas.schema import VECTORS, AtlasPaths, Manifest

KINDS = "cls,mean,eos,segments"


def measure(*arguments: object) -> float:
    """Run an `attlas` command, and return the processor seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "attlas.cli.main", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_both(proteins: Path, model: Path, atlas: Path) -> tuple[float, float]:
    """Return the processor seconds of a build and of its vectors."""
    here = ("--workers", 0)
    build_s = measure("build", proteins, "--out", atlas, "--model", model, "--device", "cpu", *here)
    return build_s, measure("embed", atlas, "--vectors", KINDS, *here)


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("proteins", type=Path, help="FASTA file.")
    parser.add_argument("--model", type=Path, required=True, help="Directory of the model.")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        short = Path(scratch) / "short.fasta"
        short.write_text(">P1\nMKTAYIAKQR\n")
        start_s = measure_both(short, arguments.model, Path(scratch) / "short")
        folders = [Path(scratch) / f"atlas{repeat}" for repeat in range(arguments.repeats)]
        seconds = [measure_both(arguments.proteins, arguments.model, folder) for folder in folders]
        manifest = Manifest.read(AtlasPaths(folders[0]))

    build_s, embed_s = (statistics.median(values) for values in zip(*seconds, strict=True))
    n_bytes = sum(file.n_bytes for file in manifest.of_table(VECTORS))
    print(f"start: {start_s[0]:.1f} s of the build, {start_s[1]:.1f} s of the vectors")
    print(f"build: {build_s:.1f} processor s; vectors: {embed_s:.1f} processor s")
    print(f"ratio of both to the build: {(build_s + embed_s) / build_s:.2f} with the start of Python, ", end="")
    print(f"{1 + (embed_s - start_s[1]) / (build_s - start_s[0]):.2f} without")
    print(f"bytes: {n_bytes / manifest.counts.n_sequences:,.0f} of vectors a sequence")


if __name__ == "__main__":
    main()
