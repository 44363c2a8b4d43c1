"""The workers that a Dask scheduler has, asked before a computation: how many, and the memory that each allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attlas.pipeline.plan import Shard
from attlas.pipeline.workers.cluster import connect_to_scheduler
from attlas.pipeline.workers.resources import refuse_small_workers


@dataclass(frozen=True)
class SchedulerWorkers:
    """The workers that a scheduler has now; none, where they come later."""

    n_threads: Mapping[str, int]
    """Shards that each computes at once, by its address."""
    limits: Mapping[str, int]
    """Memory that each allows a shard, bytes, by its address; 0 for no limit."""

    @property
    def largest_limit(self) -> int | None:
        """Return the memory that the largest worker allows a shard, bytes; None where it is not limited or known."""
        if not self.limits or 0 in self.limits.values():
            return None
        return max(self.limits.values())

    def count_fitting(self, shards: Sequence[Shard]) -> int:
        """Return how many shards are computed at once by the workers whose memory fits the largest of these.

        Raises:
            EnvironmentFault: there are workers, and all of them are too small.
        """
        needed = max((shard.predicted_bytes for shard in shards), default=0)
        fitting = [address for address, limit in self.limits.items() if not limit or limit >= needed]
        if self.limits and not fitting:
            refuse_small_workers(self.limits, shards)
        return sum(self.n_threads[address] for address in fitting)


def ask_scheduler(address: str) -> SchedulerWorkers:
    """Return the workers of the scheduler at an address. Raises EnvironmentFault: it does not answer."""
    with connect_to_scheduler(address) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"]
    n_threads = {str(name): int(worker["nthreads"]) for name, worker in workers.items()}
    return SchedulerWorkers(
        n_threads=n_threads,
        limits={str(name): int(worker["memory_limit"] or 0) // n_threads[name] for name, worker in workers.items()},
    )
