"""Progress of a build on stderr: a bar in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from attlas.cli.output import note
from attlas.cli.terminal import unguarded

if TYPE_CHECKING:
    from attlas.pipeline.encode import Progress
    from attlas.pipeline.plan import Plan, Shard
    from attlas.pipeline.workers.runners import ShardFinished, ShardTakenApart, WorkerLeftOut, WorkersCounted
    from attlas.schema import Receipt

SECONDS_BETWEEN_LINES = 10.0

N_SHOWN = 10
"""Names that a note shows."""

SHORTEST_S = 1e-3
"""Resolution of the times in receipts."""


class Meter:
    """Counts finished shards, and computes residues/s and the time left; shards are weighted by predicted cost.

    Rates come from the receipts of finished shards, which do not count the time in which workers start.
    """

    def __init__(self, shards: "Sequence[Shard]", *, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.n_sequences = sum(shard.n_sequences for shard in shards)
        self.cost = sum(shard.cost for shard in shards)
        self.n_workers, self.n_threads = 1, 1
        self.missing = {shard.index: shard for shard in sorted(shards, key=lambda shard: -shard.cost)}
        self.computing_since = float("inf")
        """Start of the first shard, as far as receipts show it."""
        self.done_sequences, self.done_residues, self.done_cost, self.failed = 0, 0, 0.0, 0
        self.wall_s, self.model_s = 0.0, 0.0

    def count_workers(self, n_workers: int, n_threads: int) -> None:
        """Record the number of workers, and of the shards that all of them compute at once; there may be none now."""
        self.n_workers, self.n_threads = max(1, n_workers), max(1, n_threads)

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

    def estimate_seconds(self) -> float | None:
        """Return the time that the missing shards will take; None before the first is finished, and after the last."""
        if not self.done_cost or not self.missing:
            return None

        # Threads of a worker take turns at its model, so threads and models both limit the rate.
        thread_rate = self.done_cost / max(self.wall_s, SHORTEST_S)
        model_rate = self.done_cost / max(self.model_s, SHORTEST_S)
        rate = min(self.n_threads * thread_rate, self.n_workers * model_rate)

        # The costliest shards are computed first; besides the one just finished, a shard of each thread is under way.
        costs = [shard.cost for shard in islice(self.missing.values(), self.n_threads)]
        under_way, following = costs[: self.n_threads - 1], costs[self.n_threads - 1 :]
        expected_cost = rate * (self.clock() - self.computing_since)
        partial_cost = min(max(0.0, expected_cost - self.done_cost), sum(under_way))

        # However many workers there are, a shard that has not begun takes its full time.
        longest_s = max(following, default=0.0) / thread_rate
        return max((self.cost - self.done_cost - partial_cost) / rate, longest_s)

    def __str__(self) -> str:
        text = f"{self.done_sequences:,} of {self.n_sequences:,} sequences"
        if self.done_cost:
            elapsed = max(SHORTEST_S, self.clock() - self.computing_since)
            text += f", {self.done_residues / elapsed:,.0f} residues/s"
        if (seconds := self.estimate_seconds()) is not None:
            text += f", {format_duration(seconds)} left"
        return text + (f", {self.failed:,} failed" if self.failed else "")


@contextmanager
def build_progress() -> "Iterator[Callable[[Plan, Sequence[Shard]], Progress]]":
    """Yield the progress of `pipeline.build.build`: a bar in a terminal, lines elsewhere."""
    if sys.stderr.isatty():
        yield from _show_bar()
    else:
        yield _print_lines


def format_duration(seconds: float) -> str:
    """Return seconds in words of two units at most: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600:,} h {total % 3600 // 60} min"


def say(text: str) -> None:
    """Print a line about the work on stderr, where a bar may be that executes the codes of a terminal."""
    note(text)
    sys.stderr.flush()


def say_names(reason: str, names: Sequence[str]) -> None:
    """Print the number of names and the first ten of them."""
    if names:
        more = f" and {len(names) - N_SHOWN:,} more" if len(names) > N_SHOWN else ""
        say(f"{len(names):,} {reason}: {', '.join(names[:N_SHOWN])}{more}")


def _announce(plan: "Plan", shards: "Sequence[Shard]") -> Meter:
    from attlas.queries.text import counted

    n_before = len(plan.shards) - len(shards)
    kept = f" ({n_before:,} of {counted(len(plan.shards), 'shard')} finished already)" if n_before else ""
    n_sequences, n_residues = (sum(getattr(shard, name) for shard in shards) for name in ("n_sequences", "n_residues"))
    say(f"{counted(n_sequences, 'sequence')}, {counted(n_residues, 'residue')} to compute{kept}")
    return Meter(shards)


def _count(meter: Meter, event: "WorkersCounted | WorkerLeftOut | ShardTakenApart | ShardFinished") -> None:
    """Add an event to a meter; print which worker was left out, with its error, and which shard is taken apart."""
    from attlas.pipeline.workers.runners import ShardTakenApart, WorkerLeftOut, WorkersCounted
    from attlas.schema.errors import describe_in_one_line

    if isinstance(event, WorkersCounted):
        meter.count_workers(event.n_workers, event.n_threads)
    elif isinstance(event, WorkerLeftOut):
        say(f"worker {event.worker} is left out: {describe_in_one_line(event.error)}")
    elif isinstance(event, ShardTakenApart):
        say(f"shard {event.shard.index} ended several workers: its sequences are tried one by one")
    else:
        meter.add(event.shard, event.receipt)


def _print_lines(plan: "Plan", shards: "Sequence[Shard]") -> "Progress":
    meter = _announce(plan, shards)
    last_line = time.monotonic()

    def progress(event: "WorkersCounted | WorkerLeftOut | ShardTakenApart | ShardFinished") -> None:
        nonlocal last_line
        _count(meter, event)
        is_due = time.monotonic() - last_line >= SECONDS_BETWEEN_LINES
        if not meter.missing or (is_due and meter.done_sequences):
            last_line = time.monotonic()
            say(str(meter))

    return progress


def _show_bar() -> "Iterator[Callable[[Plan, Sequence[Shard]], Progress]]":
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (SpinnerColumn(), BarColumn(bar_width=30), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=Console(file=unguarded(sys.stderr))) as bar:

        def begin(plan: "Plan", shards: "Sequence[Shard]") -> "Progress":
            meter = _announce(plan, shards)
            task = bar.add_task("starting workers", total=meter.cost)

            def progress(event: "WorkersCounted | WorkerLeftOut | ShardTakenApart | ShardFinished") -> None:
                _count(meter, event)
                bar.update(task, completed=meter.done_cost, description=str(meter))

            return progress

        yield begin
