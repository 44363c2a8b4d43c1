"""What a fit costs, foretold before it begins, as `dry_run` foretells a build. Loads no torch."""

from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.directory import read_plan
from attlas.pipeline.dry_run import choose_processes
from attlas.pipeline.estimate import measure_rate, predict_seconds
from attlas.pipeline.fitting.preparing import PreparedFit, prepare_fit
from attlas.pipeline.fitting.settings import FitSettings
from attlas.pipeline.plan import predict_process_bytes
from attlas.schema import AtlasPaths, Manifest

N_PASSES = 2
"""Passes of each model: sums, then scores."""
SECONDS_OF_BUILD = 1.25
"""Seconds that a pass takes for operations that take a build one second: the bar is 2.5 builds for both."""


@dataclass(frozen=True)
class FitCost:
    """The foretold cost of a fit."""

    prepared: PreparedFit
    device: str
    n_workers: int
    is_in_process: bool
    """Whether no workers are started: the process of the command computes."""
    n_at_once: int
    """Shards that a process computes side by side."""
    peak_bytes: int
    """Bound on the memory of one process with the largest shards that it computes side by side."""
    solving_bytes: int
    """Bound on what the process of the command takes besides its libraries, between and after the passes."""
    disk_bytes: int
    """Kept until the end of the fit."""
    wall_s: float
    """Rough: the predicted operations over a rate measured or assumed for this machine."""


def foretell_fit(root: Path, settings: FitSettings, *, n_workers: int | None = None) -> FitCost:
    """Return the cost of a fit on this machine; nothing is written. Raises as `fitting.fit_atlas`."""
    paths = AtlasPaths(root)
    manifest = Manifest.read(paths)
    plan = read_plan(paths)
    prepared = prepare_fit(paths, manifest, plan, settings)

    device, shards = plan.run.device, prepared.shards
    processes = choose_processes(shards, device=device, n_workers=n_workers)
    rate = measure_rate(device) * (1 if device == "cuda" else processes.n_workers)
    n_passes = N_PASSES * prepared.n_models
    return FitCost(
        prepared=prepared,
        device=device,
        n_workers=processes.n_workers,
        is_in_process=processes.is_in_process,
        n_at_once=processes.n_at_once,
        peak_bytes=predict_process_bytes(shards, shape=prepared.model, n_at_once=processes.n_at_once),
        solving_bytes=prepared.predict_bytes(),
        disk_bytes=prepared.predict_disk_bytes(),
        wall_s=n_passes * SECONDS_OF_BUILD * predict_seconds(shards, rate),
    )
