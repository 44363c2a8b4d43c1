"""The benchmark of the fit runs end to end on tiny input, and its verdict follows from its ratio."""

import gzip
import importlib.util
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


def test_the_examples_have_enough_proteins_of_the_default_length_for_its_folds(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("fit_cost", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    lines = module.write_features(tmp_path / "features.csv").read_text().splitlines()[1:]
    labelled = {line.split(",")[0] for line in lines}
    with gzip.open(module.ENZYMES, "rt") as file:
        records = file.read().removeprefix(">").split("\n>")
    lengths = {record.split("|")[1]: len("".join(record.split("\n")[1:])) for record in records}
    assert labelled <= set(lengths)
    n_short = sum(lengths[accession] <= module.LONGEST_ENZYME for accession in labelled)
    assert n_short == 287
