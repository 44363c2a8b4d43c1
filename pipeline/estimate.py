"""The cost of a build, estimated before a model is loaded: shards, memory, disk and a rough time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.plan import Shard, predict_disk_bytes, predict_process_bytes

CPU_EFFICIENCY = 0.5
"""Share of the measured matrix-product rate that a build reached, statistics included (docs/log.md)."""

GPU_OPERATIONS_PER_S = 1.5e14
"""Rate assumed for a GPU, where none is measured before the build: half of a first prototype's on one H200."""

N_PRODUCTS = 5
"""Matrix products by which the speed of this machine is measured."""

ONE_PROCESS_S = 30
"""Predicted seconds of work for which no workers are started: they would begin when half of it is done."""

LENGTH_EDGES = (1, 10, 50, 100, 200, 400, 600, 800, 1_023, 2_000, 5_000, 10_000)
"""Lower edges of the length histogram, residues; 1,022 is where ESM-2's training crops end."""


@dataclass(frozen=True)
class ProcessCost:
    """What the processes that compute shards cost: the part that builds and passes have in common."""

    device: str
    n_shards: int
    n_workers: int
    is_in_process: bool
    """Whether no workers are started: the process of the command computes."""
    n_at_once: int
    """Shards that a process computes side by side."""
    peak_bytes: int
    """Bound on the memory of one process with the largest shards that it computes side by side."""
    disk_bytes: int
    wall_s: float
    """Rough: the predicted operations over a rate measured or assumed for this machine."""


@dataclass(frozen=True)
class CostEstimate(ProcessCost):
    """The estimated cost of a build."""

    shape: ModelShape
    dtype: str
    n_proteins: int
    n_skipped: int
    n_sequences: int
    n_residues: int
    histogram: tuple[tuple[int, int, int], ...]
    """Lower edge, upper edge (inclusive; 0: no end) and number of distinct sequences."""


def estimate_cost(
    shards: Sequence[Shard],
    lengths: NDArray[np.int32],
    shape: ModelShape,
    *,
    n_proteins: int,
    n_skipped: int,
    device: str,
    dtype: str,
    n_workers: int,
    is_in_process: bool,
    n_at_once: int = 1,
) -> CostEstimate:
    """Return the cost of distinct sequences of these lengths on this machine, with `n_workers` processes."""
    n_residues = int(lengths.sum(dtype=np.int64))
    cost = predict_process_cost(
        shards,
        shape,
        device=device,
        n_workers=n_workers,
        is_in_process=is_in_process,
        n_at_once=n_at_once,
        disk_bytes=predict_disk_bytes(n_residues, len(lengths), shape.n_layers, shape.n_heads),
    )

    return CostEstimate(
        **vars(cost),
        shape=shape,
        dtype=dtype,
        n_proteins=n_proteins,
        n_skipped=n_skipped,
        n_sequences=len(lengths),
        n_residues=n_residues,
        histogram=_count_lengths(lengths),
    )


def predict_process_cost(
    shards: Sequence[Shard],
    shape: ModelShape,
    *,
    device: str,
    n_workers: int,
    is_in_process: bool,
    n_at_once: int,
    disk_bytes: int,
    seconds_of_build: float = 1.0,
) -> ProcessCost:
    """Return the cost of the processes that compute shards.

    Args:
        shards: the shards.
        shape: the sizes of the model.
        device: the device of the plan.
        n_workers: number of processes.
        is_in_process: whether the process of the command computes.
        n_at_once: shards that a process computes side by side.
        disk_bytes: expected size on disk of what is written.
        seconds_of_build: seconds that the work takes for operations that take a build one second.
    """
    rate = measure_rate(device) * (1 if device == "cuda" else n_workers)
    return ProcessCost(
        device=device,
        n_shards=len(shards),
        n_workers=n_workers,
        is_in_process=is_in_process,
        n_at_once=n_at_once,
        peak_bytes=predict_process_bytes(shards, shape=shape, n_at_once=n_at_once),
        disk_bytes=disk_bytes,
        wall_s=seconds_of_build * predict_seconds(shards, rate),
    )


def runs_in_process(shards: Sequence[Shard], *, device: str, n_workers: int | None) -> bool:
    """Return whether shards are computed by this process: by 0 workers, or, for None, because that is soon done."""
    if n_workers == 0 or len(shards) <= 1:
        return True
    return n_workers is None and predict_seconds(shards, measure_rate(device)) < ONE_PROCESS_S


def predict_seconds(shards: Sequence[Shard], operations_per_s: float) -> float:
    """Return the predicted seconds of shards at a rate."""
    return sum(shard.cost for shard in shards) / operations_per_s


@lru_cache
def measure_rate(device: str) -> float:
    """Return the operations per second of one core of this machine, measured once, or of a GPU, assumed."""
    return GPU_OPERATIONS_PER_S if device == "cuda" else CPU_EFFICIENCY * _measure_matrix_rate()


def _count_lengths(lengths: NDArray[np.int32]) -> tuple[tuple[int, int, int], ...]:
    counts, _ = np.histogram(lengths, bins=[*LENGTH_EDGES, np.inf])
    upper_edges = [edge - 1 for edge in LENGTH_EDGES[1:]] + [0]
    return tuple((low, high, int(n)) for low, high, n in zip(LENGTH_EDGES, upper_edges, counts, strict=True))


def _measure_matrix_rate(size: int = 768) -> float:
    """Return the float32 matrix-product rate of one core, operations per second: the best of a few products.

    NumPy's library may use several cores; the share of one is what counts here.
    """
    matrix = np.ones((size, size), np.float32)
    fastest_s = min(_time_product(matrix) for _ in range(N_PRODUCTS))
    return 2 * size**3 / fastest_s


def _time_product(matrix: np.ndarray) -> float:
    """Return the seconds of processor time of a matrix times itself, of all cores; other programs do not count."""
    begin = time.process_time()
    matrix @ matrix
    return time.process_time() - begin
