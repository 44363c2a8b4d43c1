"""The verdict follows from the intervals alone."""

import pytest

from attlas.pipeline.evaluating.differences import Difference
from attlas.pipeline.evaluating.verdict import Verdict, describe_verdict, judge

BIG = Difference(0.05, 0.02, 0.08, 0.0002, 0.002, 0.015)
TINY = Difference(0.006, 0.002, 0.011, 0.001, 0.01, 0.002)
NOTHING = Difference(0.001, -0.004, 0.006, 0.6, 1.0, 0.002)
WIDE = Difference(0.015, -0.01, 0.04, 0.2, 1.0, 0.012)
LOSES_TO_HOLM = Difference(0.02, 0.001, 0.04, 0.04, 0.4, 0.01)
WORSE = Difference(-0.04, -0.06, -0.02, 0.0002, 0.002, 0.01)


@pytest.mark.parametrize(
    ("strong", "weak", "verdict"),
    [
        (BIG, NOTHING, Verdict.HOLDS),
        (TINY, NOTHING, Verdict.FAILS),
        (NOTHING, BIG, Verdict.WEAK_ONLY),
        (NOTHING, NOTHING, Verdict.FAILS),
        (NOTHING, WIDE, Verdict.FAILS),
        (WIDE, BIG, Verdict.UNSETTLED),
        (LOSES_TO_HOLM, BIG, Verdict.UNSETTLED),
        (WORSE, BIG, Verdict.WEAK_ONLY),
    ],
)
def test_the_verdict_is_that_of_the_strongest_baseline_first(
    strong: Difference, weak: Difference, verdict: Verdict
) -> None:
    assert judge(strong, {"letter": weak}) is verdict


def test_the_sentence_names_model_and_what_was_held_out() -> None:
    sentence = describe_verdict(
        NOTHING,
        {"letter": BIG, "window": NOTHING},
        power=0.634,
        addition="attention",
        baseline="all",
        model="esm (weights abc)",
        held_out="families held out",
    ).sentence
    assert sentence.startswith("For esm (weights abc), families held out, the claim holds against weak baselines only:")
    assert "letter (+0.050)" in sentence
    assert "window" not in sentence
    assert sentence.endswith("; this set would tell a difference of 0.02 with a power of 0.63.")


@pytest.mark.parametrize(
    ("strong", "reason"),
    [
        (WIDE, "where both nothing and 0.02 remain possible"),
        (LOSES_TO_HOLM, "above 0 by its own interval, but not with p adjusted for all comparisons (0.400)"),
    ],
)
def test_what_is_not_settled_says_why(strong: Difference, reason: str) -> None:
    judgement = describe_verdict(
        strong, {}, power=0.5, addition="attention", baseline="all", model="esm", held_out="families"
    )
    assert f"{reason}; this set would" in judgement.sentence
