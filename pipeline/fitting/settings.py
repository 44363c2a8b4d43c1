"""The settings of a fit."""

from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.fitting.folds import N_FOLDS
from attlas.schema import InputError

FEWEST_GROUPS_PER_FOLD = 2
"""Families with a label, for each fold, that a label needs."""
FEWEST_FOLDS = 3

TRAINED, RANDOM = "trained", "random"
"""Weights of the model, and those of a model of the same shape before training."""


@dataclass(frozen=True)
class FitSettings:
    """The settings of a fit."""

    labels: tuple[str, ...] | None = None
    """Types of features, tracks (`track:NAME`), and `contacts`; None: every type of feature that enough families
    have."""
    by: str = "family"
    """The groups that folds hold out: `family`, `cluster40` or `none`."""
    clusters: Path | None = None
    """A table of accession and cluster, in place of computed clusters."""
    database: str | None = None
    """The database of families; None: all of them."""
    n_folds: int = N_FOLDS
    seed: int = 1
    has_random_weights: bool = False
    """Whether a model of random weights is fitted, too."""

    def refuse_few_folds(self) -> None:
        """Refuse fewer folds than a penalty can be chosen on. Raises InputError."""
        if self.n_folds < FEWEST_FOLDS:
            raise InputError(
                "Folds are left out in turn, and the penalty is chosen on those that remain.",
                expected=f"{FEWEST_FOLDS} folds or more",
                found=str(self.n_folds),
            )

    def refuse_unused(self) -> None:
        """Refuse a table of clusters, or a database, that would not be looked at. Raises InputError."""
        for option, is_given, rule in (
            ("--clusters", self.clusters is not None, "cluster40"),
            ("--database", self.database is not None, "family"),
        ):
            if is_given and self.by != rule:
                raise InputError(
                    f"{option} is of what is held out by another rule.",
                    expected=f"--by {rule}",
                    found=f"--by {self.by}",
                )
