"""The tasks that compute shards, the events meanwhile, and the runner that computes shards in this process."""

import gc
import os
import socket
import threading
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attlas.pipeline.estimate import GPU_OPERATIONS_PER_S
from attlas.pipeline.model.architectures import HOOKED, WHOLE_MAPS
from attlas.pipeline.model.files import ModelFiles
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.workers.gpus import claim_gpu
from attlas.pipeline.workers.libraries import import_libraries
from attlas.pipeline.workers.resources import count_default_workers, give_back_memory, measure_available_bytes
from attlas.schema import AtlasPaths, DeviceFault, EnvironmentFault, Fault, Receipt, Run
from attlas.schema.errors import first_line

if TYPE_CHECKING:
    from attlas.pipeline.build_vectors import BuildVectors

COMPILED_FROM_S = 60
"""Predicted seconds on a GPU from which on layers are compiled; the first compilation takes about half of that."""


CHECK_ROOM = 2
"""Sizes of the float32 weights that must be free for the check of a run of half precision."""


@dataclass(frozen=True)
class WorkersCounted:
    """The workers that compute now: an event at the start, and whenever workers have come or gone."""

    n_workers: int
    """Processes, each with a model and a device; in one process, the shards that its model computes at once."""
    n_threads: int
    """Shards that all of them compute at once."""


@dataclass(frozen=True)
class WorkerLeftOut:
    """A worker gets no more shards, because it failed where others do not; others get its shards."""

    worker: str
    """Its address."""
    error: Exception


@dataclass(frozen=True)
class ShardTakenApart:
    """A shard ended the processes of several workers: its sequences are tried one by one."""

    shard: Shard


@dataclass(frozen=True)
class ShardFinished:
    """A shard was computed and published."""

    shard: Shard
    receipt: Receipt


@dataclass(frozen=True)
class ShardGivenUp:
    """A shard could not be computed; the others go on."""

    shard: Shard
    error: Exception


Event = WorkersCounted | WorkerLeftOut | ShardTakenApart | ShardFinished | ShardGivenUp
"""An event while shards are computed."""


class ShardTask(Protocol):
    """The computation of a shard, in this process or in a worker, to which the task is sent pickled."""

    def prepare(self, root: str, n_threads: int) -> None:
        """Prepare a worker before its first shard, and check that its device computes a known protein right.

        Raises:
            DeviceFault: the device of this process does not work.
            EnvironmentFault: the machine lacks what the task needs.
        """
        ...

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compute shard `index`, publish its files and its receipt, and return the receipt.

        Args:
            root: directory of the atlas.
            index: number of the shard, from 1.
            n_threads: threads of torch.

        Raises:
            DeviceFault: the device of this process does not work; nothing was published.
        """
        ...

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return the path of the receipt of shard `index`."""
        ...


@runtime_checkable
class DivisibleTask(Protocol):
    """A task that can leave out those sequences of a shard that end the process in which they run."""

    def without(self, failed: Mapping[int, str]) -> ShardTask:
        """Return the same task without some sequences, given by `sequence_id` with the reason, which it records."""
        ...

    def find_deadly_sequences(self, root: str, index: int, n_threads: int, earlier: frozenset[int]) -> dict[int, str]:
        """Return the sequences of shard `index` that end a process, with the reason of each.

        Args:
            root: directory of the atlas.
            index: number of the shard, from 1.
            n_threads: threads of torch.
            earlier: sequences that are known to end a process; they are not run.
        """
        ...


@dataclass(frozen=True)
class EncodeTask:
    """Compute a shard of a build."""

    failed: Mapping[int, str] = field(default_factory=dict, kw_only=True)
    """Sequences that end the process in which they run, by `sequence_id`, with the reason: they are not run."""
    vectors: "BuildVectors | None" = field(default=None, kw_only=True)
    """Pools hidden states meanwhile; None: no vectors are wanted."""

    def prepare(self, root: str, n_threads: int) -> None:
        """Load the model, and run the known protein."""
        prepare_model(root, n_threads)

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compute a shard; the directory has everything that is needed."""
        from attlas.pipeline.shard import encode_shard

        paths, plan, encoder = load_plan_and_model(root, n_threads)
        return encode_shard(paths, plan, plan.shards[index - 1], encoder, failed=self.failed, vectors=self.vectors)

    def without(self, failed: Mapping[int, str]) -> "EncodeTask":
        """Return the task that does not run some sequences."""
        return replace(self, failed=failed)

    def find_deadly_sequences(self, root: str, index: int, n_threads: int, earlier: frozenset[int]) -> dict[int, str]:
        """Return the sequences of a shard that end a process, with the reason of each."""
        from attlas.pipeline.workers.deadly import find_deadly_sequences_of

        return find_deadly_sequences_of(root, index, n_threads, earlier)

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return the path of the receipt of a build's shard."""
        return paths.receipt(index)


ENCODE = EncodeTask()


