"""The middle step of a build: missing shards are computed, by this process or by workers; finished ones are kept."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from attlas.pipeline.estimate import runs_in_process
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.workers.dask_runner import run_dask
from attlas.pipeline.workers.resources import check_disk, choose_threads, choose_workers
from attlas.pipeline.workers.runners import (
    ENCODE,
    Event,
    ShardFinished,
    ShardGivenUp,
    ShardTakenApart,
    ShardTask,
    WorkerLeftOut,
    WorkersCounted,
    run_in_process,
)
from attlas.schema import AtlasPaths, EnvironmentFault
from attlas.schema.errors import first_line

Progress = Callable[[WorkersCounted | WorkerLeftOut | ShardTakenApart | ShardFinished], None]
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
    task: ShardTask = ENCODE,
    is_kept: bool = True,
) -> None:
    """Compute shards and publish their receipts; the caller holds the lock.

    Args:
        paths: the atlas.
        plan: its plan.
        shards: the shards to compute.
        progress: is called with every event.
        n_workers: worker processes; 0 computes in this process; None as well where that takes under half a minute, and
            else starts as many as the machine has cores (or GPUs) and memory for.
        scheduler: address of a Dask scheduler whose workers compute; None starts workers here.
        task: what to do with a shard.
        is_kept: whether the files of finished shards stay below `paths`, whose disk must have room for them.

    Raises:
        DeviceFault: the device of this process does not work; finished shards are kept.
        Fault: every worker failed, or several failed the same shard, by an error that is not the shard's own.
        EnvironmentFault: there is no such device, or a shard does not fit the memory, before anything is computed;
            the disk is too small or full; no worker is left; or, after the others, shards were given up (`faults`).
    """
    if not shards:
        return

    if is_kept:
        check_disk(paths.root, plan.run, shards)
    for shard in shards:  # receipts whose files are missing or damaged
        task.receipt(paths, shard.index).unlink(missing_ok=True)

    given_up: list[ShardGivenUp] = []
    # Workers end before an error goes on.
    with closing(_run_shards(paths, plan, shards, n_workers=n_workers, scheduler=scheduler, task=task)) as events:
        for event in events:
            if isinstance(event, ShardGivenUp):
                given_up.append(event)
            else:
                progress(event)

    if given_up:
        raise EnvironmentFault(
            f"{len(given_up)} of {len(shards)} shards were not finished; the others are kept.",
            offenders=[
                f"shard {event.shard.index} ({event.shard.n_sequences} sequences): {first_line(event.error)}"
                for event in given_up
            ],
            hint="run the same command again, with less memory in use or with `--workers 1`",
        )


def _run_shards(
    paths: AtlasPaths,
    plan: Plan,
    shards: Sequence[Shard],
    *,
    n_workers: int | None,
    scheduler: str | None,
    task: ShardTask,
) -> Generator[Event, None, None]:
    """Return the events of shards computed by a scheduler's workers, by this process, or by workers started here."""
    device = plan.run.device
    if scheduler is not None:
        return run_dask(paths.root, shards, n_workers=n_workers or 0, scheduler=scheduler, device=device, task=task)
    if runs_in_process(shards, device=device, n_workers=n_workers):
        n_at_once = choose_threads(shards, device=device)
        n_models = n_at_once if plan.run.device == "cpu" else 1
        return run_in_process(paths.root, shards, n_at_once=n_at_once, n_models=n_models, task=task)
    n_started = min(len(shards), choose_workers(shards, device=device, n_workers=n_workers))
    return run_dask(paths.root, shards, n_workers=n_started, scheduler=None, device=device, task=task)
