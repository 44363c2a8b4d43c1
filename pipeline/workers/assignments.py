"""Which worker computes which shard, and which failures are not judged yet. Sends nothing and opens no file."""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from attlas.pipeline.plan import Shard
from attlas.pipeline.workers.faults import DEATHS_BEFORE_SEARCH, MOST_SEARCHES, N_TRIES, WORKER_DEATHS
from attlas.schema import DeviceFault, Fault


@dataclass(frozen=True)
class Job:
    """What a worker has to do with a shard."""

    shard: Shard
    is_search: bool = False
    """Whether the worker looks for the sequences that end its process, instead of computing the shard."""


class Assignments:
    """The shards that wait, those under way by worker, and the failures that are not judged yet.

    Args:
        shards: the shards to compute; the costliest come first, so that none is left to be computed alone at the end.
        can_search: whether a shard that ends its workers may be taken apart.
    """

    def __init__(self, shards: Sequence[Shard], *, can_search: bool) -> None:
        self.can_search = can_search
        self.under_way: dict[str, list[Job]] = {}
        """The jobs of each worker that has passed its checks."""
        self.failed_sequences: dict[int, Mapping[int, str]] = {}
        """The sequences of a shard, by its index, that end their process, with the reason of each."""

        self._fresh = deque(sorted(shards, key=lambda shard: -shard.cost))
        self._returned: deque[Job] = deque()
        self._failures: dict[int, dict[str, Exception]] = defaultdict(dict)
        self._search_failures: dict[int, dict[str, Exception]] = defaultdict(dict)
        self._device_failures: dict[int, set[str]] = defaultdict(set)
        self._deaths: Counter[int] = Counter()
        self._deaths_since_search: Counter[int] = Counter()
        self._searches: Counter[int] = Counter()
        self._proven_workers: set[str] = set()
        """Those that have computed a shard."""
        self._n_unfinished = len(shards)

    @property
    def is_finished(self) -> bool:
        """Return whether every shard is computed or given up."""
        return self._n_unfinished == 0

    @property
    def n_waiting(self) -> int:
        """Return the number of shards that no worker computes."""
        return len(self._fresh) + len(self._returned)

    @property
    def suspects(self) -> dict[str, Exception]:
        """Return the workers that failed a shard which is not judged yet, with their errors."""
        return {worker: error for failures in self._failures.values() for worker, error in failures.items()}

    def take(self, worker: str) -> Job | None:
        """Return the next job of a worker; None where there is none for it.

        A shard that another worker failed comes first, to find out soon whether the worker or the shard is to blame. It
        goes to a worker of another host where there is one: a full disk, for one, fails all workers of its host.
        """
        for job in self._returned:
            failures = self._failures_of(job)
            if worker not in failures and not self._has_better_host(worker, failures):
                self._returned.remove(job)
                self.under_way[worker].append(job)
                return job

        if not self._fresh or worker in self.suspects:
            return None
        job = Job(self._fresh.popleft())
        self.under_way[worker].append(job)
        return job

    def _has_better_host(self, worker: str, failures: Collection[str]) -> bool:
        """Return whether the host of a worker is among those of failures, while a worker of another host is there."""
        failed_hosts = {find_host(other) for other in failures}
        return find_host(worker) in failed_hosts and any(
            find_host(other) not in failed_hosts for other in self.under_way
        )

    def release(self, worker: str, job: Job) -> None:
        """Record that a worker no longer has a job."""
        if worker in self.under_way:
            self.under_way[worker].remove(job)

    def finish(self, job: Job, worker: str | None = None) -> dict[str, Exception]:
        """Record that a shard is computed, and return the workers that had failed it, with their errors.

        Args:
            job: the shard.
            worker: who computed it; None if that worker ended meanwhile.
        """
        if worker is not None:
            self._proven_workers.add(worker)
        self._n_unfinished -= 1
        return self._failures.pop(job.shard.index, {})

    def give_up(self, job: Job) -> None:
        """Record that a shard is not computed; the workers that failed it are no longer suspected."""
        if job in self._returned:
            self._returned.remove(job)
        self._failures.pop(job.shard.index, None)
        self._search_failures.pop(job.shard.index, None)
        self._n_unfinished -= 1

    def give_back(self, job: Job) -> None:
        """Let a shard wait for another worker; no worker is to blame."""
        self._returned.appendleft(job)

    def fail(self, worker: str, job: Job, error: Exception) -> None:
        """Record that a worker failed a shard, which waits for another one.

        A worker that failed a search is not suspected: it can compute shards, even without memory for a second process.
        """
        if job.is_search:
            self._search_failures[job.shard.index][worker] = error
        elif isinstance(error, DeviceFault):
            self._device_failures[job.shard.index].add(worker)
        else:
            self._failures[job.shard.index][worker] = error
        self._returned.appendleft(job)

    def is_hopeless(self, job: Job) -> bool:
        """Return whether so many devices failed at a shard that the shard is more likely to blame than the devices."""
        return len(self._device_failures[job.shard.index]) > WORKER_DEATHS

    def judge(self, workers: Collection[str], *, n_expected: int) -> list[tuple[Job, list[Exception]]]:
        """Return the shards that enough workers failed, or all there are, each with its errors in order.

        Args:
            workers: the workers that compute, and those that are about to.
            n_expected: workers that there should be; a worker that ended may be about to come back.
        """
        judged = []
        for job in self._returned:
            failures = self._failures_of(job)
            # For a search, there is no need to wait for a worker that may come back.
            is_enough = bool(workers) if job.is_search else len(failures) >= n_expected
            all_failed = failures.keys() >= set(workers) and is_enough
            if failures and (all_failed or self._are_enough(job, workers)):
                judged.append((job, list(failures.values())))
        return judged

    def _are_enough(self, job: Job, workers: Collection[str]) -> bool:
        """Return whether so many workers failed a job that they are not to blame.

        They are N_TRIES, of as many hosts or of all there are, and one of them has computed another shard: failures of
        one host tell of the host, and those of workers that never computed anything tell of them.
        """
        failures = self._failures_of(job)
        if job.is_search or len(failures) < N_TRIES:
            return len(failures) >= N_TRIES

        failed_hosts = {find_host(worker) for worker in failures}
        untried_hosts = {find_host(worker) for worker in workers} - failed_hosts
        has_proven_worker = bool(self._proven_workers.intersection(failures))
        return has_proven_worker and (len(failed_hosts) >= N_TRIES or not untried_hosts)

    def end(self, job: Job) -> Exception | None:
        """Record that a worker ended during a job; return why the shard is given up, or None."""
        index = job.shard.index
        self._deaths[index] += 1
        self._deaths_since_search[index] += 1
        limit = DEATHS_BEFORE_SEARCH if self.can_search else WORKER_DEATHS + 1
        is_due = job.is_search or self._deaths_since_search[index] >= limit

        if is_due and self.can_search and self._searches[index] < MOST_SEARCHES:
            self._searches[index] += 1
            self._deaths_since_search[index] = 0
            self._returned.appendleft(Job(job.shard, is_search=True))
        elif is_due:
            return RuntimeError(
                f"{self._deaths[index]} workers died while they computed it, perhaps because memory ran out"
            )
        else:
            self._returned.appendleft(job)
        return None

    def end_search(self, job: Job, failed_sequences: Mapping[int, str]) -> None:
        """Record the sequences that end their process; the shard is computed without them."""
        self._search_failures.pop(job.shard.index, None)
        earlier = self.failed_sequences.get(job.shard.index, {})
        self.failed_sequences[job.shard.index] = {**earlier, **failed_sequences}
        self._returned.appendleft(Job(job.shard))

    def _failures_of(self, job: Job) -> dict[str, Exception]:
        """Return the workers that failed a job, with their errors; they do not get it again."""
        failures = self._failures.get(job.shard.index, {})
        return {**self._search_failures.get(job.shard.index, {}), **failures} if job.is_search else failures


def find_host(worker: str) -> str:
    """Return the host in the address of a worker: `10.0.0.1` of `tcp://10.0.0.1:8786`."""
    return urlsplit(worker).hostname or worker


def is_of_build(errors: Sequence[Exception]) -> bool:
    """Return whether these errors of a shard end the build; otherwise only the shard is given up."""
    return all(isinstance(error, Fault) for error in errors)
