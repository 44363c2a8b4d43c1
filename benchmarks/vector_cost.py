"""What vectors cost: processor seconds of a build, of one with vectors, and of a pass afterwards; and bytes.

    python benchmarks/vector_cost.py PROTEINS.fasta --model MODEL [--repeats 3]

Each repeat builds atlases in this machine's temporary folder, in one process and with one thread of the matrix library:
one without vectors, to which `attlas embed` then adds them; one whose last layer is finished, which a build leaves out,
with nothing pooled; and one with `--vectors cls,mean,eos,segments`. Medians over repeats are printed, of ratios with
their range. Starting Python and loading the model is counted in each command, and measured beside each: it is what the
same command takes on a protein of ten residues.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
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


def find_medians(costs: Sequence[Costs]) -> Costs:
    """Return the median of each cost."""
    return Costs(*(statistics.median(values) for values in zip(*map(astuple, costs), strict=True)))


def subtract(total: Costs, start: Costs) -> Costs:
    """Return costs without those of the start."""
    return Costs(*(seconds - start_s for seconds, start_s in zip(astuple(total), astuple(start), strict=True)))


def describe(cost: Costs) -> str:
    """Return costs in words."""
    return (
        f"build {cost.build:.1f} processor s, with the last layer finished {cost.finished:.1f}, "
        f"with vectors {cost.with_vectors:.1f}, pass after the build {cost.embed:.1f}"
    )


def describe_ratio(costs: Sequence[Costs], find_ratio: Callable[[Costs], float]) -> str:
    """Return the median of a ratio over repeats, and its range."""
    ratios = [find_ratio(cost) for cost in costs]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("proteins", type=Path, help="FASTA file.")
    parser.add_argument("--model", type=Path, required=True, help="Directory of the model.")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()

    starts, repeats = [], []
    with tempfile.TemporaryDirectory() as scratch:
        short = Path(scratch) / "short.fasta"
        short.write_text(">P1\nMKTAYIAKQR\n")
        for repeat in range(arguments.repeats):
            starts.append(measure_all(short, arguments.model, Path(scratch) / f"short{repeat}"))
            repeats.append(measure_all(arguments.proteins, arguments.model, Path(scratch) / f"atlases{repeat}"))
            print(f"repeat {repeat + 1}: start {describe(starts[-1])}; total {describe(repeats[-1])}", flush=True)
        manifest = Manifest.read(AtlasPaths(Path(scratch) / "atlases0" / "vectors"))

    start = find_medians(starts)
    print(f"medians: start {describe(start)}; total {describe(find_medians(repeats))}")
    net = [subtract(total, start) for total in repeats]
    print(f"without the start: with vectors {describe_ratio(net, lambda c: c.with_vectors / c.build)} builds, ", end="")
    print(f"{describe_ratio(net, lambda c: c.with_vectors / c.finished)} of those that finish the last layer; ", end="")
    print(f"build and pass {describe_ratio(net, lambda c: (c.build + c.embed) / c.build)} builds")
    n_bytes = sum(file.n_bytes for file in manifest.of_table(VECTORS))
    print(f"bytes: {n_bytes / manifest.counts.n_sequences:,.0f} of vectors a sequence")


if __name__ == "__main__":
    main()
