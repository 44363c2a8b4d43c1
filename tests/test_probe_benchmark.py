"""The benchmark of the probe runs end to end on tiny input, and its ratios follow from what was measured."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "probe.py"
SEQUENCES = ["MKTAYIAKQRQISFVKSHFSRQ", "MGDVEKGKKIFIMKCSQCHTVEKGGKHKTG"]


def test_every_turn_is_timed_and_the_ratio_is_the_median_of_theirs(tmp_path: Path, tiny_esm: Path) -> None:
    fasta, features, report = tmp_path / "two.fasta", tmp_path / "features.csv", tmp_path / "report.json"
    fasta.write_text("".join(f">P{i}\n{sequence}\n" for i, sequence in enumerate(SEQUENCES)))
    features.write_text("accession,position,label\nP0,3,Active site\n")
    options = ["--model", tiny_esm, "--fasta", fasta, "--features", features, "--repeats", 2, "--json", report]
    result = subprocess.run([sys.executable, SCRIPT, *map(str, options)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    timings = json.loads(report.read_text())
    assert len(timings["turns"]) == 2
    for turn in timings["turns"]:
        assert turn["n_residues"] == sum(map(len, SEQUENCES))
        assert turn["n_labels"] == 3 + sum(len(set(sequence)) for sequence in SEQUENCES)
        assert turn["ratio"] == pytest.approx(turn["probe_cpu_s"] / turn["build_cpu_s"])
        assert 0 < turn["probe_cpu_s"] < 60
    assert timings["ratio"] == pytest.approx(statistics.median(turn["ratio"] for turn in timings["turns"]))
    assert result.stderr.count("turn ") == 2
    verdict = "met" if timings["ratio"] <= 1.3 else "MISSED"
    assert f"Median ratio {timings['ratio']:.2f}; the bar is 1.3: {verdict}." in result.stdout
