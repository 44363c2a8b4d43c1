"""Everything that is to be done on a GPU, as one command: tests, agreement, rates, profile, proteome, memory.

    python benchmarks/gpu_day.py --weights DIR --proteome FILE                    # all parts, 9 minutes
    python benchmarks/gpu_day.py --weights DIR --proteome FILE --cpu-atlas DIR --parts 1-4
    python benchmarks/gpu_day.py --dry-run                                        # on a CPU, tiny shapes

The parts are ordered by worth (`gpu_parts/parts.py`). Each runs in a process of its own with its own time limit, prints
its table as it ends, and is left out, with the reason, for want of an input, a package or time. All figures are in
gpu-day.json and gpu-day.md of the folder --out, with the goals and what the first run reached, and the sizes that part
5 found in blocks.json; nothing else is there. The same command goes on where it stopped, with the models and the CPU's
atlas in --scratch; `--again` runs parts again that are done.

To prepare a machine that has a CUDA torch with Triton and transformers: `pip install --no-deps .` in the checkout, or
the wheel that `pip wheel --no-deps .` makes elsewhere; numpy, pyarrow, psutil, numba; typer and rich for parts 2 and 6,
pytest and hypothesis for part 1, biopython for fits and interfaces. What is missing is told before the parts begin.
"""

import argparse
import os
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from gpu_parts.day import DamagedFiguresError, run_day, run_inside
from gpu_parts.parts import PARTS, select_parts
from gpu_parts.settings import Settings

MINUTES = 9
CPU_ATLAS_HELP = (
    "the examples' atlas from a CPU with all passes, such as examples-cpu in the --scratch folder of a "
    "`--dry-run --parts 2 --weights DIR --minutes 30` on a CPU; default: the one in --scratch, or part 2 computes it"
)


def main() -> int:
    os.environ |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1"}
    parser = make_parser()
    options = parser.parse_args()
    if options.inside is not None:
        run_inside(PARTS[options.inside - 1], Settings.read(options.settings), options.rows)
        return 0

    try:
        parts = select_parts(options.parts)
    except ValueError as error:
        parser.error(str(error))
    # Whoever ends this process ends the part that is running, too: it would go on alone, and keep the GPU busy.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

    settings = read_settings(options)
    try:
        figures = run_day(settings, parts, minutes=options.minutes, is_again=options.again, describe=describe_machine)
    except DamagedFiguresError as error:
        parser.error(str(error))
    print(f"\n{settings.out / 'gpu-day.json'}\n{settings.out / 'gpu-day.md'}")
    return int(any(part["state"] not in ("done", "left out") for part in figures["parts"].values()))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="directory of real 8M weights: for part 2")
    parser.add_argument("--proteome", type=Path, help="FASTA file of a proteome: for part 6")
    parser.add_argument("--cpu-atlas", type=Path, help=CPU_ATLAS_HELP)
    parser.add_argument("--parts", metavar="A-B", help=f"such as 1-4 or 2,5; default: 1-{len(PARTS)}")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"time for all; default: {MINUTES}")
    parser.add_argument("--out", type=Path, default=Path("gpu-day"), help="folder of the figures; default: gpu-day")
    parser.add_argument("--scratch", type=Path, help="folder of models and atlases; default: OUT-scratch, beside --out")
    parser.add_argument("--again", action="store_true", help="run parts again that are done")
    parser.add_argument("--dry-run", action="store_true", help="tiny shapes on a CPU")
    for name, kind in (("--inside", int), ("--settings", Path), ("--rows", Path)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)  # what a part's own process is told
    return parser


def read_settings(options: argparse.Namespace) -> Settings:
    """Return the settings of the options, with whole paths: parts run elsewhere."""
    inputs = {name: getattr(options, name) for name in ("weights", "proteome", "cpu_atlas")}
    out = options.out.resolve()
    scratch = options.scratch or out.with_name(f"{out.name}-scratch")
    return Settings(
        device="cpu" if options.dry_run else "cuda",
        is_tiny=options.dry_run,
        out=out,
        scratch=scratch.resolve(),
        **{name: path.resolve() if path is not None else None for name, path in inputs.items()},
    )


def describe_machine() -> dict[str, str]:
    """Return the device and the versions of the libraries, on which the figures depend."""
    try:
        import torch

        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    except ImportError:
        device = "no torch"
    return {"device": device, **{name: read_version(name) for name in ("torch", "triton", "transformers")}}


def read_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


if __name__ == "__main__":
    sys.exit(main())
