"""The cost of a fit, predicted before it begins, as `dry_run` does for a build. Loads no torch."""

from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.directory import read_plan
from attlas.pipeline.dry_run import predict_pass_cost
from attlas.pipeline.estimate import ProcessCost
from attlas.pipeline.fitting.preparing import PreparedFit, prepare_fit
from attlas.pipeline.fitting.settings import FitSettings
from attlas.schema import AtlasPaths, Manifest

N_PASSES = 2
"""Passes of each model: sums, then scores."""
SECONDS_OF_BUILD = 1.25
"""Seconds that a pass takes for operations that take a build one second: the bar is 2.5 builds for both."""


@dataclass(frozen=True)
class FitCost(ProcessCost):
    """The predicted cost of a fit; its files stay on the disk until its end."""

    prepared: PreparedFit
    solving_bytes: int
    """Bound on what the process of the command takes besides its libraries, between and after the passes."""


def predict_fit_cost(root: Path, settings: FitSettings, *, n_workers: int | None = None) -> FitCost:
    """Return the cost of a fit on this machine; nothing is written. Raises as `fitting.fit_atlas`."""
    paths = AtlasPaths(root)
    manifest = Manifest.read(paths)
    plan = read_plan(paths)
    prepared = prepare_fit(paths, manifest, plan, settings)

    cost = predict_pass_cost(
        prepared.shards,
        prepared.model,
        device=plan.run.device,
        n_workers=n_workers,
        seconds_of_build=N_PASSES * prepared.n_models * SECONDS_OF_BUILD,
        disk_bytes=prepared.predict_disk_bytes(),
    )
    return FitCost(**vars(cost), prepared=prepared, solving_bytes=prepared.predict_bytes())
