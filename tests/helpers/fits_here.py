"""Fits of a small atlas in this process, without a word, by the settings that are named."""

from pathlib import Path

from attlas.pipeline.encode import StartProgress
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.adding import add_fits
from attlas.pipeline.fitting.cost import FitCost, predict_fit_cost
from attlas.pipeline.fitting.fitting import Fit, fit_atlas
from attlas.pipeline.fitting.settings import FitSettings
from attlas.pipeline.fitting.task import FitTargets
from attlas.pipeline.workers.runners import load_plan_and_model
from helpers.fit_case import start_silently
from helpers.fit_oracle import make_task


def fit_here(root: Path, *, start: StartProgress = start_silently, n_workers: int = 0, **settings: object) -> Fit:
    """Fit probes to an atlas."""
    return fit_atlas(root, FitSettings(**settings), start=start, n_workers=n_workers)


def add_fits_here(root: Path, **settings: object) -> Fit:
    """Fit probes to an atlas, and add their rows to it."""
    return add_fits(root, FitSettings(**settings), start=start_silently, n_workers=0)


def prepare_targets(root: Path, **settings: object) -> FitTargets:
    """Return the targets of a fit to residues."""
    return make_task(root, FitSettings(**settings))


def foretell_fit(root: Path, **settings: object) -> FitCost:
    """Return the cost of a fit in this process, without a fit."""
    return predict_fit_cost(root, FitSettings(**settings), n_workers=0)


def load_model_of(root: Path) -> tuple[Encoder, int]:
    """Return the model of an atlas, and how many tokens its plan puts into a pack."""
    _, plan, encoder = load_plan_and_model(str(root), 1)
    return encoder, plan.pack_tokens
