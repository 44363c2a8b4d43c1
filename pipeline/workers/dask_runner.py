"""The runner that computes shards on Dask workers, which come, fail, end and go while it does (`faults`)."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from attlas.pipeline.plan import Shard
from attlas.pipeline.workers import faults
from attlas.pipeline.workers.assignments import Assignments, Job, is_of_build
from attlas.pipeline.workers.cluster import open_cluster
from attlas.pipeline.workers.dask_client import DaskWorkers, WorkerEnded
from attlas.pipeline.workers.deadly import remove_searches
from attlas.pipeline.workers.joining import WorkerNeeds, WorkerReport, describe_needs, join, name_process
from attlas.pipeline.workers.runners import (
    ENCODE,
    DivisibleTask,
    Event,
    ShardFinished,
    ShardGivenUp,
    ShardTakenApart,
    Task,
    WorkerLeftOut,
    WorkersCounted,
)
from attlas.schema import AtlasPaths, BrokenAtlasError, DeviceFault, EnvironmentFault, Fault, Receipt
from attlas.schema.errors import describe_in_one_line, first_line

LOOK_EVERY_S = 1.0
"""Seconds after which the workers are looked at anew, where no task ends meanwhile."""


@dataclass(frozen=True)
class Worker:
    """A worker that is there."""

    n_threads: int
    report: WorkerReport | None = None
    """What it said when it joined; None as long as it is checked."""


def run_dask(
    root: Path, shards: Sequence[Shard], *, n_workers: int, scheduler: str | None, device: str, task: Task = ENCODE
) -> Generator[Event, None, None]:
    """Compute shards on Dask workers, the costliest first, and yield the events.

    Workers that come later get shards, too. With `scheduler` an existing cluster is used, `n_workers` of it, or all of
    it where that is 0; its workers must have the model under the same path, and the atlas, where it is no object store.

    Raises:
        EnvironmentFault: the scheduler cannot be reached or goes away; or no worker is left, or comes in time.
        Fault: as `faults` says of those that end the build.
    """
    largest = max(shards, key=lambda shard: shard.predicted_bytes)
    with (
        open_cluster(n_workers, scheduler=scheduler, device=device) as (client, n_threads),
        describe_needs(root, device=device, largest=largest, task=task) as needs,
        closing(DaskWorkers(client, is_own=scheduler is None)) as workers,
    ):
        runner = _DaskRunner(
            workers, task, shards, needs, n_threads=n_threads, n_workers=n_workers, scheduler=scheduler
        )

        paths = AtlasPaths(root)
        remove_searches(paths, shards)  # of a build that was killed
        try:
            yield from runner.run()
        finally:
            remove_searches(paths, shards)


class _DaskRunner:
    """The state of a computation: the workers that are there, and their tasks."""

    def __init__(
        self,
        workers: DaskWorkers,
        task: Task,
        shards: Sequence[Shard],
        needs: WorkerNeeds,
        *,
        n_threads: int,
        n_workers: int,
        scheduler: str | None,
    ) -> None:
        self.workers, self.task, self.needs = workers, task, needs
        self.n_threads, self.n_workers, self.scheduler = n_threads, n_workers, scheduler
        self.paths = AtlasPaths(Path(needs.root))
        self.assignments = Assignments(shards, can_search=isinstance(task, DivisibleTask))
        self.present: dict[str, Worker] = {}
        self.left_out: dict[str, Exception] = {}
        self.sick: set[str] = set()
        """Workers whose devices failed: what they report is not believed."""

        self.jobs: dict[str, tuple[str, Job | None]] = {}
        """Worker and job of each task that was sent, by its key; no job for the check of a worker that joins."""

        self.n_at_start = n_workers if scheduler is None else 0
        self.n_ended_strangers = 0
        """Workers that ended while they were checked."""

        self.has_computing_worker = False
        """Whether a worker has passed its checks."""
        self.active_at = time.monotonic()
        """When a worker last had something to do."""
        self.first_came_at: float | None = None
        """When the first worker came; None as long as there was none."""

    def run(self) -> Iterator[Event]:
        """Yield the events until every shard is computed or given up."""
        while not self.assignments.is_finished:
            yield from self._look_at_workers()
            yield from self._send_jobs()
            if (ended := self.workers.wait(LOOK_EVERY_S)) is not None:
                self.active_at = time.monotonic()
                yield from self._take_result(*ended)
            yield from self._judge()
            self._refuse_to_wait_for_ever()  # at last, as it tells less than a fault that all workers meet

    # --- workers that come and go ---

    def _look_at_workers(self) -> Iterator[Event]:
        """Notice the workers that have come and gone since the last look."""
        threads = self.workers.count_threads()
        gone = [worker for worker in self.present if worker not in threads]
        for worker in gone:
            yield from self._lose(worker)

        new = [worker for worker in threads if worker not in self.present and worker not in self.left_out]
        if self.n_workers:
            new = new[: self.n_workers - len(self.present)]
        for worker in new:
            self.present[worker] = Worker(threads[worker])
            key = self.workers.submit(worker, join, self.needs, self.task, self.n_threads, worker)
            self.jobs[key] = worker, None

        self.n_at_start = self.n_at_start or len(self.present)
        if self.present and self.first_came_at is None:
            self.first_came_at = time.monotonic()
        if new or gone:
            yield self._count()

    def _are_others_about_to_join(self) -> bool:
        """Return whether the workers of a scheduler that have come may be only the first of them."""
        if self.scheduler is None:
            return False
        return self.first_came_at is None or time.monotonic() - self.first_came_at <= faults.PATIENCE_S

    def _count(self) -> WorkersCounted:
        return WorkersCounted(len(self.present), sum(worker.n_threads for worker in self.present.values()))

    def _lose(self, worker: str) -> Iterator[Event]:
        """Let others have the shards of a worker that has ended."""
        self._count_end_of_stranger(worker)
        for job in self._drop(worker):
            yield from self._end(job)

    def _count_end_of_stranger(self, worker: str) -> None:
        """Stop if workers end again and again while they are checked, and none has passed: they may be restarted.

        Raises:
            EnvironmentFault: names the last of them.
        """
        state = self.present.get(worker)
        if state is None or state.report is not None:
            return
        self.n_ended_strangers += 1
        if self._are_others_about_to_join():
            return
        if not self.has_computing_worker and self.n_ended_strangers > faults.WORKER_DEATHS * max(1, self.n_at_start):
            raise EnvironmentFault(
                "Workers end while they are checked, before their first shard.",
                found=f"{self.n_ended_strangers} of them, {worker} the last",
                hint="see their logs: memory may be too small for the model, or attlas, dask or Python another version",
            )

    def _drop(self, worker: str) -> list[Job]:
        """Forget a worker and its tasks, and return the jobs that it had."""
        self.present.pop(worker, None)
        self.assignments.under_way.pop(worker, None)
        keys = [key for key, (owner, _) in self.jobs.items() if owner == worker]
        self.workers.forget(keys)
        return [job for key in keys if (job := self.jobs.pop(key)[1]) is not None]

    def _end(self, job: Job) -> Iterator[Event]:
        """Notice that a worker ended during a job, perhaps after it had published the shard."""
        if not job.is_search and (receipt := self._read_receipt(job)) is not None:
            yield from self._finish(job, receipt)
            return
        if (error := self.assignments.end(job)) is not None:
            self.assignments.give_up(job)
            yield ShardGivenUp(job.shard, error)

    def _leave_out(self, worker: str, error: Exception) -> Iterator[Event]:
        """Give no more shards to a worker, and end it if it was started here."""
        if worker in self.left_out:
            return
        self.left_out[worker] = error
        if isinstance(error, DeviceFault):
            self.sick.add(worker)

        for job in self._drop(worker):
            if worker in self.sick:  # it may have published, while its device failed
                self._remove_receipt(job)
            self.assignments.give_back(job)
        if self.scheduler is None:
            self.workers.end_worker(worker)

        yield WorkerLeftOut(worker, error)
        yield self._count()
        self._refuse_if_none_is_left()

    def _refuse_if_none_is_left(self) -> None:
        """Stop if every worker that was started here was left out; one that ended for another reason may come back.

        A scheduler may get other workers: they are waited for as long as where there is none.

        Raises:
            Fault: the only error that they had.
            EnvironmentFault: names the workers and their errors.
        """
        if self.scheduler is not None or self.present or self.assignments.is_finished:
            return
        if len(self.left_out) < self.n_at_start:
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

    def _refuse_to_wait_for_ever(self) -> None:
        """Stop if no worker has had anything to do for PATIENCE_S. Raises EnvironmentFault."""
        now = time.monotonic()
        if self.jobs or self.assignments.is_finished:
            self.active_at = now
        if now - self.active_at <= faults.PATIENCE_S:
            return

        suspects = {**self.left_out, **self.assignments.suspects}
        where = "this machine" if self.scheduler is None else f"the Dask scheduler {self.scheduler}"
        raise EnvironmentFault(
            f"There has been no worker of {where} for {faults.PATIENCE_S:g} s; finished shards are kept.",
            found=f"{len(self.present)} workers, {len(self.left_out)} that were left out, "
            f"and {self.assignments.n_waiting} shards that wait",
            offenders=[f"{worker}: {describe_in_one_line(error)}" for worker, error in sorted(suspects.items())],
            hint=("see to what each of those lacks, or start others" if suspects else "start workers")
            + ("" if self.scheduler is None else f" (dask worker {self.scheduler} --nthreads 1)")
            + "; the same command continues where this one stopped",
        )

    # --- jobs ---

    def _send_jobs(self) -> Iterator[Event]:
        """Send a job to every thread that has none."""
        for worker, state in self.present.items():
            if state.report is None:
                continue
            while len(self.assignments.under_way[worker]) < state.n_threads:
                if (job := self.assignments.take(worker)) is None:
                    break
                self.jobs[self._submit(worker, state.report.process, job)] = worker, job
                if job.is_search:
                    yield ShardTakenApart(job.shard)
        if self.scheduler is not None:
            self.workers.show_waiting(self.assignments.n_waiting)

    def _submit(self, worker: str, process: str, job: Job) -> str:
        index, root = job.shard.index, self.needs.root
        failed = self.assignments.failed_sequences.get(index, {})
        if job.is_search:
            earlier = frozenset(failed)
            return self.workers.submit(
                worker, search_at_worker, self.task, root, index, self.n_threads, earlier, process
            )
        task = self.task.without(failed) if isinstance(self.task, DivisibleTask) and failed else self.task
        return self.workers.submit(worker, compute_at_worker, task, root, index, self.n_threads, process)

    def _take_result(self, key: str, result: object) -> Iterator[Event]:
        """Take what came back of a task."""
        worker, job = self.jobs.pop(key)
        if job is None:
            yield from self._take_report(worker, result)
            return

        self.assignments.release(worker, job)
        if _has_ended(result):
            yield from self._end(job)
            yield from self._lose(worker)  # the process that came in its place is checked anew
        elif isinstance(result, Receipt):
            yield from self._finish(job, result)
        elif isinstance(result, Exception):
            yield from self._fail(worker, job, result)
        else:
            self.assignments.end_search(job, cast(Mapping[int, str], result))

    def _take_report(self, worker: str, result: object) -> Iterator[Event]:
        """Let a worker that has passed its checks compute, and leave another one out."""
        if isinstance(result, WorkerReport) and result.fault is None:
            twin = self._find_twin(result)
            if twin is None:
                self.present[worker] = replace(self.present[worker], report=result)
                self.assignments.under_way[worker] = []
                self.has_computing_worker = True
                return

            error: Exception = EnvironmentFault(
                f"It uses the same GPU as {twin}, which computes already.",
                found=result.gpu,
                hint="start one worker for each GPU, with several threads: dask cuda worker ADDRESS --nthreads 3",
            )
        elif isinstance(result, WorkerReport):
            error = cast(Exception, result.fault)

        elif _has_ended(result):
            yield from self._lose(worker)
            return
        else:
            error = EnvironmentFault(
                "It cannot run this version of attlas.",
                found=first_line(cast(Exception, result)),
                hint="install the same versions of Python, attlas, dask and distributed there",
            )
        yield from self._leave_out(worker, error)

    def _find_twin(self, report: WorkerReport) -> str | None:
        """Return a worker of the scheduler on the same GPU; workers that start here may be told to share one."""
        if report.gpu is None or self.scheduler is None:
            return None
        reports = {worker: state.report for worker, state in self.present.items() if state.report is not None}
        return next((worker for worker, other in reports.items() if other.gpu == report.gpu), None)

    def _finish(self, job: Job, receipt: Receipt) -> Iterator[Event]:
        """Take a shard for computed; the workers that had failed it are to blame, as another one has not."""
        blamed = self.assignments.finish(job)
        yield ShardFinished(job.shard, receipt)
        for worker, error in blamed.items():
            if worker in self.present:
                yield from self._leave_out(worker, error)

    def _fail(self, worker: str, job: Job, error: Exception) -> Iterator[Event]:
        """Let another worker try a shard that one has failed."""
        if job.is_search and not isinstance(error, Fault):
            self.assignments.give_up(job)
            yield ShardGivenUp(job.shard, error)
            return

        # A worker that cannot search is not left out: if its device is broken, its next shard shows it.
        self.assignments.fail(worker, job, error)
        if job.is_search or not isinstance(error, DeviceFault):
            return

        # An earlier receipt of this shard may be that of a worker whose device failed.
        self._remove_receipt(job)
        yield from self._leave_out(worker, error)
        if self.assignments.is_hopeless(job):
            self.assignments.give_up(job)
            yield ShardGivenUp(job.shard, error)

    def _judge(self) -> Iterator[Event]:
        """Give up the shards that are to blame themselves.

        Raises:
            Fault: the build is to blame.
        """
        n_expected = max(1, self.n_at_start - len(self.left_out))
        if self._are_others_about_to_join():
            n_expected = max(n_expected, faults.N_TRIES)
        suspects = self.assignments.suspects
        all_failed = bool(self.present) and suspects.keys() >= self.present.keys() and len(suspects) >= n_expected
        if all_failed and faults.have_one_cause(list(suspects.values())):
            raise next(iter(suspects.values()))

        for job, errors in self.assignments.judge(self.present, n_expected=n_expected):
            if not job.is_search and is_of_build(errors):
                raise errors[0]
            self.assignments.give_up(job)
            self.active_at = time.monotonic()  # its workers may have others now
            yield ShardGivenUp(job.shard, errors[0])

    def _remove_receipt(self, job: Job) -> None:
        self.task.receipt(self.paths, job.shard.index).unlink(missing_ok=True)

    def _read_receipt(self, job: Job) -> Receipt | None:
        """Return the receipt that a worker left before it ended.

        It does not count if the device of a worker has failed meanwhile, as nobody knows whose receipt it is. A receipt
        that does not count is removed, or the next run would take the shard for finished.
        """
        path = self.task.receipt(self.paths, job.shard.index)
        if not path.is_file():
            return None
        if not self.sick:
            try:
                return Receipt.read(path)
            except BrokenAtlasError:
                pass
        self._remove_receipt(job)
        return None


def compute_at_worker(task: Task, root: str, index: int, n_threads: int, process: str) -> Receipt | WorkerEnded:
    """Compute a shard in a Dask worker, if it is still the process that was checked."""
    return task(root, index, n_threads) if name_process() == process else WorkerEnded()


def search_at_worker(
    task: DivisibleTask, root: str, index: int, n_threads: int, earlier: frozenset[int], process: str
) -> Mapping[int, str] | WorkerEnded:
    """Look in a Dask worker for the sequences of a shard that end the process which computes them."""
    if name_process() != process:
        return WorkerEnded()
    return task.find_deadly_sequences(root, index, n_threads, earlier)


def _has_ended(result: object) -> bool:
    """Return whether what came back of a task says that its worker has ended."""
    from distributed import KilledWorker
    from distributed.scheduler import NoValidWorkerError

    return isinstance(result, (KilledWorker, NoValidWorkerError, WorkerEnded))
