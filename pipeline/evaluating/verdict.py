"""The verdict in one sentence: what the intervals say about a claim, for the measured model. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from attlas.pipeline.evaluating.differences import ALPHA, SMALLEST_EFFECT, Difference


class Verdict(Enum):
    """What a set of labelled proteins says about the claim."""

    HOLDS = "holds"
    WEAK_ONLY = "holds against weak baselines only"
    FAILS = "does not hold"
    UNSETTLED = "is not settled"


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason."""

    verdict: Verdict
    sentence: str
    """One sentence, which names model and weights."""


def adds(difference: Difference) -> bool:
    """Return whether a difference is above 0 by its test, adjusted for all comparisons."""
    return difference.mean > 0 and difference.p_holm < ALPHA and difference.low > 0


def judge(strong: Difference, weak: Mapping[str, Difference]) -> Verdict:
    """Return the verdict.

    Args:
        strong: what attention adds to the strongest baseline, which uses all but attention.
        weak: what it adds to weak baselines, by their names.
    """
    if adds(strong):
        # An addition that is certainly too small to be interesting counts as none.
        return Verdict.HOLDS if strong.high >= SMALLEST_EFFECT else Verdict.FAILS
    if strong.high >= SMALLEST_EFFECT:
        return Verdict.UNSETTLED
    if any(adds(difference) and difference.high >= SMALLEST_EFFECT for difference in weak.values()):
        return Verdict.WEAK_ONLY
    return Verdict.FAILS


def describe_verdict(
    strong: Difference,
    weak: Mapping[str, Difference],
    *,
    power: float,
    addition: str,
    baseline: str,
    model: str,
    held_out: str,
) -> Judgement:
    """Return the verdict and its sentence.

    Args:
        strong: as for `judge`.
        weak: as for `judge`.
        power: chance that this set detects a true difference of the smallest interesting size.
        addition: what is added, such as `attention`.
        baseline: the strongest baseline in words.
        model: the model and its weights, to which the sentence is limited.
        held_out: what was held out, in words.
    """
    verdict = judge(strong, weak)
    size = f"{strong.mean:+.3f} ({strong.low:+.3f} to {strong.high:+.3f}) average precision per protein"
    to_baseline = f"{addition} adds {size} to {baseline}"
    # The interval is for one comparison, the p value for all: the interval can be above 0 where p is not below ALPHA.
    doubt = f"where both nothing and {SMALLEST_EFFECT} remain possible"
    if strong.low > 0:
        doubt = f"above 0 by its own interval, but not with p adjusted for all comparisons ({strong.p_holm:.3f})"
    reasons = {
        Verdict.HOLDS: to_baseline,
        Verdict.WEAK_ONLY: f"{addition} adds to {_name_weak(weak)}, but {size} to {baseline}",
        Verdict.FAILS: f"{to_baseline}, which is less than {SMALLEST_EFFECT}",
        Verdict.UNSETTLED: f"{to_baseline}, {doubt}",
    }

    power_text = f"this set would tell a difference of {SMALLEST_EFFECT} with a power of {power:.2f}"
    sentence = f"For {model}, {held_out}, the claim {verdict.value}: {reasons[verdict]}; {power_text}."
    return Judgement(verdict, sentence)


def _name_weak(weak: Mapping[str, Difference]) -> str:
    """Return the weak baselines that the addition improves, each with its difference."""
    parts = [f"{name} ({difference.mean:+.3f})" for name, difference in weak.items() if adds(difference)]
    return " and ".join(parts)
