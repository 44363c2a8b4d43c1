"""The benchmark of the fit runs end to end on tiny input, and its verdict follows from its ratio."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.building import random_proteins, write_fasta

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "fit_cost.py"


def test_a_build_and_a_fit_are_timed_and_compared_with_the_bar(tmp_path: Path, tiny_esm: Path) -> None:
    proteins = random_proteins(range(20, 35))
    fasta = write_fasta(tmp_path / "proteins.fasta", proteins)
    features = tmp_path / "features.csv"
    features.write_text("accession,position,label\n" + "".join(f"{name},3,Active site\n" for name in proteins))
    options = ["--model", tiny_esm, "--fasta", fasta, "--features", features, "--random-weights"]
    result = subprocess.run([sys.executable, SCRIPT, *map(str, options)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr

    numbers = re.search(r"build ([\d.]+) s; fit of 1 labels on 15 of them ([\d.]+) s .*; ratio ([\d.]+)", result.stdout)
    assert numbers is not None, result.stdout
    ratio = float(numbers[3])
    assert ("met" if ratio <= 5 else "MISSED") in result.stdout
