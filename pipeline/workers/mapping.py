"""A function computed for many items by Dask workers: those of this machine, or of a scheduler."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attlas.pipeline.workers.cluster import connect_to_scheduler

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_on_workers(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    n_workers: int,
    scheduler: str | None = None,
    timeout_s: float | None = None,
) -> list[Result]:
    """Compute a function for each item on workers, and return the results in the order of the items.

    Args:
        function: of a module that the workers can import.
        items: its arguments; they travel to the workers, and the results back.
        n_workers: worker processes that are started here, if there is no scheduler.
        scheduler: address of a Dask scheduler, whose workers compute.
        timeout_s: seconds after which the computation is given up; None: no limit.

    Raises:
        EnvironmentFault: the scheduler does not answer.
        TimeoutError: the workers need longer than `timeout_s`, or there are none.
        Exception: what the function raises, from the first item for which it does.
    """
    if scheduler is not None:
        with connect_to_scheduler(scheduler) as client:
            return _map(client, function, items, timeout_s)

    from distributed import Client, LocalCluster

    options: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
    options |= {"silence_logs": logging.CRITICAL, "memory_limit": 0, "threads_per_worker": 1}
    with LocalCluster(n_workers=n_workers, processes=True, **options) as cluster, Client(cluster) as client:
        return _map(client, function, items, timeout_s)


def _map(
    client: Any, function: Callable[[Item], Result], items: Sequence[Item], timeout_s: float | None
) -> list[Result]:
    from distributed import wait

    # Not pure: the atlas may have changed since this scheduler computed the same question.
    futures = client.map(function, items, pure=False)
    wait(futures, timeout=timeout_s)
    results: list[Result] = client.gather(futures)
    return results
