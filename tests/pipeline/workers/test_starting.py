"""Workers that are killed while they start: tried again, and a plain error where they never start."""

import pytest

from attlas.pipeline.workers.cluster import STARTS, _start_workers
from attlas.schema import EnvironmentFault


def test_workers_that_are_killed_while_they_start_are_started_again() -> None:
    failures = iter([RuntimeError("Nanny failed to start."), RuntimeError("Nanny failed to start.")])

    def start() -> str:
        if failure := next(failures, None):
            raise failure
        return "cluster"

    assert _start_workers(start) == "cluster"


def test_workers_that_never_start_are_an_error_with_the_cause() -> None:
    n_starts = 0

    def start() -> str:
        nonlocal n_starts
        n_starts += 1
        raise RuntimeError("Nanny failed to start.") from OSError("no more processes")

    with pytest.raises(EnvironmentFault, match=r"do not start\.\n  found:    OSError: no more processes"):
        _start_workers(start)
    assert n_starts == STARTS
