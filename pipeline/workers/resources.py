"""Workers, memory and disk: what a plan needs is compared with this machine, and refused early with both numbers."""

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil

from attlas.pipeline.model.precision import refuse_old_gpu
from attlas.pipeline.plan import Shard, predict_disk_bytes
from attlas.pipeline.workers.gpus import claim_gpu, count_gpus, read_capabilities
from attlas.schema import EnvironmentFault
from attlas.schema.run import Run

THREADS = {"cpu": 4, "cuda": 3}
"""Most shards that one process computes side by side. On a CPU more would wait for Python; on a GPU one runs through
the model (`Encoder.lock`), while the sites of others are called and their tables written."""


def choose_workers(shards: Sequence[Shard], *, device: str, n_workers: int | None) -> int:
    """Return the number of workers to start: `n_workers` or, where None, as many as cores (GPUs) and memory allow.

    The memory of GPUs is not asked for here, which would use one: the workers compare it (`refuse_small_workers`).

    Raises:
        EnvironmentFault: there is no such device, or the memory of the machine does not fit the largest shard, once or
            `n_workers` times.
    """
    check_device(device)
    n = count_default_workers(device) if n_workers is None else n_workers
    if device == "cuda":
        return max(1, n)

    largest = max(shards, key=lambda shard: shard.predicted_bytes)
    free = measure_available_bytes(device)
    if n_workers is None:
        n = min(n, max(1, free // largest.predicted_bytes))
    refuse_full_memory(largest, n, free)
    return max(1, n)


def choose_threads(shards: Sequence[Shard], *, device: str) -> int:
    """Return the number of shards that this process computes side by side.

    Raises:
        EnvironmentFault: as `choose_workers`; or the memory of the GPU does not fit the largest shard.
    """
    if device == "cuda":
        check_device(device)
        refuse_small_workers({"this process": measure_available_bytes(device)}, shards)
        return min(len(shards), THREADS[device])
    return min(len(shards), THREADS[device], choose_workers(shards, device=device, n_workers=None))


def refuse_full_memory(largest: Shard, n_workers: int, free: int) -> None:
    """Refuse workers that do not fit the free memory, bytes, which they share. Raises EnvironmentFault."""
    needed_bytes = n_workers * largest.predicted_bytes
    if needed_bytes > free:
        raise EnvironmentFault(
            f"Shard {largest.index} does not fit the memory" + (f" of {n_workers} workers." if n_workers > 1 else "."),
            expected=f"at most {_format_gib(free)} GiB, what is free now",
            found=f"{_format_gib(needed_bytes)} GiB predicted for sequences {largest.first_sequence_id} to "
            f"{largest.end_sequence_id - 1}, the longest of them alone in its pack",
            hint="use fewer --workers, set --max-length, or use a machine with more memory",
        )


def refuse_small_workers(limits: Mapping[str, int], shards: Sequence[Shard]) -> None:
    """Refuse workers whose memory is too small for the largest shard: Dask would kill them, or the GPU refuse.

    Args:
        limits: memory limit of each worker for one shard, or the free memory of its GPU, bytes, by its address; 0 for
            none.
        shards: the shards to compute.

    Raises:
        EnvironmentFault: names the workers, their smallest limit and the memory needed.
    """
    largest = max(shards, key=lambda shard: shard.predicted_bytes)
    if small := sorted(address for address, limit in limits.items() if 0 < limit < largest.predicted_bytes):
        raise EnvironmentFault(
            f"Shard {largest.index} does not fit the memory of {len(small)} of the scheduler's {len(limits)} workers.",
            expected=f"a limit of {_format_gib(largest.predicted_bytes)} GiB or more",
            found=f"{_format_gib(min(limits[address] for address in small))} GiB",
            offenders=small,
            hint="start them with more memory: dask worker ADDRESS --memory-limit …; or plan with --max-length",
        )


def measure_available_bytes(device: str) -> int:
    """Return the memory that a build may use now, bytes: free on the GPU of this process, or on this machine."""
    if device == "cuda":
        claim_gpu()  # before it is used
        import torch

        return int(torch.cuda.mem_get_info()[0])
    return int(min([psutil.virtual_memory().available, *_measure_cgroup()]))


def has_device(device: str) -> bool:
    """Return whether this machine has a device; a CPU it always has."""
    return device != "cuda" or count_gpus() > 0


def check_device(device: str) -> None:
    """Refuse a device that this machine does not have. Raises EnvironmentFault."""
    if has_device(device):
        return

    raise EnvironmentFault(
        "There is no CUDA device on this machine.",
        found=f"torch {version('torch')} finds none",
        hint="plan with --device cpu, run where there is a GPU, or install a CUDA build of torch",
    )


def check_precision(dtype: str, products: str) -> None:
    """Refuse the precision of a run on a GPU where all GPUs of this machine are too old for it, without using one.

    Where the driver cannot be asked, or one of several GPUs would do, a worker finds out when it loads the model.

    Raises:
        EnvironmentFault: names the compute capability that is needed and the best there is.
    """
    if capabilities := read_capabilities():
        refuse_old_gpu(max(capabilities), dtype=dtype, products=products)


def count_default_workers(device: str) -> int:
    """Return the usual number of worker processes: one for each core that this process may use, or for each GPU."""
    if device == "cuda":
        return count_gpus()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_disk(root: Path, run: Run, shards: Sequence[Shard]) -> None:
    """Refuse shards whose tables would not fit on the disk.

    Raises:
        EnvironmentFault: names the space needed and the space free.
    """
    needed_bytes = sum(
        predict_disk_bytes(shard.n_residues, shard.n_sequences, run.n_layers, run.n_heads) for shard in shards
    )
    free = psutil.disk_usage(str(root)).free
    if needed_bytes > free:
        raise EnvironmentFault(
            f"The disk of {root} is too small for this atlas.",
            expected=f"about {_format_gib(needed_bytes)} GiB",
            found=f"{_format_gib(free)} GiB free",
            hint="free space, or build into another directory",
        )


def _measure_cgroup() -> list[int]:
    """Return the memory that is left within the limit of a container, bytes; empty without a limit."""
    limit, usage = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    try:
        return [int(limit.read_text()) - int(usage.read_text())]
    except (OSError, ValueError):  # no limit reads as "max"
        return []


def give_back_memory() -> None:
    """Return freed memory to the system, where the C library can; done before a shard.

    Packs of varying sizes leave free memory in pieces, which glibc keeps: 15 MB a shard, without end (docs/log.md).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _format_gib(n_bytes: float) -> str:
    return f"{n_bytes / (1 << 30):,.1f}"
