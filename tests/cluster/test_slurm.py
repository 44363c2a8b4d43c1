"""The examples for SLURM run on a real SLURM and give the bytes of a build without it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.building import assert_whole, command, digests, receipts, wait_for
from helpers.slurm import N_CPUS, Slurm

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
N_PARTS = 3


@pytest.fixture
def plan(jobs_folder: Path, weights: Path) -> Path:
    """Return a plan of the example proteins, where jobs see it."""
    options = ("--model", weights, "--device", "cpu")
    subprocess.run(
        command("plan", ROOT / "examples/proteins.fasta", "--out", jobs_folder / "atlas", *options), check=True
    )
    return jobs_folder / "atlas"


def _submit(slurm: Slurm, folder: Path, script: str, *options: str) -> tuple[str, str]:
    """Submit the jobs of a plan; return the numbers of the array and of the job that seals."""
    printed = slurm.run("slurm/submit.sh", "atlas", N_PARTS, script, *options, cwd=folder)
    array, seal = re.findall(r"job (\d+)", printed)
    return array, seal


def test_an_array_and_a_dependent_seal_write_the_bytes_of_a_build_without_slurm(
    slurm: Slurm, jobs_folder: Path, plan: Path, reference: Path
) -> None:
    # An array of one job alone, as when it is submitted again: SLURM then counts one job, from its number.
    only = slurm.run("sbatch", "--parsable", "--array=1", "slurm/encode.sbatch", "atlas", N_PARTS, cwd=jobs_folder)
    slurm.wait_for(f"{only.strip()}_1", "COMPLETED")
    n_computed = len(receipts(plan))
    assert 0 < n_computed < len(receipts(reference))

    array, seal = _submit(slurm, jobs_folder, "encode.sbatch")
    assert slurm.details(seal)["Dependency"].startswith(f"afterok:{array}_*")
    slurm.wait_for(seal, "COMPLETED")
    assert "0 shards computed" in (jobs_folder / f"attlas-encode-{array}_1.log").read_text()
    assert_whole(plan)
    assert digests(plan) == digests(reference)


def test_a_job_whose_time_is_nearly_up_goes_back_into_the_queue_and_the_seal_waits_for_it(
    slurm: Slurm, jobs_folder: Path, plan: Path, reference: Path
) -> None:
    array, seal = _submit(slurm, jobs_folder, "encode_gpu.sbatch", "--gres=none")  # the node has no GPU
    wait_for(lambda: receipts(plan), what="the first shard")
    slurm.send_term(f"{array}_0")
    wait_for(lambda: slurm.details(f"{array}_0")["JobState"] == "PENDING", what="the way back into the queue")
    slurm.run("scontrol", "update", f"JobId={array}_0", "StartTime=now")  # not in two minutes
    slurm.wait_for(seal, "COMPLETED")
    assert slurm.details(f"{array}_0")["Restarts"] == "1"
    assert_whole(plan)
    assert digests(plan) == digests(reference)


def test_processes_that_srun_starts_compute_a_part_each_at_once(
    slurm: Slurm, jobs_folder: Path, plan: Path, reference: Path
) -> None:
    step = f"srun --label attlas encode atlas --part auto/{N_CPUS} --workers 0"
    options = ("--ntasks", N_CPUS, "--output", "ranks.log", "--wrap", step)
    job = slurm.run("sbatch", "--parsable", *options, cwd=jobs_folder).strip()
    slurm.wait_for(job, "COMPLETED")
    printed = (jobs_folder / "ranks.log").read_text()
    computed = dict(re.findall(r"^(\d): atlas: (\d+) shards? computed", printed, re.MULTILINE))
    assert sorted(computed) == [str(rank) for rank in range(N_CPUS)], printed
    assert sum(map(int, computed.values())) == len(receipts(reference))
    subprocess.run(command("seal", plan), check=True)
    assert digests(plan) == digests(reference)


def test_a_seal_whose_parts_failed_is_not_left_in_the_queue(slurm: Slurm, jobs_folder: Path) -> None:
    array, seal = _submit(slurm, jobs_folder, "encode.sbatch")  # there is no plan
    wait_for(lambda: slurm.states()[seal] == "CANCELLED", what="the seal")
    assert slurm.states()[f"{array}_0"] == "FAILED"
    assert "holds no plan" in (jobs_folder / f"attlas-encode-{array}_0.log").read_text()


def test_dask_workers_that_are_jobs_write_the_same_bytes(
    slurm: Slurm, jobs_folder: Path, plan: Path, reference: Path
) -> None:
    options = ("--jobs", "2", "--memory", "4GB", "--interface", "lo")
    result = subprocess.run(
        [sys.executable, jobs_folder / "slurm" / "dask_jobs.py", plan, *options],
        cwd=jobs_folder,
        env=slurm.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(list((jobs_folder / "attlas-workers").iterdir())) > 0
    subprocess.run(command("seal", plan), check=True)
    assert_whole(plan)
    assert digests(plan) == digests(reference)
