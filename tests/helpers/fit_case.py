"""Random rows of `fits`, for the atlases of the tests."""

import random
from pathlib import Path
from typing import TYPE_CHECKING

from attlas.queries import Atlas
from attlas.schema import FITS
from helpers.table_files import add_rows

if TYPE_CHECKING:
    from attlas.pipeline.encode import StartProgress

Row = dict[str, object]
LABELS = ("Active site", "Helix", "track:score")
MEASURES = ("auprc", "auprc_protein", "auroc", "mcc", "f1", "r2", "spearman")
OF_CONTACTS = ("precision_l2",)
OF_TRACKS = ("r2", "spearman")


def start_silently(text: str) -> "StartProgress":
    """Start a pass whose progress nobody takes."""
    return lambda plan, shards: lambda event: None


class StopPass:
    """Starts passes, and stops in the middle of one as Ctrl-C does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.n_finished = 0

    def __call__(self, text: str) -> "StartProgress":
        def take(event: object) -> None:
            is_finished = type(event).__name__ == "ShardFinished"
            self.n_finished += is_finished
            if text == self.name and is_finished:
                raise KeyboardInterrupt

        return lambda plan, shards: take


def draw_fits(n_layers: int, *, seed: int = 0) -> list[Row]:
    """Return rows of two types of features, with the model before training beside one, and of a track."""
    choose = random.Random(seed)
    layers = tuple(range(n_layers))
    inputs = {"letter": (-1,), "window": (-1,), "attention": (-1, *layers), "embedding": layers, "both": layers}
    rows = []
    for label in LABELS:
        for weights in ("trained", "random") if label == "Helix" else ("trained",):
            for source, of_source in inputs.items():
                if weights == "trained" or source not in ("letter", "window"):
                    rows += [_draw_row(label, weights, source, layer, choose) for layer in of_source]
    return rows


def _draw_row(label: str, weights: str, source: str, layer: int, choose: random.Random) -> Row:
    row: Row = {"label": label, "weights": weights, "input": source, "layer": layer}
    for measure in MEASURES:
        is_null = (measure in OF_TRACKS) != label.startswith("track:")
        value = round(choose.uniform(-0.1 if measure == "r2" else 0.05, 0.9), 2)  # with ties
        row |= {measure: None if is_null else value}
        without_interval = is_null or source == "window"  # as with fewer than five families
        row |= {f"{measure}_low": None if without_interval else value - choose.uniform(0.01, 0.05)}
        row |= {f"{measure}_high": None if without_interval else value + choose.uniform(0.01, 0.05)}
    row |= {f"{measure}{end}": None for measure in OF_CONTACTS for end in ("", "_low", "_high")}
    plain = row["r2" if label.startswith("track:") else "auprc"]
    control = choose.uniform(0, 0.1)
    row |= {"control": control, "selectivity": plain - control, "permuted": choose.uniform(0, 0.1)}  # type: ignore[operator]
    row |= {"prevalence": 0.031, "penalty": 0.01, "n_labelled": 40, "n_residues": 1300}
    return row | {"n_sequences": 30, "n_groups": 12}


def fits_at_random(root: Path, *, seed: int = 0) -> None:
    """Add random rows of a fit to an atlas."""
    with Atlas.open(root) as atlas:
        n_layers = atlas.n_layers
    add_rows(root, FITS, draw_fits(n_layers, seed=seed), "fit")
