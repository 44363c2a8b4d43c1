"""What vectors cost: processor seconds of a build, of one with vectors, and of a pass afterwards; and bytes.

    python benchmarks/vector_cost.py PROTEINS.fasta --model MODEL [--repeats 3]

Each repeat builds atlases in this machine's temporary folder, in one process and with one thread of the matrix library:
one without vectors, to which `attlas embed` then adds them; one whose last layer is finished, which a build leaves out,
with nothing pooled; and one with `--vectors cls,mean,eos,segments`. The median over repeats is printed. Starting Python
and loading the model is counted in each, and said: it is what the same commands take on a protein of ten residues.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from attlas.schema import VECTORS, AtlasPaths, Manifest

KINDS = "cls,mean,eos,segments"

PLAIN_COMMAND = ("-m", "attlas.cli.main")

FINISHES_LAST_LAYER = """
import runpy
from attlas.pipeline.encoder.encoder import Encoder

start = Encoder.start


def start_to_the_end(self, pack, **options):
    return start(self, pack, add_hidden=lambda layer, hidden: None, hidden_layers=[self.n_layers - 1], **options)


Encoder.start = start_to_the_end
runpy.run_module("attlas.cli.main", run_name="__main__")
"""


@dataclass(frozen=True)
class Costs:
    """Processor seconds."""

    build: float
    embed: float
    """Of the pass after the build."""
    finished: float
    """Of a build that finishes the last layer and pools nothing."""
    with_vectors: float


def measure(*arguments: object, python: Sequence[str] = PLAIN_COMMAND) -> float:
    """Run an `attlas` command, and return the processor seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, *python, *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_all(proteins: Path, model: Path, folder: Path) -> Costs:
    """Return the costs of atlases of some proteins, which are built below `folder`."""
    options = ("build", proteins, "--model", model, "--device", "cpu", "--workers", 0, "--out")
    return Costs(
        build=measure(*options, folder / "plain"),
        embed=measure("embed", folder / "plain", "--vectors", KINDS, "--workers", 0),
        finished=measure(*options, folder / "finished", python=("-c", FINISHES_LAST_LAYER)),
        with_vectors=measure(*options, folder / "vectors", "--vectors", KINDS),
    )


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
        start = measure_all(short, arguments.model, Path(scratch) / "short")
        folders = [Path(scratch) / f"atlases{repeat}" for repeat in range(arguments.repeats)]
        repeats = [measure_all(arguments.proteins, arguments.model, folder) for folder in folders]
        manifest = Manifest.read(AtlasPaths(folders[0] / "vectors"))

    total = Costs(*(statistics.median(values) for values in zip(*map(astuple, repeats), strict=True)))
    for name, cost in (("start", start), ("total", total)):
        print(
            f"{name}: build {cost.build:.1f} processor s, with the last layer finished {cost.finished:.1f}, "
            f"with vectors {cost.with_vectors:.1f}; pass after the build {cost.embed:.1f}"
        )
    net = Costs(*(seconds - start_s for seconds, start_s in zip(astuple(total), astuple(start), strict=True)))
    print(f"without the start: with vectors {net.with_vectors / net.build:.2f} builds, ", end="")
    print(f"{net.with_vectors / net.finished:.2f} of those that finish the last layer; ", end="")
    print(f"build and pass {(net.build + net.embed) / net.build:.2f} builds")
    n_bytes = sum(file.n_bytes for file in manifest.of_table(VECTORS))
    print(f"bytes: {n_bytes / manifest.counts.n_sequences:,.0f} of vectors a sequence")


if __name__ == "__main__":
    main()
