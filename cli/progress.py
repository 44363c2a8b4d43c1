"""Progress of a build on stderr: a bar in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attlas.pipeline.build import Progress
    from attlas.pipeline.plan import Plan, Shard
    from attlas.schema import Receipt

SECONDS_BETWEEN_LINES = 10.0


class Meter:
    """Counts what is done and tells residues/s and the time left, weighing shards by their predicted cost."""

    def __init__(self, shards: "Sequence[Shard]") -> None:
        self.n_sequences = sum(shard.n_sequences for shard in shards)
        self.cost = sum(shard.cost for shard in shards)
        self.started = time.monotonic()
        self.done_sequences, self.done_residues, self.done_cost, self.failed = 0, 0, 0.0, 0

    def add(self, shard: "Shard", receipt: "Receipt") -> None:
        """Count a finished shard."""
        self.done_sequences += shard.n_sequences
        self.done_residues += shard.n_residues
        self.done_cost += shard.cost
        self.failed += receipt.n_failed

    def __str__(self) -> str:
        elapsed = max(1e-9, time.monotonic() - self.started)
        text = (
            f"{self.done_sequences:,} of {self.n_sequences:,} sequences, {self.done_residues / elapsed:,.0f} residues/s"
        )
        if 0 < self.done_cost < self.cost:
            text += f", {duration(elapsed * (self.cost / self.done_cost - 1))} left"
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


def _lines(plan: "Plan", shards: "Sequence[Shard]") -> "Progress":
    meter = _announce(plan, shards)
    last = meter.started

    def progress(shard: "Shard", receipt: "Receipt") -> None:
        nonlocal last
        meter.add(shard, receipt)
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES or meter.done_sequences == meter.n_sequences:
            last = time.monotonic()
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

            def progress(shard: "Shard", receipt: "Receipt") -> None:
                meter.add(shard, receipt)
                bar.update(task, completed=meter.done_cost, description=str(meter))

            return progress

        yield begin
