"""What a pass of a fit does with one of its shards, in this process or in a worker; and how a pass is run.

A shard's arrays are saved, then comes its receipt, which says that the shard is finished.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from attlas.pipeline.encode import StartProgress, encode
from attlas.pipeline.encoder.device_check import confirm_device, refuse_faulty_device, while_device_works
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.finishing import make_receipt
from attlas.pipeline.fitting.fold_shards import FoldShards
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.saved_arrays import Arrays, SavedArrays
from attlas.pipeline.plan import Plan
from attlas.pipeline.shard_parts import PartRecord
from attlas.pipeline.workers.runners import load_model
from attlas.schema import AtlasPaths, Receipt
from attlas.schema.run import Run

StartPass = Callable[[str], StartProgress]
"""Is told which pass begins, and returns what takes its progress."""


@dataclass(frozen=True)
class FitModel:
    """A model that is fitted: the trained one, or that of random weights."""

    name: str
    """Its weights, as `fits` names them."""
    directory: str
    run: Run
    """What the files of the directory are checked against."""
    is_compiled: bool
    shape: Shape
    pack_tokens: int

    def load(self, n_threads: int) -> Encoder:
        """Return the model, which is loaded once per process."""
        encoder: Encoder = load_model(self.directory, self.run, n_threads, is_compiled=self.is_compiled)
        return encoder


@dataclass(frozen=True)
class FitTask(ABC):
    """A `runners.ShardTask` over the shards of a fit; it travels pickled, its inputs are in the saved arrays."""

    folder: str
    """Name of the folder of the fit, in that of all parts."""
    model: FitModel
    shards: FoldShards

    @property
    @abstractmethod
    def name(self) -> str:
        """The beginning of its files' names."""

    @abstractmethod
    def compute(self, encoder: Encoder, saved: SavedArrays, index: int) -> Arrays:
        """Return the arrays of shard `index`.

        Raises:
            EnvironmentFault: a number is not finite, or what was saved cannot be read.
        """

    def open_saved(self, paths: AtlasPaths) -> SavedArrays:
        """Return the saved arrays of the fit."""
        return SavedArrays(paths.parts / self.folder)

    def name_shard(self, index: int) -> str:
        """Return the name of the arrays of shard `index`."""
        return f"{self.name}-{index:05d}"

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return the path at which the receipt of shard `index` is published."""
        return paths.parts / self.folder / f"{self.name_shard(index)}.json"

    def is_finished(self, paths: AtlasPaths, index: int) -> bool:
        """Return whether the arrays of shard `index` are there."""
        return self.receipt(paths, index).is_file() and self.open_saved(paths).has(self.name_shard(index))

    def prepare(self, root: str, n_threads: int) -> None:
        """Load the model, and run the known protein."""
        confirm_device(self.model.load(n_threads), occasion="before its first shard")

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compute shard `index` in this process, save its arrays, publish its receipt, and return it."""
        started = time.perf_counter()
        paths, shard = AtlasPaths(Path(root)), self.shards.shards[index - 1]
        saved = self.open_saved(paths)
        encoder = self.model.load(n_threads)
        refuse_faulty_device(encoder)

        # One shard at a time uses a GPU, whose memory holds the sums of one.
        with encoder.lock:
            arrays = self.compute(encoder, saved, index)
            confirm_device(encoder)
        model_s = time.perf_counter() - started

        saved.write(self.name_shard(index), arrays)
        wall_s = time.perf_counter() - started

        # A shard of a fit is one part.
        record = PartRecord(
            plan_id=self.name,
            first_sequence_id=shard.first_sequence_id,
            end_sequence_id=shard.end_sequence_id,
            n_sequences=shard.n_sequences,
            n_residues=shard.n_residues,
            n_failed=0,
            model_s=model_s,
            wall_s=wall_s,
        )
        device = encoder.device.type
        receipt = make_receipt(shard, [record], [], plan_id=self.name, wall_s=wall_s, device=device)
        with while_device_works(encoder):
            receipt.write_to(self.receipt(paths, index))
        return receipt


@dataclass(frozen=True)
class PassRunner:
    """Runs the passes of a fit, by this process or by workers."""

    paths: AtlasPaths
    plan: Plan
    start: StartPass
    n_workers: int | None
    """As in `encode.encode`."""
    scheduler: str | None

    def run(self, task: FitTask, text: str) -> None:
        """Compute the shards that are not finished; `text` says which pass it is. Raises as `encode.encode`."""
        shards = task.shards.shards
        missing = [shard for shard in shards if not task.is_finished(self.paths, shard.index)]
        if missing:
            progress = self.start(text)(replace(self.plan, shards=shards), missing)
            encode(
                self.paths,
                self.plan,
                shards=missing,
                progress=progress,
                n_workers=self.n_workers,
                scheduler=self.scheduler,
                task=task,
                is_kept=False,
            )
