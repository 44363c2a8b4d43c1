"""The part of a build that one job of many computes: `3/16` is the fourth of sixteen, with every sixteenth shard."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attlas.pipeline.plan import Shard
from attlas.schema import InputError

AUTO = "auto"
"""Stands for the number of the job, which is then read from the environment."""

JOB_VARIABLES = ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX")
"""Variables that hold the number of a job: of a SLURM array, of an indexed Job of Kubernetes.

Those that hold the number of jobs are not used: of an array that is submitted again in part, SLURM counts these jobs.
"""

RANK_VARIABLES = {
    "OMPI_COMM_WORLD_RANK": "OMPI_COMM_WORLD_SIZE",
    "PMI_RANK": "PMI_SIZE",
    "SLURM_PROCID": "SLURM_STEP_NUM_TASKS",
}
"""Variables that hold the rank of a process, and the number of processes.

A process that is alone has rank 0, which says nothing: each job of a SLURM array is rank 0 of 1.
"""


@dataclass(frozen=True)
class JobPart:
    """One of the disjoint parts of a build, which together are the whole."""

    index: int
    """Number of the part, from 0."""

    n_parts: int
    """Number of parts, 1 or more."""

    def select(self, shards: Sequence[Shard]) -> Sequence[Shard]:
        """Return every `n_parts`-th of a plan's shards; as they are in order of length, each part has long ones."""
        return shards[self.index :: self.n_parts]


def read_part(text: str, environment: Mapping[str, str]) -> JobPart:
    """Read a part from `I/N`, or from `auto/N` and the variables of a cluster.

    Args:
        text: `I/N`, I from 0 to N - 1, or `auto/N`.
        environment: variables of the process by name.

    Raises:
        InputError: the text is no part, the part is not below N, or variables are missing or disagree.
    """
    match = re.fullmatch(rf"(\d{{1,9}}|{AUTO})/(\d{{1,9}})", text, re.ASCII)
    if match is None:
        raise InputError(
            f"--part {text} is no part.", expected=f"I/N, such as 0/16, or {AUTO}/N, such as {AUTO}/16", found=text
        )

    n_parts = int(match[2])
    index = read_job_number(environment) if match[1] == AUTO else int(match[1])
    if index >= n_parts:
        raise InputError(
            f"--part {text} names part {index} of {n_parts}.",
            expected=f"0 to {n_parts - 1}: parts are counted from 0" if n_parts else "1 part or more",
            found=str(index),
            hint="number the jobs from 0, as `sbatch --array=0-15` does for 16 parts",
        )
    return JobPart(index, n_parts)


def read_job_number(environment: Mapping[str, str]) -> int:
    """Return the number of this job, from 0, as the variables of a cluster say it.

    Raises:
        InputError: no variable says it, two disagree, or one holds no number.
    """
    variables = [name for name in JOB_VARIABLES if environment.get(name)]
    variables += [
        rank for rank, size in RANK_VARIABLES.items() if environment.get(rank) and environment.get(size, "1") != "1"
    ]
    values = {name: environment[name] for name in variables}
    if not values:
        raise InputError(
            f"--part {AUTO}/N found no number of a job.",
            expected=f"one of {', '.join((*JOB_VARIABLES, *RANK_VARIABLES))}; ranks count among several processes only",
            found="none of them",
            hint="give the part itself: --part 0/16",
        )

    assignments = ", ".join(f"{name}={value}" for name, value in values.items())
    if not all(re.fullmatch(r"\d{1,9}", value, re.ASCII) for value in values.values()):
        expected = "a number from 0, of nine digits at most"
        raise InputError(f"--part {AUTO}/N found no whole number.", expected=expected, found=assignments)
    if len({int(value) for value in values.values()}) > 1:
        raise InputError(
            f"--part {AUTO}/N found several numbers of this job.",
            expected="one number, or the same in all",
            found=assignments,
            hint="give the part itself: --part 0/16",
        )
    return int(next(iter(values.values())))
