"""The runner that computes shards on Dask workers, which may come, fail, end and go meanwhile (`faults`)."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

from attlas.pipeline.plan import Shard
from attlas.pipeline.workers import faults
from attlas.pipeline.workers.assignments import Assignments, Job, is_of_build
from attlas.pipeline.workers.cluster import open_cluster
from attlas.pipeline.workers.dask_client import DaskWorkers
from attlas.pipeline.workers.joining import WorkerNeeds, WorkerReport, describe_needs, join
from attlas.pipeline.workers.roster import Roster
from attlas.pipeline.workers.runners import (
    ENCODE,
    DivisibleTask,
    Event,
    ShardFinished,
    ShardGivenUp,
    ShardTakenApart,
    ShardTask,
    WorkerLeftOut,
)
from attlas.pipeline.workers.search import remove_searches
from attlas.pipeline.workers.worker_calls import compute_at_worker, has_ended, search_at_worker
from attlas.schema import AtlasPaths, BrokenAtlasError, DeviceFault, EnvironmentFault, Fault, Receipt
from attlas.schema.errors import first_line

LOOK_EVERY_S = 1.0
"""Seconds after which the runner looks at the workers again, if no task ends meanwhile."""


def run_dask(
    root: Path, shards: Sequence[Shard], *, n_workers: int, scheduler: str | None, device: str, task: ShardTask = ENCODE
) -> Generator[Event, None, None]:
    """Compute shards on Dask workers, the costliest first, and yield the events.

    Workers that come later get shards, too. With `scheduler`, `n_workers` workers of an existing cluster are used, or
    all if that is 0; they must have the model under the same path, and the atlas, unless it is in an object store.

    Raises:
        EnvironmentFault: the scheduler cannot be reached or goes away; no worker is left, or none comes in time.
        Fault: the faults that end a build, see `faults`.
    """
    largest = max(shards, key=lambda shard: shard.predicted_bytes)
    with (
        open_cluster(n_workers, scheduler=scheduler, device=device) as (client, n_threads),
        describe_needs(root, device=device, largest=largest, task=task) as needs,
        closing(DaskWorkers(client, is_own=scheduler is None)) as workers,
    ):
        roster = Roster(n_workers=n_workers, scheduler=scheduler)
        runner = _DaskRunner(workers, task, shards, needs, roster, n_threads=n_threads)

        paths = AtlasPaths(root)
        remove_searches(paths, shards)  # of a build that was killed
        try:
            yield from runner.run()
        finally:
            remove_searches(paths, shards)


class _DaskRunner:
    """The state of a computation: its workers, their tasks, and the shards."""

    def __init__(
        self,
        workers: DaskWorkers,
        task: ShardTask,
        shards: Sequence[Shard],
        needs: WorkerNeeds,
        roster: Roster,
        *,
        n_threads: int,
    ) -> None:
        self.workers, self.task, self.needs, self.roster = workers, task, needs, roster
        self.n_threads = n_threads
        self.paths = AtlasPaths(Path(needs.root))
        self.assignments = Assignments(shards, can_search=isinstance(task, DivisibleTask))
        self.jobs: dict[str, tuple[str, Job | None]] = {}
        """Worker and job of each task that was sent, by its key; no job for the check of a worker that joins."""

    def run(self) -> Iterator[Event]:
        """Yield the events until every shard is computed or given up."""
        while not self.assignments.is_finished:
            yield from self._look_at_workers()
            yield from self._send_jobs()
            if (ended := self.workers.wait(LOOK_EVERY_S)) is not None:
                self.roster.note_activity()
                yield from self._take_result(*ended)
            yield from self._judge()
            self._refuse_to_wait_for_ever()  # last, because a fault that all workers meet says more

    def _refuse_to_wait_for_ever(self) -> None:
        """Stop if no worker has had anything to do for PATIENCE_S. Raises EnvironmentFault."""
        if self.jobs or self.assignments.is_finished:
            self.roster.note_activity()
        self.roster.refuse_to_wait_for_ever(suspects=self.assignments.suspects, n_waiting=self.assignments.n_waiting)

    # --- workers that come and go ---

    def _look_at_workers(self) -> Iterator[Event]:
        """Notice the workers that have come and gone since the last look."""
        threads = self.workers.count_threads()
        gone = self.roster.find_gone(threads)
        for worker in gone:
            yield from self._lose(worker)

        new = self.roster.add_new(threads)
        for worker in new:
            key = self.workers.submit(worker, join, self.needs, self.task, self.n_threads, worker)
            self.jobs[key] = worker, None
        if new or gone:
            yield self.roster.count()

    def _lose(self, worker: str) -> Iterator[Event]:
        """Give the shards of a worker that has ended to others."""
        self.roster.count_end(worker)
        for job in self._drop(worker):
            yield from self._end(job)

    def _drop(self, worker: str) -> list[Job]:
        """Forget a worker and its tasks, and return the jobs that it had."""
        self.roster.present.pop(worker, None)
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
        if worker in self.roster.left_out:
            return
        self.roster.leave_out(worker, error)

        for job in self._drop(worker):
            if worker in self.roster.sick:  # it may have published, while its device failed
                self._remove_receipt(job)
            self.assignments.give_back(job)
        if self.roster.scheduler is None:
            self.workers.end_worker(worker)

        yield WorkerLeftOut(worker, error)
        yield self.roster.count()
        if not self.assignments.is_finished:
            self.roster.refuse_if_none_is_left()

    # --- jobs ---

    def _send_jobs(self) -> Iterator[Event]:
        """Send a job to every thread that has none."""
        for worker, state in self.roster.present.items():
            if state.report is None:
                continue
            while len(self.assignments.under_way[worker]) < state.n_threads:
                if (job := self.assignments.take(worker)) is None:
                    break
                self.jobs[self._submit(worker, state.report.process, job)] = worker, job
                if job.is_search:
                    yield ShardTakenApart(job.shard)
        if self.roster.scheduler is not None:
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
        """Handle the result of a task."""
        worker, job = self.jobs.pop(key)
        if job is None:
            yield from self._take_report(worker, result)
            return

        self.assignments.release(worker, job)
        if has_ended(result):
            yield from self._end(job)
            yield from self._lose(worker)  # the process that replaces it is checked first
        elif isinstance(result, Receipt):
            yield from self._finish(job, result, worker)
        elif isinstance(result, Exception):
            yield from self._fail(worker, job, result)
        else:
            self.assignments.end_search(job, cast(Mapping[int, str], result))

    def _take_report(self, worker: str, result: object) -> Iterator[Event]:
        """Let a worker that has passed its checks compute, and leave another one out."""
        if isinstance(result, WorkerReport) and result.fault is None:
            twin = self.roster.find_twin(result)
            if twin is None:
                self.roster.accept(worker, result)
                self.assignments.under_way[worker] = []
                return

            error: Exception = EnvironmentFault(
                f"It uses the same GPU as {twin}, which computes already.",
                found=result.gpu,
                hint="start one worker for each GPU, with several threads: dask cuda worker ADDRESS --nthreads 3",
            )
        elif isinstance(result, WorkerReport):
            error = cast(Exception, result.fault)

        elif has_ended(result):
            yield from self._lose(worker)
            return
        else:
            error = EnvironmentFault(
                "It cannot run this version of attlas.",
                found=first_line(cast(Exception, result)),
                hint="install the same versions of Python, attlas, dask and distributed there",
            )
        yield from self._leave_out(worker, error)

    def _finish(self, job: Job, receipt: Receipt, worker: str | None = None) -> Iterator[Event]:
        """Take a shard for computed; the workers that had failed it are to blame, as another one has not.

        Args:
            job: the shard.
            receipt: what its worker says of it.
            worker: who computed it; None if that worker ended meanwhile.
        """
        blamed = self.assignments.finish(job, worker)
        yield ShardFinished(job.shard, receipt)
        for worker, error in blamed.items():
            if worker in self.roster.present:
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
        n_expected, present = self.roster.count_expected(), self.roster.present
        suspects = self.assignments.suspects
        all_failed = bool(present) and suspects.keys() >= present.keys() and len(suspects) >= n_expected
        if all_failed and faults.have_one_cause(list(suspects.values())):
            raise next(iter(suspects.values()))

        for job, errors in self.assignments.judge(present, n_expected=n_expected):
            if not job.is_search and is_of_build(errors):
                raise errors[0]
            self.assignments.give_up(job)
            self.roster.note_activity()  # its workers may have others now
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
        if not self.roster.sick:
            try:
                return Receipt.read(path)
            except BrokenAtlasError:
                pass
        self._remove_receipt(job)
        return None
