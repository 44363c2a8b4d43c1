"""The Snakemake rules run by a Snakemake of an environment of its own, and give the bytes of a build without it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.building import assert_whole, build_here, digests, random_proteins, write_fasta
from helpers.workflow_tools import tool

pytestmark = pytest.mark.workflows

ROOT = Path(__file__).resolve().parents[2]


def _snakemake(folder: Path, *options: str, **config: object) -> subprocess.CompletedProcess[str]:
    command = [tool("snakemake", "snakemake"), "--cores", "1", *options, "--snakefile"]
    command += [ROOT / "examples" / "workflows" / "snakemake" / "Snakefile", "--config"]
    command += [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in config.items()]
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return write_fasta(tmp_path / "in.fasta", random_proteins([30, 41, 52, 300, 400, 500, 600]))


def test_the_rules_plan_encode_and_seal(fasta: Path, tmp_path: Path, tiny_esm: Path) -> None:
    build_here(fasta, tmp_path / "reference", tiny_esm, max_length=550)
    plan = {"model": str(tiny_esm), "max_length": 550, "exact": False}
    done = _snakemake(tmp_path, proteins="in.fasta", atlas="atlas", parts=2, plan=plan)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_whole(tmp_path / "atlas")
    assert digests(tmp_path / "atlas") == digests(tmp_path / "reference")

    again = _snakemake(tmp_path, proteins="in.fasta", atlas="atlas", parts=2, plan=plan)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_an_option_that_plan_does_not_have_is_refused(fasta: Path, tmp_path: Path) -> None:
    done = _snakemake(tmp_path, proteins="in.fasta", atlas="atlas", plan={"modle": "x"})
    assert done.returncode != 0
    assert "no options of attlas plan: modle" in done.stdout + done.stderr


def test_a_switch_of_plan_is_passed_on_where_it_is_true(fasta: Path, tmp_path: Path) -> None:
    options = ("--dry-run", "--printshellcmds")
    done = _snakemake(tmp_path, *options, proteins="in.fasta", atlas="atlas", plan={"model": "m", "exact": True})
    assert done.returncode == 0, done.stderr
    assert "attlas plan in.fasta --out atlas --exact --model m" in done.stdout + done.stderr
