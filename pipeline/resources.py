"""What this machine has against what a plan needs: workers, memory, disk; refused early, with both numbers."""

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from attlas.pipeline.plan import Shard, disk_bytes
from attlas.schema import EnvironmentFault
from attlas.schema.run import Run


def fitting_workers(shards: Sequence[Shard], *, device: str, n_workers: int | None) -> int:
    """Return how many workers to start: `n_workers` or, where None, as many as cores (GPUs) and memory allow.

    Raises:
        EnvironmentFault: the device is not there, or the largest shard does not fit its memory once, or as often as
            `n_workers` says.
    """
    check_device(device)
    largest = max(shards, key=lambda shard: shard.predicted_bytes)
    free = available_bytes(device)
    n = default_workers(device) if n_workers is None else n_workers

    # Workers on CPUs share the memory of the machine; each GPU has its own.
    if device == "cpu" and n_workers is None:
        n = min(n, max(1, free // largest.predicted_bytes))
    needed = n * largest.predicted_bytes if device == "cpu" else largest.predicted_bytes

    if needed > free:
        raise EnvironmentFault(
            f"Shard {largest.index} does not fit the memory"
            + (f" of {n} workers." if n > 1 and device == "cpu" else "."),
            expected=f"at most {_gib(free)} GiB, what is free now",
            found=f"{_gib(needed)} GiB predicted for sequences {largest.first_sequence_id} to "
            f"{largest.end_sequence_id - 1}, the longest of them alone in its pack",
            hint="use fewer --workers, set --max-length, or use a machine with more memory",
        )
    return max(1, n)


def refuse_small_workers(limits: Mapping[str, int], shards: Sequence[Shard]) -> None:
    """Refuse workers of a Dask scheduler whose memory limit the largest shard would break: they would be killed at it.

    `limits` has the bytes of each by its address, 0 for none. The threads of a worker share one model and take turns
    at it, so that a worker needs what one shard does.

    Raises:
        EnvironmentFault: names the workers, a limit and what is needed.
    """
    largest = max(shards, key=lambda shard: shard.predicted_bytes)
    if small := sorted(address for address, limit in limits.items() if 0 < limit < largest.predicted_bytes):
        raise EnvironmentFault(
            f"Shard {largest.index} does not fit the memory of {len(small)} of the scheduler's {len(limits)} workers.",
            expected=f"a limit of {_gib(largest.predicted_bytes)} GiB or more",
            found=f"{_gib(min(limits[address] for address in small))} GiB",
            offenders=small,
            hint="start them with more: dask worker ADDRESS --memory-limit …; or plan with --max-length",
        )


def available_bytes(device: str) -> int:
    """Return the memory a build may use now: free on the GPU, or available on this machine within its limits."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    return int(min([psutil.virtual_memory().available, *_cgroup_free()]))


def has_device(device: str) -> bool:
    """Tell whether this machine has a device: a CPU always."""
    if device != "cuda":
        return True
    import torch

    return bool(torch.cuda.is_available())


def check_device(device: str) -> None:
    """Refuse a device this machine does not have. Raises EnvironmentFault."""
    if has_device(device):
        return
    import torch

    raise EnvironmentFault(
        "There is no CUDA device on this machine.",
        found=f"torch {torch.__version__} sees none",
        hint="plan with --device cpu, run where there is a GPU, or install a CUDA build of torch",
    )


def default_workers(device: str) -> int:
    """Return how many worker processes use this machine well: one per core the process may use, or per GPU."""
    if device == "cuda":
        import torch

        return torch.cuda.device_count()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_disk(root: Path, run: Run, shards: Sequence[Shard]) -> None:
    """Refuse shards whose tables would not fit the disk.

    Raises:
        EnvironmentFault: names what is needed and what is free.
    """
    needed = sum(disk_bytes(shard.n_residues, shard.n_sequences, run.n_layers, run.n_heads) for shard in shards)
    free = psutil.disk_usage(str(root)).free
    if needed > free:
        raise EnvironmentFault(
            f"The disk of {root} is too small for this atlas.",
            expected=f"about {_gib(needed)} GiB",
            found=f"{_gib(free)} GiB free",
            hint="free some space, or build into another directory",
        )


def _cgroup_free() -> list[int]:
    """Return what a container's memory limit leaves, where there is one."""
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    try:
        return [int(limit.read_text()) - int(used.read_text())]
    except (OSError, ValueError):  # no limit reads as "max"
        return []


def give_back_memory() -> None:
    """Give memory that was freed back to the system, where the C library can: done before a shard.

    glibc keeps what packs of ever other sizes leave in pieces: 15 MB a shard, without end (docs/log.md).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _gib(n_bytes: float) -> str:
    return f"{n_bytes / (1 << 30):,.1f}"
