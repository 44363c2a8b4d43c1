"""Parts of a build are disjoint and whole, and the number of a job is read from one variable or refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attlas.pipeline.job_parts import JobPart, read_part
from attlas.pipeline.plan import Shard
from attlas.schema import InputError


def _shards(n: int) -> tuple[Shard, ...]:
    return tuple(Shard(i + 1, i, i + 1, n_residues=10, cost=1.0, predicted_bytes=1) for i in range(n))


@given(n_shards=st.integers(0, 200), n_parts=st.integers(1, 60))
def test_parts_are_disjoint_and_whole_and_differ_by_one_shard_at_most(n_shards: int, n_parts: int) -> None:
    shards = _shards(n_shards)
    parts = [JobPart(index, n_parts).select(shards) for index in range(n_parts)]
    assert sorted(shard.index for part in parts for shard in part) == [shard.index for shard in shards]
    sizes = {len(part) for part in parts}
    assert max(sizes) - min(sizes) <= 1


@given(n_shards=st.integers(1, 200), n_parts=st.integers(1, 20))
def test_shards_that_follow_one_another_go_to_different_parts(n_shards: int, n_parts: int) -> None:
    shards = _shards(n_shards)
    for index in range(n_parts):
        indices = [shard.index for shard in JobPart(index, n_parts).select(shards)]
        assert {b - a for a, b in pairwise(indices)} <= {n_parts}


@pytest.mark.parametrize(
    ("environment", "index"),
    [
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MIN": "3"}, 3),
        ({"JOB_COMPLETION_INDEX": "0"}, 0),
        ({"OMPI_COMM_WORLD_RANK": "5", "OMPI_COMM_WORLD_SIZE": "8", "PMI_RANK": "5", "PMI_SIZE": "8"}, 5),
        ({"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4"}, 2),
        # The script of each job of an array, and a process that `srun` starts in it, are rank 0 of 1.
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_PROCID": "0"}, 3),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "PMI_RANK": "0"}, 3),
        ({"SLURM_ARRAY_TASK_ID": "03", "JOB_COMPLETION_INDEX": "3"}, 3),
        ({"SLURM_ARRAY_TASK_ID": "", "JOB_COMPLETION_INDEX": "7"}, 7),
    ],
)
def test_the_number_of_a_job_is_read_from_its_cluster(environment: dict[str, str], index: int) -> None:
    assert read_part("auto/16", environment) == JobPart(index, 16)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "found no number of a job"),
        # Neither the script of a job without an array, nor a process alone, has a number.
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, "found no number of a job"),
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"}, "found no number of a job"),
        ({"SLURM_ARRAY_TASK_COUNT": "16", "SLURM_ARRAY_TASK_MIN": "0"}, "found no number of a job"),
        ({"SLURM_ARRAY_TASK_ID": "1", "JOB_COMPLETION_INDEX": "2"}, "SLURM_ARRAY_TASK_ID=1, JOB_COMPLETION_INDEX=2"),
        ({"SLURM_ARRAY_TASK_ID": "1", "SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4"}, "several numbers"),
        ({"SLURM_ARRAY_TASK_ID": "16"}, "part 16 of 16"),
        ({"JOB_COMPLETION_INDEX": "-1"}, "no whole number"),
        ({"JOB_COMPLETION_INDEX": "²"}, "no whole number"),
        ({"JOB_COMPLETION_INDEX": "9" * 5000}, "no whole number"),
    ],
)
def test_a_number_that_is_missing_or_ambiguous_or_too_large_is_refused(
    environment: dict[str, str], reason: str
) -> None:
    with pytest.raises(InputError, match="--part auto/") as error:
        read_part("auto/16", environment)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "3", "3/", "/16", "-1/16", "1.5/16", "0/16/2", "auto", "AUTO/16", "0/x", "²/16", "9" * 5000 + "/16"]
)
def test_a_text_that_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no part"):
        read_part(text, {"SLURM_ARRAY_TASK_ID": "0"})


@pytest.mark.parametrize("text", ["16/16", "1/1", "0/0"])
def test_a_part_beyond_the_number_of_parts_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="names part"):
        read_part(text, {})


def test_a_part_that_is_given_is_not_looked_up() -> None:
    assert read_part("2/4", {"SLURM_ARRAY_TASK_ID": "3"}) == JobPart(2, 4)
