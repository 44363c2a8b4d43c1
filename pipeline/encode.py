"""The middle step of a build: the missing shards computed, by whoever there is; what is finished is kept."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.resources import check_disk, fitting_workers
from attlas.pipeline.runners import (
    ENCODE,
    Event,
    ShardFinished,
    ShardGivenUp,
    Task,
    WorkerLeftOut,
    WorkersStarted,
    run_dask,
    run_inline,
)
from attlas.schema import AtlasPaths, BrokenAtlasError, DeviceFault, EnvironmentFault
from attlas.schema.errors import first_line

Progress = Callable[[WorkersStarted | WorkerLeftOut | ShardFinished], None]
"""Takes the events of a computation as they happen."""

StartProgress = Callable[[Plan, Sequence[Shard]], Progress]
"""Takes the plan and the missing shards, before they are computed, and returns the `Progress` that they report to."""


def encode(
    paths: AtlasPaths,
    plan: Plan,
    *,
    shards: Sequence[Shard],
    progress: Progress,
    n_workers: int | None = None,
    scheduler: str | None = None,
    task: Task = ENCODE,
) -> None:
    """Compute shards, those of `missing_shards` or some of them; the caller holds the lock.

    `n_workers` 0 computes in this process; None takes as many workers as the machine has cores (or GPUs) and
    memory for.

    Raises:
        DeviceFault: the device does not work, or that of every worker; what is finished is kept.
        EnvironmentFault: the device is not there, or a shard does not fit the memory, before anything is computed;
            the disk is too small or full; or shards were given up as their workers died, after the others are done.
    """
    if not shards:
        return
    check_disk(paths.root, plan.run, shards)
    for shard in shards:  # a receipt whose files are gone or damaged must not stand for an answer
        task.receipt(paths, shard.index).unlink(missing_ok=True)

    given_up: list[ShardGivenUp] = []
    # Workers end before an error goes on.
    with closing(_run_shards(paths, plan, shards, n_workers=n_workers, scheduler=scheduler, task=task)) as events:
        for event in events:
            if not isinstance(event, ShardGivenUp):
                progress(event)
            elif _concerns_all_shards(event.error):
                raise event.error
            else:
                given_up.append(event)

    if given_up:
        raise EnvironmentFault(
            f"{len(given_up)} of {len(shards)} shards were not finished; the others are kept.",
            offenders=[
                f"shard {event.shard.index} ({event.shard.n_sequences} sequences): {first_line(event.error)}"
                for event in given_up
            ],
            hint=f"run the same command again; with less memory in use, or `--workers 1` ({paths.root} keeps the rest)",
        )


def _run_shards(
    paths: AtlasPaths,
    plan: Plan,
    shards: Sequence[Shard],
    *,
    n_workers: int | None,
    scheduler: str | None,
    task: Task,
) -> Generator[Event, None, None]:
    """Return the run of shards by a scheduler's workers, by this process, or by workers that are started for it."""
    device = plan.run.device
    if scheduler is not None:
        return run_dask(paths.root, shards, n_workers=n_workers or 0, scheduler=scheduler, device=device, task=task)
    if n_workers == 0 or len(shards) == 1:
        fitting_workers(shards, device=device, n_workers=1)
        return run_inline(paths.root, shards, task=task)
    n_started = min(len(shards), fitting_workers(shards, device=device, n_workers=n_workers))
    return run_dask(paths.root, shards, n_workers=n_started, scheduler=None, device=device, task=task)


def _concerns_all_shards(error: Exception) -> bool:
    """Tell whether an error would come again with every other shard, on any worker."""
    return isinstance(error, (EnvironmentFault, BrokenAtlasError)) and not isinstance(error, DeviceFault)
