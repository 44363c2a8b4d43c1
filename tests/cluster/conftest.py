"""One SLURM for all tests of clusters, a plan to compute on it, and the same atlas built without it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.building import build_here
from helpers.slurm import Slurm, processes_of, running_slurm

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / ".cache" / "slurm"


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """Return a running SLURM; afterwards none of its processes may be left."""
    if not (PROGRAMS / "complete").exists():
        pytest.fail("SLURM is not unpacked: `make test-cluster` does it first")
    folder = tmp_path_factory.mktemp("slurm")
    with running_slurm(PROGRAMS, folder) as running:
        yield running
    assert processes_of(folder) == []


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """Return an atlas of the example proteins, built by this process."""
    out = tmp_path_factory.mktemp("reference") / "atlas"
    build_here(ROOT / "examples" / "proteins.fasta", out, weights)
    return out


@pytest.fixture
def jobs_folder(tmp_path: Path) -> Path:
    """Return the folder from which jobs are submitted, with the examples in it."""
    shutil.copytree(ROOT / "examples" / "slurm", tmp_path / "slurm")
    return tmp_path
