"""Compute a planned atlas by Dask workers that are jobs of SLURM: `python dask_jobs.py DIR --jobs 16`, then seal it.

Each job is one worker; this process, on a login node, hands out the shards. It needs `dask-jobqueue`.
"""

import argparse
import shutil
import subprocess
import sys

from dask_jobqueue import SLURMCluster
from distributed import Client

GPU_THREADS = 3
"""Threads of a worker that has a GPU: the tables of a shard are written while the next one is computed."""


def start_workers(options: argparse.Namespace) -> SLURMCluster:
    """Submit the jobs; each that starts joins as a worker."""
    return SLURMCluster(
        n_workers=options.jobs,
        processes=1,
        cores=GPU_THREADS if options.gpu else 1,
        memory=options.memory,
        walltime=options.time,
        interface=options.interface,
        python=sys.executable,
        job_extra_directives=["--requeue", *(["--gres=gpu:1"] if options.gpu else [])],
        log_directory="attlas-workers",
    )


def main() -> int:
    """Start the workers, let them encode, end them; return the exit code of `attlas encode`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", help="directory of the plan, seen by all nodes under this path")
    parser.add_argument("--jobs", type=int, default=4, help="number of jobs")
    parser.add_argument("--gpu", action="store_true", help="give each job a GPU")
    parser.add_argument("--memory", default="16GB", help="memory of a job")
    parser.add_argument("--time", default="24:00:00", help="time limit of a job")
    parser.add_argument("--interface", help="network of the nodes, such as ib0")
    options = parser.parse_args()

    attlas = shutil.which("attlas")
    if attlas is None:
        parser.error("the command attlas is not on the path: activate the environment that has it")

    with start_workers(options) as cluster, Client(cluster) as client:
        client.wait_for_workers(1)  # a queue may take hours; attlas waits two minutes
        command = [attlas, "encode", options.directory, "--scheduler", cluster.scheduler_address]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
