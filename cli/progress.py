"""Progress of a build on stderr: a bar in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attlas.pipeline.encode import Progress
    from attlas.pipeline.plan import Plan, Shard
    from attlas.pipeline.runners import ShardFinished, WorkerLeftOut, WorkersStarted
    from attlas.schema import Receipt

SECONDS_BETWEEN_LINES = 10.0

SHORTEST_S = 1e-3
"""Receipts tell times to a thousandth of a second."""


class Meter:
    """Counts what is done and tells residues/s and the time left, weighing shards by their predicted cost.

    Rates are those of finished shards, as their receipts have them: what workers take to start is in none.
    """

    def __init__(self, shards: "Sequence[Shard]", *, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.n_sequences = sum(shard.n_sequences for shard in shards)
        self.cost = sum(shard.cost for shard in shards)
        self.n_workers, self.n_threads = 1, 1
        self.missing = {shard.index: shard for shard in sorted(shards, key=lambda shard: -shard.cost)}
        self.computing_since = float("inf")
        """When the first shard was begun, as far as is known."""
        self.done_sequences, self.done_residues, self.done_cost, self.failed = 0, 0, 0.0, 0
        self.wall_s, self.model_s = 0.0, 0.0

    def start(self, n_workers: int, n_threads: int) -> None:
        """Take note of the workers, and of the shards that all of them have in hand at once."""
        self.n_workers, self.n_threads = n_workers, n_threads

    def leave_out_worker(self) -> None:
        """Count with one worker less."""
        self.n_threads -= self.n_threads // self.n_workers
        self.n_workers -= 1

    def add(self, shard: "Shard", receipt: "Receipt") -> None:
        """Count a finished shard."""
        del self.missing[shard.index]
        self.computing_since = min(self.computing_since, self.clock() - receipt.wall_s)
        self.done_sequences += shard.n_sequences
        self.done_residues += shard.n_residues
        self.done_cost += shard.cost
        self.failed += receipt.n_failed
        self.wall_s += receipt.wall_s
        self.model_s += receipt.model_s

    def seconds_left(self) -> float | None:
        """Return the time that the missing shards will take; None as long as no shard is finished, or none missing."""
        if not self.done_cost or not self.missing:
            return None

        # Threads of a worker take turns at its model: neither what is in hand nor the models can be outrun.
        thread_rate = self.done_cost / max(self.wall_s, SHORTEST_S)
        model_rate = self.done_cost / max(self.model_s, SHORTEST_S)
        rate = min(self.n_threads * thread_rate, self.n_workers * model_rate)

        # The costliest shards are computed first; those in hand beside the one just finished are under way.
        costs = [shard.cost for shard in islice(self.missing.values(), self.n_threads)]
        under_way, following = costs[: self.n_threads - 1], costs[self.n_threads - 1 :]
        expected_cost = rate * (self.clock() - self.computing_since)
        partial_cost = min(max(0.0, expected_cost - self.done_cost), sum(under_way))

        # However many workers there are, a shard that is not begun takes its time.
        longest_s = max(following, default=0.0) / thread_rate
        return max((self.cost - self.done_cost - partial_cost) / rate, longest_s)

    def __str__(self) -> str:
        text = f"{self.done_sequences:,} of {self.n_sequences:,} sequences"
        if self.done_cost:
            elapsed = max(SHORTEST_S, self.clock() - self.computing_since)
            text += f", {self.done_residues / elapsed:,.0f} residues/s"
        if (left := self.seconds_left()) is not None:
            text += f", {duration(left)} left"
        return text + (f", {self.failed:,} failed" if self.failed else "")


@contextmanager
def build_progress() -> "Iterator[Callable[[Plan, Sequence[Shard]], Progress]]":
    """Yield what `pipeline.build.build` takes as its progress."""
    if sys.stderr.isatty():
        yield from _bar()
    else:
        yield _lines


def duration(seconds: float) -> str:
    """Return seconds in words of two units at most: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600:,} h {total % 3600 // 60} min"


def say(text: str) -> None:
    """Print a line about the work on stderr."""
    print(f"attlas: {text}", file=sys.stderr, flush=True)


def _announce(plan: "Plan", shards: "Sequence[Shard]") -> Meter:
    n_before = len(plan.shards) - len(shards)
    kept = f" ({n_before:,} of {len(plan.shards):,} shards are done already)" if n_before else ""
    n_residues = sum(shard.n_residues for shard in shards)
    say(f"{sum(shard.n_sequences for shard in shards):,} sequences, {n_residues:,} residues to compute{kept}")
    return Meter(shards)


def _count(meter: Meter, event: "WorkersStarted | WorkerLeftOut | ShardFinished") -> None:
    """Have a meter count what happened; say which worker was left out, and why."""
    from attlas.pipeline.runners import WorkerLeftOut, WorkersStarted

    if isinstance(event, WorkersStarted):
        meter.start(event.n_workers, event.n_threads)
    elif isinstance(event, WorkerLeftOut):
        meter.leave_out_worker()
        say(f"worker {event.worker} is left out, as its device failed: {event.fault.found or event.fault.what}")
    else:
        meter.add(event.shard, event.receipt)


def _lines(plan: "Plan", shards: "Sequence[Shard]") -> "Progress":
    meter = _announce(plan, shards)
    last_line = time.monotonic()

    def progress(event: "WorkersStarted | WorkerLeftOut | ShardFinished") -> None:
        nonlocal last_line
        _count(meter, event)
        is_due = time.monotonic() - last_line >= SECONDS_BETWEEN_LINES
        if not meter.missing or (is_due and meter.done_sequences):
            last_line = time.monotonic()
            say(str(meter))

    return progress


def _bar() -> "Iterator[Callable[[Plan, Sequence[Shard]], Progress]]":
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (SpinnerColumn(), BarColumn(bar_width=30), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:

        def begin(plan: "Plan", shards: "Sequence[Shard]") -> "Progress":
            meter = _announce(plan, shards)
            task = bar.add_task("starting workers", total=meter.cost)

            def progress(event: "WorkersStarted | WorkerLeftOut | ShardFinished") -> None:
                _count(meter, event)
                bar.update(task, completed=meter.done_cost, description=str(meter))

            return progress

        yield begin
