"""Dask workers that are told what happens to them: the rules of faults are tested without processes."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from attlas.pipeline.plan import Shard
from attlas.pipeline.workers import dask_runner, roster
from attlas.pipeline.workers.dask_client import WorkerEnded
from attlas.pipeline.workers.dask_runner import run_dask
from attlas.pipeline.workers.joining import WorkerReport, join
from attlas.pipeline.workers.runners import EncodeTask, Event
from attlas.pipeline.workers.worker_calls import compute_at_worker
from attlas.schema import AtlasPaths, Fault, Receipt

DIES = "the worker dies"
IS_REPLACED = "another process has come at the same address"

TASK_S = 1.0
"""Seconds that a task takes, by the clock of the workers."""

Outcome = Receipt | Exception | str | dict[int, str]


def make_receipt(index: int) -> Receipt:
    """Return the receipt of a shard of one sequence."""
    values = {"n_sequences": 1, "n_failed": 0, "n_residues": 9, "wall_s": 1.0, "model_s": 1.0, "host": "here"}
    return Receipt(index=index, plan_id="plan", files=(), peak_bytes=1, predicted_bytes=1, **values)


def shards_of(n_shards: int) -> list[Shard]:
    """Return shards of one sequence, the costliest first."""
    return [Shard(i + 1, i, i + 1, 100, float(n_shards - i), 1 << 20) for i in range(n_shards)]


@dataclass
class FakeWorkers:
    """Stands for `DaskWorkers`: tasks end in the order in which they were sent.

    Its clock is the build's: a task takes TASK_S, and who waits in vain waits as long as it was told to. So no test
    waits, nor depends on how fast this machine is.

    Args:
        behave: returns what becomes of a worker's shard, by the worker's address and the shard's index.
        threads: threads of each worker that is there.
        search: returns the sequences that are found to end their process.
        faults: why a worker cannot join.
        gpus: UUID of each worker's GPU.
        appear: workers that come, by the number of tasks that have ended before.
        endless: whether every worker ends while it is checked, and another one comes.
    """

    behave: Callable[[str, int], Outcome]
    threads: dict[str, int]
    search: Callable[[str, int], Outcome] = lambda worker, index: {}
    faults: dict[str, Fault | Exception] = field(default_factory=dict)
    gpus: dict[str, str] = field(default_factory=dict)
    appear: dict[int, str] = field(default_factory=dict)
    endless: bool = False
    sent: list[tuple[str, int]] = field(default_factory=list)
    tasks: list[Any] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    n_joined: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    shown: list[int] = field(default_factory=list)
    _queue: deque[tuple[str, str, Callable[[], Outcome | WorkerReport]]] = field(default_factory=deque)
    clock_s: float = 0.0
    _n_tasks: int = 0
    _n_ended: int = 0

    def monotonic(self) -> float:
        """Return the time, as the module `time` does."""
        return self.clock_s

    def count_threads(self) -> dict[str, int]:
        return dict(self.threads)

    def submit(self, worker: str, function: Callable[..., object], *arguments: Any) -> str:
        self._n_tasks += 1
        key = str(self._n_tasks)
        if function is join:
            self.n_joined[worker] += 1
            self._queue.append((key, worker, lambda: self._join(worker)))
        elif function is compute_at_worker:
            task, _, index, _, _ = arguments
            self.sent.append((worker, index))
            self.tasks.append(task)
            self._queue.append((key, worker, lambda: self.behave(worker, index)))
        else:
            self._queue.append((key, worker, lambda: self.search(worker, arguments[2])))
        return key

    def _join(self, worker: str) -> WorkerReport:
        if self.endless:
            self.threads[f"{worker}'"] = 1
            return DIES  # type: ignore[return-value]
        fault = self.faults.get(worker)
        if isinstance(fault, Exception) and not isinstance(fault, Fault):
            return fault  # type: ignore[return-value]
        return WorkerReport(f"process-{worker}", fault, self.gpus.get(worker))

    def forget(self, keys: Collection[str]) -> None:
        self._queue = deque(entry for entry in self._queue if entry[0] not in keys)

    def wait(self, seconds: float) -> tuple[str, object] | None:
        if not self._queue:
            self.clock_s += seconds
            return None
        self.clock_s += TASK_S
        key, worker, outcome = self._queue.popleft()
        result = outcome()
        self._n_ended += 1
        if (new := self.appear.pop(self._n_ended, None)) is not None:
            self.threads[new] = 1
        if result == DIES:
            self.threads.pop(worker)
            return None
        return key, WorkerEnded() if result == IS_REPLACED else result

    def show_waiting(self, n_tasks: int) -> None:
        self.shown.append(n_tasks)

    def end_worker(self, worker: str) -> None:
        self.ended.append(worker)
        self.threads.pop(worker, None)

    def close(self) -> None:
        self._queue.clear()


@dataclass(frozen=True)
class IndivisibleTask:
    """A task that is no build: its shards cannot be taken apart."""

    def prepare(self, root: str, n_threads: int) -> None: ...

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt: ...

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        return paths.receipt(index)


def run_fake(
    workers: FakeWorkers,
    shards: Sequence[Shard],
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    scheduler: str | None = "tcp://scheduler",
    task: Any = None,
) -> list[Event]:
    """Return the events of a computation on fake workers."""

    @contextmanager
    def open_cluster(n_workers: int, **options: object) -> Any:
        yield None, 1

    monkeypatch.setattr(dask_runner, "open_cluster", open_cluster)
    monkeypatch.setattr(dask_runner, "DaskWorkers", lambda client, is_own: workers)
    monkeypatch.setattr(roster, "time", workers)
    n_workers = 0 if scheduler else len(workers.threads)
    options = {"n_workers": n_workers, "scheduler": scheduler, "device": "cpu", "task": task or EncodeTask()}
    return list(run_dask(root, shards, **options))
