"""The checks that a worker passes before its first shard. They run in the worker, and name what it lacks."""

import os
import platform
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from attlas.pipeline.plan import Shard
from attlas.pipeline.workers.gpus import VISIBLE, claim_gpu, count_gpus
from attlas.pipeline.workers.resources import measure_available_bytes, refuse_small_workers
from attlas.schema import EnvironmentFault, Fault
from attlas.schema.leftovers import leftover_name
from attlas.schema.publish import TEMPORARY_PREFIX, publish_bytes

if TYPE_CHECKING:
    from attlas.pipeline.workers.runners import ShardTask

PACKAGES = ("attlas", "torch", "transformers")
"""Packages whose versions must be the same everywhere, or the numbers of shards might differ."""

DIRECTORY_PATIENCE_S = 10.0
"""Seconds in which a network file system shows a new file everywhere."""


@dataclass(frozen=True)
class WorkerNeeds:
    """What a worker must have to compute shards of a plan."""

    root: str
    """The directory of the atlas."""
    note: str | None
    """Name of a file in it that exists while the build runs; None if workers need not see the directory."""
    device: str
    largest: Shard
    """The shard that needs the most memory."""
    versions: Mapping[str, str]
    """The version of each package here."""


@dataclass(frozen=True)
class WorkerReport:
    """What a worker reports when it joins."""

    process: str
    """Name of its process; another process at the same address has another."""
    fault: Fault | None
    """Why it cannot compute the plan."""
    gpu: str | None
    """UUID of its GPU, or of the part of one that it uses."""


@contextmanager
def describe_needs(root: Path, *, device: str, largest: Shard, task: "ShardTask") -> Iterator[WorkerNeeds]:
    """Yield the needs of workers; meanwhile the directory holds a note by which they recognise it.

    A task with `is_detached` stores what it computes elsewhere, and its workers need not see the directory.

    Raises:
        EnvironmentFault: the note cannot be written.
    """
    if getattr(task, "is_detached", False):
        yield WorkerNeeds(str(root.absolute()), None, device, largest, read_versions())
        return

    note = root / leftover_name(TEMPORARY_PREFIX, "directory")
    publish_bytes(note, note.name.encode())
    try:
        yield WorkerNeeds(str(root.absolute()), note.name, device, largest, read_versions())
    finally:
        note.unlink(missing_ok=True)


def join(needs: WorkerNeeds, task: "ShardTask", n_threads: int, address: str) -> WorkerReport:
    """Check this worker, and let it prepare for its first shard: it loads the model and runs the known protein."""
    gpu = None
    try:
        refuse_other_versions(needs.versions)
        refuse_other_directory(needs)
        gpu = _check_device(needs, address)
        task.prepare(needs.root, n_threads)
    except Fault as fault:
        return WorkerReport(name_process(), fault, gpu)
    return WorkerReport(name_process(), None, gpu)


def name_process() -> str:
    """Return a name for this process that no other process of this machine has, not even with the same number."""
    return f"{os.getpid()}-{psutil.Process().create_time()}"


def read_versions() -> dict[str, str]:
    """Return the versions of Python and of PACKAGES, without the builds that torch has for several devices."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **{package: _read_version(package) for package in PACKAGES}}


def refuse_other_versions(versions: Mapping[str, str]) -> None:
    """Refuse versions that differ from those of the build. Raises EnvironmentFault."""
    own_versions = read_versions()
    if different := {name: text for name, text in versions.items() if own_versions[name] != text}:
        raise EnvironmentFault(
            "Its software is not that of the build.",
            expected=", ".join(f"{name} {text}" for name, text in different.items()),
            found=", ".join(f"{name} {own_versions[name]}" for name in different),
            hint="install the same versions for the workers, or start the build with theirs",
        )


def refuse_other_directory(needs: WorkerNeeds) -> None:
    """Refuse a worker that does not see the atlas: nothing is mounted there, or something else.

    Raises:
        EnvironmentFault: the note is not there, or the directory cannot be written.
    """
    if needs.note is None:
        return

    root = Path(needs.root)
    end = time.monotonic() + DIRECTORY_PATIENCE_S
    while not _reads(root / needs.note, needs.note):
        if time.monotonic() > end:
            is_there = root.is_dir()
            raise EnvironmentFault(
                f"It does not see the atlas in {root}.",
                expected="the directory that the build writes to, under the same path",
                found="another directory of that name" if is_there else f"no such directory on {socket.gethostname()}",
                hint="put the atlas on a file system that every worker mounts under the same path",
            )
        time.sleep(0.5)

    if not os.access(root, os.W_OK):
        raise EnvironmentFault(
            f"It may not write to {root}.", hint="mount the directory for reading and writing, for the same user"
        )


def _reads(path: Path, text: str) -> bool:
    try:
        return path.read_text() == text
    except OSError:
        return False


def _check_device(needs: WorkerNeeds, address: str) -> str | None:
    """Refuse a worker without the plan's device or with too little memory; return the UUID of its GPU.

    Raises:
        EnvironmentFault: there is no GPU, or the largest shard does not fit.
    """
    if needs.device != "cuda":
        refuse_small_workers({address: _limit_memory()}, [needs.largest])
        return None

    if not count_gpus():
        raise EnvironmentFault(
            "It has no GPU, for which this atlas is planned.",
            expected="a worker that sees a CUDA device",
            found=f"torch {version('torch')} finds none on {socket.gethostname()}",
            hint="start workers where there are GPUs, with a CUDA build of torch; or plan with --device cpu",
        )
    claim_gpu()
    refuse_small_workers({address: measure_available_bytes("cuda")}, [needs.largest])
    return _name_gpu()


def _limit_memory() -> int:
    """Return the memory that Dask allows each thread of this worker, bytes; 0 for no limit."""
    from distributed import get_worker

    worker = get_worker()
    return int(worker.memory_manager.memory_limit or 0) // int(worker.state.nthreads)


def _name_gpu() -> str | None:
    """Return the UUID of the GPU that this process uses, or of the part of it (MIG); None if torch does not say."""
    visible = os.environ.get(VISIBLE, "")
    if visible.startswith("MIG-"):  # its parts may share the UUID of the whole
        return visible

    import torch

    uuid = getattr(torch.cuda.get_device_properties(0), "uuid", None)
    return None if uuid is None else str(uuid)


def _read_version(package: str) -> str:
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return "not installed"