def run_in_process(
    root: Path, shards: Sequence[Shard], *, n_at_once: int = 1, n_models: int = 1, task: ShardTask = ENCODE
) -> Generator[Event, None, None]:
    """Compute shards in this process, `n_at_once` of them side by side, and yield the events.

    Shards side by side use the cores better than the threads of torch, which wait for each other at every product.
    The first is computed alone: it loads the model, or shows why no model can be loaded. `n_models` is how many shards
    the model computes at once: threads take turns at a GPU.
    """
    n_threads = max(1, count_default_workers("cpu") // n_at_once)
    yield WorkersCounted(n_workers=n_models, n_threads=n_at_once)

    def compute(shard: Shard) -> ShardFinished:
        return ShardFinished(shard, task(str(root), shard.index, n_threads))

    # The costliest come first, so that none is left to be computed alone at the end.
    waiting = sorted(shards, key=lambda shard: -shard.cost)
    yield compute(waiting.pop())

    with ThreadPoolExecutor(n_at_once, thread_name_prefix="attlas-shard") as threads:
        futures = [threads.submit(compute, shard) for shard in waiting]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            # After an error, or if the caller stops, shards that have begun are finished and others are not begun.
            threads.shutdown(cancel_futures=True)


def prepare_model(root: str, n_threads: int) -> None:
    """Load the planned model and check it, or check the one that this process has loaded before.

    Raises:
        DeviceFault: the device does not compute the known protein as it did when the model was loaded.
        EnvironmentFault: the model is not there, or not the planned one.
    """
    from attlas.pipeline.encoder.device_check import confirm_device

    _, _, encoder = load_plan_and_model(root, n_threads)
    confirm_device(encoder, occasion="before its first shard")


def load_plan_and_model(root: str, n_threads: int) -> tuple[AtlasPaths, Plan, Any]:
    """Return the paths of an atlas, its plan, and the planned model, which is loaded once per process."""
    import_libraries()
    from attlas.pipeline.directory import read_plan

    paths = AtlasPaths(Path(root))
    plan = read_plan(paths)
    encoder = load_model(plan.model_directory, plan.run, n_threads, is_compiled=is_worth_compiling(plan))
    return paths, plan, encoder


def load_model(directory: str, run: Run, n_threads: int, *, is_compiled: bool) -> Any:
    """Return the model of a run, which is loaded once per process and stays until another model is needed."""
    import_libraries()
    import torch

    give_back_memory()
    torch.set_num_threads(n_threads)
    with _loading_lock:  # the threads of a worker share one model
        load = partial(_load_encoder, directory, run, is_compiled=is_compiled)
        encoder = load()
        if encoder.fault is not None:  # its device has failed once: load it again, so that it must pass the guard
            _load_encoder.cache_clear()
            encoder = load()
        return encoder


_loading_lock = threading.Lock()


def is_worth_compiling(plan: Plan) -> bool:
    """Return whether a plan is so long that compiled layers save more time than their compilation takes.

    The whole plan decides, not its missing shards, so that all shards are computed by the same code.
    """
    return plan.run.device == "cuda" and plan.totals.cost / GPU_OPERATIONS_PER_S > COMPILED_FROM_S


@lru_cache(maxsize=1)
def _load_encoder(directory: str, run: Run, *, is_compiled: bool) -> Any:
    """Load the model once per process, and check at the same time that it is the planned one.

    Raises:
        EnvironmentFault: its files are not those of the plan, or no model can be loaded from them.
        DeviceFault: the model cannot be run on the device.
    """
    from attlas.pipeline.encoder.encoder import Encoder
    from attlas.pipeline.model.files import find_model

    files = find_model(directory)
    if run.device == "cuda":
        claim_gpu()
        keep_compiled_layers()

    with ThreadPoolExecutor(1) as threads:
        digests = threads.submit(_refuse_other_files, files, run)
        try:
            _check_in_float32(files, run)
            encoder = Encoder(
                files,
                device=run.device,
                dtype=run.dtype,
                theta=run.edge_theta,
                attention=run.attention,
                products=run.products,
                is_compiled=is_compiled,
            )
        except Fault:
            digests.result()  # other files than the planned ones explain every other error
            raise
        except Exception as error:
            digests.result()
            raise DeviceFault(
                f"The model cannot be run on the device {run.device} of {socket.gethostname()}.",
                found=first_line(error),
                hint="see whether another program uses the device or its memory (nvidia-smi), then run the command "
                "again",
            ) from None
        digests.result()
    return encoder


def _check_in_float32(files: ModelFiles, run: Run) -> None:
    """Compare a model with its own attention in float32 before a run of half precision, whose bound is 250 times wider.

    Positions that are off by one, or a letter that is hidden, stay within the bound of half precision. Where the
    weights do not fit as float32, nothing is compared.

    Raises:
        EnvironmentFault: as `Encoder`.
    """
    import torch

    from attlas.pipeline.encoder.encoder import Encoder

    if run.dtype == "float32" or CHECK_ROOM * files.shape.weight_bytes > measure_available_bytes(run.device):
        return
    attention = HOOKED if run.attention == HOOKED else WHOLE_MAPS
    Encoder(files, device=run.device, dtype="float32", theta=run.edge_theta, attention=attention)

    gc.collect()
    if run.device == "cuda":
        torch.cuda.empty_cache()  # packs are cut by what is free


def _refuse_other_files(files: ModelFiles, run: Run) -> None:
    """Refuse a model whose files are not those of the plan. Raises EnvironmentFault."""
    for part, planned, sha256 in (
        ("weights", run.weights_sha256, files.weights_sha256()),
        ("configuration and vocabulary", run.config_sha256, files.config_sha256()),
    ):
        if planned != sha256:
            raise EnvironmentFault(
                f"The {part} in {files.directory} are not those of the plan.",
                expected=f"sha256 {planned}",
                found=f"sha256 {sha256}",
                hint="put the planned model back, or build into a new directory",
            )


def keep_compiled_layers() -> None:
    """Let torch keep compiled code in the user's cache for later builds; its own default is a temporary folder."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "attlas" / "compiled"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
