"""The complexes of BM5-clean as the benchmark of pairs reads them: sequences, contacts and their digest."""

import gzip
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from helpers.pdb_case import Chain, pdb

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "bm5_pairs.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_bm5_pairs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_complex(folder: Path, name: str) -> None:
    """Write two chains along x, 7.5 angstrom apart, with an END between them, as 1AZS has it."""
    lines = pdb([Chain("A", "MKGAC"), Chain("B", "WYG", y=7.5)]).splitlines()
    is_b = [line.startswith(("ATOM", "HETATM")) and line[21] == "B" for line in lines]
    lines.insert(is_b.index(True), "END")
    path = folder / "HADDOCK-ready" / name / f"{name}_target.pdb"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines))


def test_contacts_are_of_all_atoms_and_of_c_betas(script: ModuleType, tmp_path: Path) -> None:
    write_complex(tmp_path, "1AZS")
    record = script.read_complex(script.find_structure(tmp_path, "1AZS"), "1AZS")
    assert (record["sequence_a"], record["sequence_b"]) == ("MKGAC", "WYG")

    # C-betas are (0.1, -1, 1.1) from their C-alphas, those of glycine on them, which are 3.8 apart in a chain.
    places = {
        name: [(3.8 * i + 0.1 * (x != "G"), y - (x != "G"), 1.1 * (x != "G")) for i, x in enumerate(letters)]
        for name, letters, y in (("A", "MKGAC", 0.0), ("B", "WYG", 7.5))
    }
    near = [
        [i, j]
        for i, a in enumerate(places["A"], start=1)
        for j, b in enumerate(places["B"], start=1)
        if sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) < 64
    ]
    assert record["contacts"] == near
    assert 0 < len(near) < 15


@pytest.mark.thorough
def test_a_folder_that_lacks_complexes_is_named_and_the_others_are_written(script: ModuleType, tmp_path: Path) -> None:
    write_complex(tmp_path, "1AK4")
    command = [sys.executable, str(SCRIPT), str(tmp_path), "-o", str(tmp_path / "pairs.json.gz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no structure of 1AY7" in done.stderr

    records = json.loads(gzip.decompress((tmp_path / "pairs.json.gz").read_bytes()))
    assert [record["id"] for record in records] == ["1AK4"]
    assert done.stdout.split()[-1] == script.digest_pairs(records)
    assert len(script.IDS) == len(set(script.IDS)) == 100
