"""Many agreements as numbers with their intervals: shares of proteins, ratios of sums, and what chance would give."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from attlas.queries.comparing.agreement import Agreement
from attlas.queries.comparing.student_t import Z, quantile


class Measure(NamedTuple):
    """One pooled number."""

    measure: str
    value: float | None
    low: float | None
    """Lower end of its 95 % interval."""
    high: float | None
    n: int
    """Sequences, or sites, that it is of."""
    says: str
    """What it says, in a few words."""


def pooled(agreements: Sequence[Agreement], *, near: int) -> list[Measure]:
    """Return the pooled numbers of agreements, one for each distinct sequence.

    Shares of proteins have Wilson's interval; ratios of sums over proteins that of the ratio estimator, proteins taken
    as independent (Cochran, Sampling Techniques, 1977, section 6.4), and means theirs, both with Student's t quantile.
    """
    return [*_sites(agreements), *_ratios(agreements, near=near), *_by_protein(agreements)]


def wilson(n_yes: int, n: int) -> tuple[float | None, float | None]:
    """Return the 95 % interval of a share (Wilson 1927); None for no observations."""
    if not n:
        return None, None
    share, z2 = n_yes / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def ratio(over: Sequence[float], under: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Return the ratio of two sums over proteins and its 95 % interval by linearisation; None where there is none.

    Student's t has one degree of freedom less than there are proteins with something to divide by: the others say
    nothing of the spread. A single one has no interval.
    """
    total, n = math.fsum(under), sum(1 for x in under if x)
    if not total:
        return None, None, None
    value = math.fsum(over) / total
    if n < 2:
        return value, None, None
    square = math.fsum((y - value * x) ** 2 for y, x in zip(over, under, strict=True))
    half = quantile(n - 1) * math.sqrt(n / (n - 1) * square) / total
    return value, max(0.0, value - half), value + half


def mean(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Return the mean and its 95 % interval by Student's t; no interval for a single value."""
    return ratio(values, [1.0] * len(values))


def _sites(agreements: Sequence[Agreement]) -> Iterable[Measure]:
    n_both = sum(one.n_both for one in agreements)
    expected = math.fsum(one.n_expected for one in agreements)
    spread = Z * math.sqrt(math.fsum(one.variance for one in agreements))
    n = len(agreements)
    yield Measure("n_ours", sum(len(one.ours) for one in agreements), None, None, n, "our sites")
    yield Measure("n_theirs", sum(len(one.theirs) for one in agreements), None, None, n, "their sites")
    yield Measure("n_both", n_both, None, None, n, "sites in both")
    says = "shared by chance, 95 % of it"
    yield Measure("n_expected", expected, max(0.0, expected - spread), expected + spread, n, says)


def _ratios(agreements: Sequence[Agreement], *, near: int) -> Iterable[Measure]:
    both = [float(one.n_both) for one in agreements]
    ours, theirs = (
        [float(len(s)) for s in sets] for sets in zip(*((o.ours, o.theirs) for o in agreements), strict=True)
    )
    union = [float(one.n_union) for one in agreements]
    distances = [one.distances() for one in agreements]
    is_near = [float(sum(d <= near for d in some)) for some in distances]
    yield _share("precision", both, ours, "share of ours that is theirs")
    yield _share("recall", both, theirs, "share of theirs that is ours")
    yield _share("jaccard", both, union, "in both over in either")
    yield _share(f"within_{near}", is_near, theirs, "share of theirs near ours")
    sums, counts = [float(sum(some)) for some in distances], [float(len(some)) for some in distances]
    yield Measure("distance", *ratio(sums, counts), int(sum(counts)), "residues to our nearest")
    enriched = ratio(both, [one.n_expected for one in agreements])
    yield Measure("enrichment", *enriched, len(agreements), "n_both over n_expected")


def _by_protein(agreements: Sequence[Agreement]) -> Iterable[Measure]:
    values = [one.jaccard for one in agreements if one.jaccard is not None]
    yield Measure("mean_jaccard", *_at_most_one(*mean(values)), len(values), "mean over sequences")
    yield _share_of((one.is_same_set for one in agreements), "same_set", "share with the same sites")
    says = "of these, in the same order"
    yield _share_of((one.is_same_order for one in agreements if one.is_same_set), "same_order", says)
    yield _share_of((one.is_same_layer for one in agreements), "same_layer", "share with the same layer")


def _share(name: str, over: Sequence[float], under: Sequence[float], says: str) -> Measure:
    return Measure(name, *_at_most_one(*ratio(over, under)), int(sum(under)), says)


def _share_of(answers: Iterable[bool | None], name: str, says: str) -> Measure:
    known = [answer for answer in answers if answer is not None]
    share = sum(known) / len(known) if known else None
    return Measure(name, share, *wilson(sum(known), len(known)), len(known), says)


def _at_most_one(
    value: float | None, low: float | None, high: float | None
) -> tuple[float | None, float | None, float | None]:
    return value, low, None if high is None else min(1.0, high)
