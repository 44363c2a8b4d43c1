"""The predictors that are compared: which columns each has, and what is compared with what. Pure."""

from dataclasses import dataclass

LETTER = "letter"
WINDOW = "window"
HOMOLOGY = "homology"
EMBEDDING = "embedding"
SITES = "sites"
LAST_LAYER = "last_layer"
PROFILE = "profile"
HEADS = "heads"


@dataclass(frozen=True)
class Predictor:
    """A model of some blocks of columns."""

    name: str
    blocks: tuple[str, ...]
    is_boosted: bool = False
    """Whether the model is boosted trees; otherwise it is logistic."""


@dataclass(frozen=True)
class PredictorPair:
    """Two predictors that differ by one addition."""

    name: str
    baseline: Predictor
    extended: Predictor
    kind: str
    """`rule`: HA sites are added; `attention`: profile of all layers and every head are added, too."""


BASELINES = (
    Predictor("letter", (LETTER,)),
    Predictor("window", (WINDOW,)),
    Predictor("homology", (HOMOLOGY,)),
    Predictor("embedding", (EMBEDDING,)),
    Predictor("all of these", (WINDOW, HOMOLOGY, EMBEDDING)),
)
"""Predictors without attention; the window includes the letter."""
WEAK = ("letter", "window")
STRONGEST = "all of these"

OF_ATTENTION = (
    Predictor("HA rule", (SITES,)),
    Predictor("last layer", (LAST_LAYER,)),
    Predictor("profile", (PROFILE,)),
    Predictor("heads", (PROFILE, HEADS)),
)
"""Predictors of attention alone."""

ADDITIONS = {"rule": ("HA rule", (SITES,)), "attention": ("attention", (SITES, PROFILE, HEADS))}
"""What is added to a baseline: its name and its blocks, by the kind of comparison."""

BOOSTED = (
    Predictor("boosted letter + attention", (LETTER, *ADDITIONS["attention"][1]), is_boosted=True),
    Predictor(f"boosted {STRONGEST} + attention", (*BASELINES[-1].blocks, *ADDITIONS["attention"][1]), is_boosted=True),
)
"""Predictors of candidate sites by boosted trees; the claim is judged by logistic predictors alone."""


def list_comparisons() -> list[PredictorPair]:
    """Return every baseline paired with itself plus an addition: the tests that are corrected together."""
    return [
        PredictorPair(
            name=f"{baseline.name} + {name}",
            baseline=baseline,
            extended=Predictor(f"{baseline.name} + {name}", baseline.blocks + blocks),
            kind=kind,
        )
        for kind, (name, blocks) in ADDITIONS.items()
        for baseline in BASELINES
    ]


def list_predictors() -> list[Predictor]:
    """Return all predictors, each once: the baselines, attention alone, the baselines with additions."""
    return [*BASELINES, *OF_ATTENTION, *(comparison.extended for comparison in list_comparisons())]
