"""The workers of a computation: which are present, which were left out, and when waiting for others is useless."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from attlas.pipeline.workers import faults
from attlas.pipeline.workers.joining import WorkerReport
from attlas.pipeline.workers.runners import WorkersCounted
from attlas.schema import DeviceFault, EnvironmentFault
from attlas.schema.errors import describe_in_one_line


@dataclass(frozen=True)
class WorkerState:
    """What is known of a worker that is there."""

    n_threads: int
    report: WorkerReport | None = None
    """Its report when it joined; None while it is checked."""


class Roster:
    """The workers that come and go during a computation, by address. The roster sends them nothing.

    Args:
        n_workers: workers at most; 0: all that the scheduler has.
        scheduler: address of the Dask scheduler whose workers compute; None: they are started here.
    """

    def __init__(self, *, n_workers: int, scheduler: str | None) -> None:
        self.n_workers, self.scheduler = n_workers, scheduler
        self.present: dict[str, WorkerState] = {}
        self.left_out: dict[str, Exception] = {}
        self.sick: set[str] = set()
        """Workers whose devices failed: their results are not used."""

        self._n_at_start = n_workers if scheduler is None else 0
        self._n_ended_strangers = 0
        """Workers that ended while they were checked."""
        self._has_computing_worker = False
        """Whether a worker has passed its checks."""
        self._active_at = time.monotonic()
        """When a worker last had something to do."""
        self._first_came_at: float | None = None
        """When the first worker came; None before that."""

    # --- who comes and goes ---

    def find_gone(self, threads: Mapping[str, int]) -> list[str]:
        """Return the workers that have gone; `threads` has those that are still there."""
        return [worker for worker in self.present if worker not in threads]

    def add_new(self, threads: Mapping[str, int]) -> list[str]:
        """Add the workers that have come, as many as may compute, and return them; they are yet to be checked."""
        newcomers = [worker for worker in threads if worker not in self.present and worker not in self.left_out]
        if self.n_workers:
            newcomers = newcomers[: self.n_workers - len(self.present)]
        for worker in newcomers:
            self.present[worker] = WorkerState(threads[worker])

        self._n_at_start = self._n_at_start or len(self.present)
        if self.present and self._first_came_at is None:
            self._first_came_at = time.monotonic()
        return newcomers

    def accept(self, worker: str, report: WorkerReport) -> None:
        """Record that a worker has passed its checks."""
        self.present[worker] = replace(self.present[worker], report=report)
        self._has_computing_worker = True

    def leave_out(self, worker: str, error: Exception) -> None:
        """Record why a worker gets no more shards."""
        self.left_out[worker] = error
        if isinstance(error, DeviceFault):
            self.sick.add(worker)

    def note_activity(self) -> None:
        """Record that a worker has something to do, or may have soon."""
        self._active_at = time.monotonic()

    # --- counts and twins ---

    def count(self) -> WorkersCounted:
        """Return the event that says how many workers are there."""
        return WorkersCounted(len(self.present), sum(worker.n_threads for worker in self.present.values()))

    def count_expected(self) -> int:
        """Return how many workers must fail before no other worker is expected to do better."""
        n_expected = max(1, self._n_at_start - len(self.left_out))
        return max(n_expected, faults.N_TRIES) if self._are_others_about_to_join() else n_expected

    def find_twin(self, report: WorkerReport) -> str | None:
        """Return a worker of the scheduler on the same GPU, or None; workers that start here may share a GPU."""
        if report.gpu is None or self.scheduler is None:
            return None
        reports = {worker: state.report for worker, state in self.present.items() if state.report is not None}
        return next((worker for worker, present_report in reports.items() if present_report.gpu == report.gpu), None)

    def _are_others_about_to_join(self) -> bool:
        """Return whether the workers of a scheduler that have come may be only the first of them."""
        if self.scheduler is None:
            return False
        return self._first_came_at is None or time.monotonic() - self._first_came_at <= faults.PATIENCE_S

    # --- when to stop ---

    def count_end(self, worker: str) -> None:
        """Stop if workers end again and again while they are checked and none has passed; a cluster may restart them.

        Raises:
            EnvironmentFault: names the last of them.
        """
        state = self.present.get(worker)
        if state is None or state.report is not None:
            return
        self._n_ended_strangers += 1
        if self._are_others_about_to_join():
            return
        if not self._has_computing_worker and self._n_ended_strangers > faults.WORKER_DEATHS * max(1, self._n_at_start):
            raise EnvironmentFault(
                "Workers end while they are checked, before their first shard.",
                found=f"{self._n_ended_strangers} of them, {worker} the last",
                hint="see their logs: memory may be too small for the model, or attlas, dask or Python another version",
            )

    def refuse_if_none_is_left(self) -> None:
        """Stop if every worker that was started here was left out; one that ended for another reason may come back.

        A scheduler may get other workers: the build waits for them for PATIENCE_S, as if it had none.

        Raises:
            Fault: the only error that they had.
            EnvironmentFault: names the workers and their errors.
        """
        if self.scheduler is not None or self.present or len(self.left_out) < self._n_at_start:
            return
        errors = list(self.left_out.values())
        if not self.sick and (len(errors) == 1 or faults.have_one_cause(errors)):
            raise errors[0]  # the names of processes would tell nothing
        raise EnvironmentFault(
            "No worker is left that can compute this atlas; finished shards are kept.",
            found=f"{len(errors)} that failed:",
            offenders=[f"{worker}: {describe_in_one_line(error)}" for worker, error in sorted(self.left_out.items())],
            hint="see to what each of them lacks; the same command continues where this one stopped",
        )

    def refuse_to_wait_for_ever(self, *, suspects: Mapping[str, Exception], n_waiting: int) -> None:
        """Stop if no worker has had anything to do for PATIENCE_S.

        Args:
            suspects: workers that failed a shard which is not judged yet, with their errors.
            n_waiting: shards that no worker computes.

        Raises:
            EnvironmentFault: says how many workers there are, and what they lack.
        """
        if time.monotonic() - self._active_at <= faults.PATIENCE_S:
            return

        errors = {**self.left_out, **suspects}
        place = "this machine" if self.scheduler is None else f"the Dask scheduler {self.scheduler}"
        raise EnvironmentFault(
            f"There has been no worker of {place} for {faults.PATIENCE_S:g} s; finished shards are kept.",
            found=f"{len(self.present)} workers, {len(self.left_out)} that were left out, "
            f"and {n_waiting} shards that wait",
            offenders=[f"{worker}: {describe_in_one_line(error)}" for worker, error in sorted(errors.items())],
            hint=("see to what each of those lacks, or start others" if errors else "start workers")
            + ("" if self.scheduler is None else f" (dask worker {self.scheduler} --nthreads 1)")
            + "; the same command continues where this one stopped",
        )
