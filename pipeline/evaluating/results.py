"""The numbers of an evaluation, for each kind of held-out groups: as they are printed, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from attlas.pipeline.evaluating.differences import Difference
from attlas.pipeline.evaluating.verdict import Judgement

IDENTITY_EDGES = (0.0, 0.3, 0.4, 0.6, 0.8, 1.01)
"""Edges of the classes of identity to the nearest training protein; below the first edge there is none."""


@dataclass(frozen=True)
class PredictorResult:
    """A predictor over all proteins: means per protein with 95 % intervals over families."""

    name: str
    average_precision: float
    average_precision_low: float
    average_precision_high: float
    grouped_precision: float
    """Mean average precision with residues of equal score taken together, as in other programs."""
    f1: float
    f1_low: float
    f1_high: float


@dataclass(frozen=True)
class ComparisonResult:
    """What an addition changes, per protein."""

    name: str
    kind: str
    average_precision: Difference
    f1: Difference
    power: float
    """Chance that a true difference of the smallest interesting size is detected."""
    detectable_effect: float
    """Smallest true difference that is detected with a power of 80 %."""


@dataclass(frozen=True)
class IdentityResult:
    """The proteins of a class of identity to the nearest training protein."""

    low: float
    high: float
    n_proteins: int
    average_precision: dict[str, float]
    """Mean of each predictor."""


@dataclass(frozen=True)
class RivalResult:
    """Predictions of others on the proteins that they name, compared with ours on the same proteins."""

    name: str
    n_proteins: int
    n_not_named: int
    """Proteins of the truth that the table does not name."""
    training: str
    """How many of them it was trained on, with what is not known of the list; or `unknown`, and why."""
    average_precision: float
    f1: float
    comparisons: tuple[ComparisonResult, ...]
    """Our predictors minus the rival."""


@dataclass(frozen=True)
class HoldOutResult:
    """All that was measured with groups of one kind held out."""

    held_out: str
    """What was held out, such as `40 % clusters`."""
    method: str
    """How the groups were made."""
    n_proteins: int
    n_groups: int
    n_train: int
    """Training proteins from another set; 0 if folds of one set predict each other."""
    predictors: tuple[PredictorResult, ...]
    comparisons: tuple[ComparisonResult, ...]
    by_identity: tuple[IdentityResult, ...]
    rivals: tuple[RivalResult, ...]
    judgements: dict[str, Judgement]
    """Verdicts by the kind of addition."""


@dataclass(frozen=True)
class Evaluation:
    """An evaluation of one atlas."""

    model: str
    weights_sha256: str
    truth: str
    truth_sha256: str
    n_lines: int
    n_left_out: int
    n_proteins: int
    n_residues: int
    n_labelled: int
    families: str
    """The groups over which the bootstrap draws, in words."""
    seed: int
    n_draws: int
    hold_outs: tuple[HoldOutResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as values that `json` can write."""
        values = asdict(self)
        for result, hold_out in zip(values["hold_outs"], self.hold_outs, strict=True):
            result["judgements"] = {
                kind: {"verdict": judgement.verdict.value, "sentence": judgement.sentence}
                for kind, judgement in hold_out.judgements.items()
            }
        return values


def describe(evaluation: Evaluation) -> list[str]:
    """Return the lines of the report, plain text."""
    lines = [
        f"model      {evaluation.model}",
        f"truth      {evaluation.truth}: {evaluation.n_proteins:,} proteins, {evaluation.n_residues:,} residues, "
        f"{evaluation.n_labelled:,} labelled",
        f"families   {evaluation.families}",
        f"intervals  95 %, {evaluation.n_draws:,} draws of families, seed {evaluation.seed}; p adjusted by Holm",
    ]
    for result in evaluation.hold_outs:
        lines += ["", *_describe_hold_out(result)]
    return lines


def _describe_hold_out(result: HoldOutResult) -> list[str]:
    fitted_on = f", fitted on {result.n_train:,} proteins of the other set" if result.n_train else ""
    lines = [
        f"{result.held_out} held out: {result.n_proteins:,} proteins in {result.n_groups:,} groups{fitted_on}",
        f"  {result.method}",
        "",
        f"  {'predictor':<28}{'AUPRC':>7}  {'95 % interval':<16}{'grouped':>8}{'F1':>7}  95 % interval",
    ]
    for predictor in result.predictors:
        precision = f"{predictor.average_precision_low:.3f} to {predictor.average_precision_high:.3f}"
        f1 = f"{predictor.f1_low:.3f} to {predictor.f1_high:.3f}"
        lines.append(
            f"  {predictor.name:<28}{predictor.average_precision:>7.3f}  {precision:<16}"
            f"{predictor.grouped_precision:>8.3f}{predictor.f1:>7.3f}  {f1}"
        )

    lines += ["", *_describe_comparisons(result.comparisons, "what is added"), "", *_describe_identities(result)]
    for rival in result.rivals:
        lines += ["", *_describe_rival(rival)]
    return [*lines, "", *(judgement.sentence for judgement in result.judgements.values())]


def _describe_comparisons(comparisons: Sequence[ComparisonResult], title: str) -> list[str]:
    lines = [f"  {title:<28}{'AUPRC':>7}  {'95 % interval':<18}{'p':>7}{'F1':>8}{'p':>8}  power  detectable"]
    for comparison in comparisons:
        precision, f1 = comparison.average_precision, comparison.f1
        interval = f"{precision.low:+.3f} to {precision.high:+.3f}"
        lines.append(
            f"  {comparison.name:<28}{precision.mean:>+7.3f}  {interval:<18}{precision.p_holm:>7.4f}"
            f"{f1.mean:>+8.3f}{f1.p_holm:>8.4f}{comparison.power:>7.2f}{comparison.detectable_effect:>12.3f}"
        )
    return lines


def _describe_identities(result: HoldOutResult) -> list[str]:
    names = list(result.by_identity[0].average_precision) if result.by_identity else []
    lines = [f"  {'nearest fitted on':<28}{'proteins':>9}" + "".join(f"  {name}" for name in names)]
    for part in result.by_identity:
        label = "no relative" if part.high <= 0 else f"{part.low:.0%} to {min(part.high, 1):.0%} identity"
        cells = "".join(f"  {part.average_precision[name]:>{len(name)}.3f}" for name in names)
        lines.append(f"  {label:<28}{part.n_proteins:>9}{cells}")
    return lines


def _describe_rival(rival: RivalResult) -> list[str]:
    return [
        f"  {rival.name}: AUPRC {rival.average_precision:.3f}, F1 {rival.f1:.3f} on the {rival.n_proteins:,} proteins "
        f"that it names; {rival.n_not_named:,} others are left out here; proteins it was trained on: {rival.training}",
        *_describe_comparisons(rival.comparisons, f"less {rival.name}"),
    ]
