"""The meter of a build: rate, time that is left, failures; and durations as words."""

import heapq
import random
from dataclasses import dataclass

import pytest

from attlas.cli.progress import Meter, format_duration
from attlas.pipeline.plan import Shard
from attlas.schema import Receipt

pytestmark = pytest.mark.slow


def finished(wall_s: float, *, model_s: float | None = None, n_failed: int = 0) -> Receipt:
    """Return the receipt of a shard that took so long."""
    return Receipt(
        index=1, plan_id="p", files=(), n_sequences=1, n_failed=n_failed, n_residues=100, wall_s=wall_s,
        model_s=wall_s if model_s is None else model_s, peak_bytes=0, predicted_bytes=0, host="h",
    )  # fmt: skip


def test_a_meter_tells_the_rate_what_is_left_and_what_failed() -> None:
    shards = [Shard(i, i, i + 1, 100, cost, 0) for i, cost in ((1, 1.0), (2, 3.0))]
    meter = Meter(shards)
    assert str(meter) == "0 of 2 sequences"
    meter.add(shards[0], finished(10.0, n_failed=1))
    assert str(meter) == "1 of 2 sequences, 10 residues/s, 30 s left, 1 failed"
    meter.add(shards[1], finished(30.0))
    assert "left" not in str(meter)


@dataclass
class Clock:
    """A clock that is set by hand."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("start_up_s", [0.0, 300.0])
@pytest.mark.parametrize("n_workers", [1, 2, 8])
@pytest.mark.parametrize("n_shards", [9, 64, 300])
def test_the_time_left_is_within_a_factor_of_two_from_the_first_finished_shard_on(
    n_shards: int, n_workers: int, start_up_s: float
) -> None:
    """Workers that take the costliest shard next, and need up to a fifth more or less than its cost says."""
    factors = random.Random(n_shards + n_workers)
    costs = [factors.uniform(1, 4) for _ in range(n_shards)]
    shards = [Shard(i, i, i + 1, 100, cost, 0) for i, cost in enumerate(sorted(costs, reverse=True), start=1)]
    free = [(start_up_s + factors.uniform(0, 1), worker) for worker in range(n_workers)]
    heapq.heapify(free)
    ends = []
    for shard in shards:
        begin, worker = heapq.heappop(free)
        wall_s = shard.cost * factors.uniform(0.8, 1.2)
        ends.append((begin + wall_s, wall_s, shard))
        heapq.heappush(free, (begin + wall_s, worker))
    ends.sort(key=lambda end: end[:2])

    clock = Clock()
    meter = Meter(shards, clock=clock)
    meter.count_workers(n_workers, n_workers)
    last = ends[-1][0]
    for end, wall_s, shard in ends[:-1]:
        clock.seconds = end
        meter.add(shard, finished(wall_s))
        left = meter.estimate_seconds()
        assert left is not None
        # Where seconds are left of the last shards, half a shard more or less is no matter.
        assert (last - end) / 2 - 2 <= left <= 2 * (last - end) + 2


def test_the_time_left_on_a_gpu_counts_that_threads_take_turns_at_the_model() -> None:
    """Of three shards in hand the first to finish did not wait; from then on the model is what takes the time."""
    shards = [Shard(i, i, i + 1, 100, 1.0, 0) for i in range(1, 101)]
    clock = Clock(10.0 + 60.0)
    meter = Meter(shards, clock=clock)
    meter.count_workers(n_workers=1, n_threads=3)
    meter.add(shards[0], finished(10.0, model_s=8.0))
    left = meter.estimate_seconds()
    assert left is not None
    assert 99 * 8 / 2 < left < 99 * 8 * 2


def test_a_worker_left_out_makes_what_is_left_take_longer() -> None:
    shards = [Shard(i, i, i + 1, 100, 1.0, 0) for i in range(1, 102)]
    meter = Meter(shards, clock=Clock(10.0))
    meter.count_workers(n_workers=2, n_threads=2)
    meter.add(shards[0], finished(10.0))
    before = meter.estimate_seconds()
    meter.count_workers(1, 1)
    after = meter.estimate_seconds()
    assert before is not None
    assert after == pytest.approx(2 * before, rel=0.05)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_read_as_words(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
