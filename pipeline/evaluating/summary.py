"""The scores of proteins summed up: means, differences with intervals, classes of identity, rivals, verdicts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.evaluating.differences import (
    ALPHA,
    bootstrap_means,
    compare_pairs,
    find_detectable_effect,
    find_power,
)
from attlas.pipeline.evaluating.precision import choose_threshold, compute_average_precision, compute_f1
from attlas.pipeline.evaluating.predictors import ADDITIONS, STRONGEST, WEAK, list_comparisons
from attlas.pipeline.evaluating.results import (
    IDENTITY_EDGES,
    ComparisonResult,
    HoldOutResult,
    IdentityResult,
    PredictorResult,
    RivalResult,
)
from attlas.pipeline.evaluating.rivals import Rival
from attlas.pipeline.evaluating.scoring import ProteinScore
from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.pipeline.evaluating.verdict import Judgement, describe_verdict

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoredSet:
    """The test proteins with the scores of every predictor."""

    proteins: tuple[LabelledProtein, ...]
    families: tuple[str, ...]
    """The groups over which the bootstrap draws, for every kind of held-out groups."""
    nearest_identity: Floats
    """Identity of each protein to the nearest training protein, (P,)."""
    scores: Mapping[str, tuple[ProteinScore, ...]]
    """Scores of each predictor, by protein."""
    folds: NDArray[np.intp]
    """The split in which each protein was predicted, (P,)."""

    def average_precision(self, name: str) -> Floats:
        """Return the average precision of a predictor on each protein, (P,)."""
        return np.array([score.average_precision for score in self.scores[name]])

    def f1(self, name: str) -> Floats:
        """Return F1 of a predictor on each protein, (P,)."""
        return np.array([score.f1 for score in self.scores[name]])


def summarise(
    scored: ScoredSet, *, held_out: str, model: str, rivals: Sequence[Rival], seed: int, n_draws: int
) -> HoldOutResult:
    """Return all results for one kind of held-out groups."""
    comparisons = _compare(scored, seed, n_draws)
    return HoldOutResult(
        held_out=held_out,
        method="",
        n_proteins=len(scored.proteins),
        n_groups=0,
        n_train=0,
        predictors=_average(scored, seed, n_draws),
        comparisons=comparisons,
        by_identity=_divide_by_identity(scored),
        rivals=tuple(_lay_beside(scored, rival, seed, n_draws) for rival in rivals),
        judgements={kind: _judge(comparisons, kind, model, held_out) for kind in ADDITIONS},
    )


def _average(scored: ScoredSet, seed: int, n_draws: int) -> tuple[PredictorResult, ...]:
    """Return the means of every predictor with intervals over families."""
    names = list(scored.scores)
    values = np.array([scored.average_precision(name) for name in names] + [scored.f1(name) for name in names])
    draws = bootstrap_means(values, scored.families, seed=seed, n_draws=n_draws)
    low, high = np.quantile(draws, [ALPHA / 2, 1 - ALPHA / 2], axis=1)
    grouped = [float(np.mean([score.grouped_precision for score in scored.scores[name]])) for name in names]
    means = values.mean(1)  # (2 x predictors): average precision of all, then F1 of all

    return tuple(
        PredictorResult(
            name=name,
            average_precision=float(means[i]),
            average_precision_low=float(low[i]),
            average_precision_high=float(high[i]),
            grouped_precision=grouped[i],
            f1=float(means[i + len(names)]),
            f1_low=float(low[i + len(names)]),
            f1_high=float(high[i + len(names)]),
        )
        for i, name in enumerate(names)
    )


def _compare(scored: ScoredSet, seed: int, n_draws: int) -> tuple[ComparisonResult, ...]:
    """Return the change by every addition; average precision and F1 are families of tests of their own."""
    comparisons = list_comparisons()
    pairs = [(comparison.extended.name, comparison.baseline.name) for comparison in comparisons]
    precision = np.array([scored.average_precision(name) - scored.average_precision(base) for name, base in pairs])
    f1 = np.array([scored.f1(name) - scored.f1(base) for name, base in pairs])
    labels = [(comparison.name, comparison.kind) for comparison in comparisons]
    return _make_comparisons(labels, precision, f1, scored.families, seed, n_draws)


def _make_comparisons(
    labels: Sequence[tuple[str, str]],
    precision: Floats,
    f1: Floats,
    families: Sequence[str],
    seed: int,
    n_draws: int,
) -> tuple[ComparisonResult, ...]:
    """Return comparisons from their differences per protein, (C, P), of average precision and of F1."""
    of_precision = compare_pairs(precision, families, seed=seed, n_draws=n_draws)
    of_f1 = compare_pairs(f1, families, seed=seed, n_draws=n_draws)

    return tuple(
        ComparisonResult(
            name=name,
            kind=kind,
            average_precision=difference,
            f1=f1_difference,
            power=find_power(difference.standard_error, n_comparisons=len(labels)),
            detectable_effect=find_detectable_effect(difference.standard_error, n_comparisons=len(labels)),
        )
        for (name, kind), difference, f1_difference in zip(labels, of_precision, of_f1, strict=True)
    )


def _divide_by_identity(scored: ScoredSet) -> tuple[IdentityResult, ...]:
    """Return the means of the baselines and of the strongest with attention, by identity to the nearest fitted on."""
    names = ["window", "homology", "embedding", STRONGEST, f"{STRONGEST} + attention"]
    values = {name: scored.average_precision(name) for name in names}
    nearest = scored.nearest_identity

    classes = [(0.0, 0.0, nearest == 0)]
    classes += [
        (low, high, (nearest > 0) & (nearest >= low) & (nearest < high)) for low, high in pairwise(IDENTITY_EDGES)
    ]
    return tuple(
        IdentityResult(low, high, int(mask.sum()), {name: float(values[name][mask].mean()) for name in names})
        for low, high, mask in classes
        if mask.any()
    )


def _judge(comparisons: Sequence[ComparisonResult], kind: str, model: str, held_out: str) -> Judgement:
    name = ADDITIONS[kind][0]
    of_kind = {part.name.split(" + ")[0]: part for part in comparisons if part.kind == kind}
    return describe_verdict(
        of_kind[STRONGEST].average_precision,
        {baseline: of_kind[baseline].average_precision for baseline in WEAK},
        power=of_kind[STRONGEST].power,
        addition=name,
        baseline="window, homology and embedding together",
        model=model,
        held_out=f"{held_out} held out",
    )


def _lay_beside(scored: ScoredSet, rival: Rival, seed: int, n_draws: int) -> RivalResult:
    """Return the rival's numbers and ours on the proteins that it names."""
    of_rival = [rival.score(protein) for protein in scored.proteins]
    places = [place for place, scores in enumerate(of_rival) if scores is not None]
    values = {place: scores for place, scores in enumerate(of_rival) if scores is not None}
    labels = {place: scored.proteins[place].labels for place in places}
    precision = np.array([compute_average_precision(values[place], labels[place]) for place in places])
    f1 = np.array(
        [compute_f1(values[place], labels[place], _find_threshold(scored, rival, values, place)) for place in places]
    )

    names = [STRONGEST, f"{STRONGEST} + attention"]
    training = "unknown"
    if rival.training_list is not None:
        training = rival.training_list.describe_overlap([scored.proteins[place] for place in places])
    return RivalResult(
        name=rival.name,
        n_proteins=len(places),
        n_not_named=len(of_rival) - len(places),
        training=training,
        average_precision=float(precision.mean()),
        f1=float(f1.mean()),
        comparisons=_make_comparisons(
            [(name, "rival") for name in names],
            np.array([scored.average_precision(name)[places] - precision for name in names]),
            np.array([scored.f1(name)[places] - f1 for name in names]),
            [scored.families[place] for place in places],
            seed,
            n_draws,
        ),
    )


def _find_threshold(scored: ScoredSet, rival: Rival, values: Mapping[int, Floats], place: int) -> float:
    """Return the threshold of a rival for a protein: every row without probabilities, else fixed on other folds."""
    others = [other for other in values if scored.folds[other] != scored.folds[place]]
    if not rival.has_probabilities or not others:
        return 0.5
    return choose_threshold([values[other] for other in others], [scored.proteins[other].labels for other in others])
