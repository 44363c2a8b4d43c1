"""Many agreements as numbers with their intervals: shares of proteins, ratios of sums, and what chance would give.

The unit of independence is the distinct sequence, for every interval. Whether more sites agree than by chance is asked
once: the interval of `enrichment` leaves 1 out if and only if the t test of the same proteins rejects it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from attlas.queries.comparing.agreement import Agreement
from attlas.schema.student_t import NORMAL_QUANTILE, t_quantile

MIN_PROTEINS = 5
"""Proteins below which no interval is given: of fewer, an interval says more of chance than of the spread."""
NO_INTERVAL = f"no interval: fewer than {MIN_PROTEINS} proteins"
"""What a number says where it would have an interval, were there more proteins."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def at_most_one(self) -> "Estimate":
        """Return the estimate of a share, whose interval ends at 1."""
        return replace(self, high=None if self.high is None else min(1.0, self.high))


@dataclass(frozen=True)
class Measure:
    """One pooled number."""

    name: str
    estimate: Estimate
    n: int
    """Sequences, or sites, that it is of."""
    says: str
    """What it says, in a few words."""


def pooled_measures(agreements: Sequence[Agreement], *, near: int) -> list[Measure]:
    """Return the pooled numbers of agreements, one agreement for each distinct sequence.

    Shares of proteins have Wilson's interval. Ratios of sums over proteins have that of the ratio estimator, proteins
    taken as independent (Cochran, Sampling Techniques, 1977, section 6.4), and means are ratios to the number of
    proteins; both by Student's t. Of fewer than MIN_PROTEINS proteins there is no interval, and the measure says so.
    """
    return [*_site_counts(agreements), *_ratios(agreements, near=near), *_shares_of_proteins(agreements)]


def wilson_estimate(n_yes: int, n: int) -> Estimate:
    """Return a share of `n` proteins with its interval (Wilson 1927), as `wilson_low` and `wilson_high` in SQL do.

    In Python as well, because a comparison never connects DuckDB; a test in `test_functions.py` holds both together.
    """
    if not n:
        return Estimate(None)

    share, z2 = n_yes / n, NORMAL_QUANTILE**2
    if n < MIN_PROTEINS:
        return Estimate(share)

    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_QUANTILE / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def ratio_estimate(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
    """Return the ratio of two sums over proteins with its interval by linearisation.

    Student's t has one degree of freedom less than there are proteins with something to divide by: the others say
    nothing of the spread.
    """
    total = math.fsum(denominators)
    if not total:
        return Estimate(None)

    ratio = math.fsum(numerators) / total
    n = sum(1 for denominator in denominators if denominator)
    if n < MIN_PROTEINS:
        return Estimate(ratio)

    squares = math.fsum((y - ratio * x) ** 2 for y, x in zip(numerators, denominators, strict=True))
    half = t_quantile(n - 1) * math.sqrt(n / (n - 1) * squares) / total
    return Estimate(ratio, max(0.0, ratio - half), ratio + half)


def mean_estimate(values: Sequence[float]) -> Estimate:
    """Return the mean over proteins with its interval by Student's t."""
    return ratio_estimate(values, [1.0] * len(values))


def _site_counts(agreements: Sequence[Agreement]) -> Iterator[Measure]:
    n_both = sum(agreement.n_both for agreement in agreements)
    n_ours = sum(len(agreement.atlas_sites) for agreement in agreements)
    n_theirs = sum(len(agreement.table_sites) for agreement in agreements)
    n = len(agreements)
    yield Measure("n_ours", Estimate(n_ours), n, "our sites")
    yield Measure("n_theirs", Estimate(n_theirs), n, "their sites")
    yield Measure("n_both", Estimate(n_both), n, "sites in both")

    # Without an interval: whether n_both is more than chance is said by `enrichment`, over the same proteins.
    expected = math.fsum(agreement.n_expected for agreement in agreements)
    yield Measure("n_expected", Estimate(expected), n, "shared by chance, on average")


def _enrichment(agreements: Sequence[Agreement]) -> Estimate:
    return ratio_estimate(
        [float(agreement.n_both) for agreement in agreements], [agreement.n_expected for agreement in agreements]
    )


def _ratios(agreements: Sequence[Agreement], *, near: int) -> Iterator[Measure]:
    n_both = [float(agreement.n_both) for agreement in agreements]
    n_ours = [float(len(agreement.atlas_sites)) for agreement in agreements]
    n_theirs = [float(len(agreement.table_sites)) for agreement in agreements]
    n_union = [float(agreement.n_union) for agreement in agreements]
    distances = [agreement.distances() for agreement in agreements]
    n_near = [float(sum(distance <= near for distance in of_protein)) for of_protein in distances]
    yield _ratio_share("precision", n_both, n_ours, "share of ours that is theirs")
    yield _ratio_share("recall", n_both, n_theirs, "share of theirs that is ours")
    yield _ratio_share("jaccard", n_both, n_union, "in both over in either")
    yield _ratio_share(f"within_{near}", n_near, n_theirs, "share of theirs near ours")

    sums = [float(sum(of_protein)) for of_protein in distances]
    counts = [float(len(of_protein)) for of_protein in distances]
    distance = ratio_estimate(sums, counts)
    yield _with_interval("distance", distance, int(sum(counts)), "residues to our nearest")
    yield _with_interval("enrichment", _enrichment(agreements), len(agreements), "n_both over n_expected")


def _shares_of_proteins(agreements: Sequence[Agreement]) -> Iterator[Measure]:
    jaccards = [agreement.jaccard for agreement in agreements if agreement.jaccard is not None]
    mean = mean_estimate(jaccards).at_most_one()
    yield _with_interval("mean_jaccard", mean, len(jaccards), "mean over sequences")

    is_same_set = [agreement.is_same_set for agreement in agreements]
    is_same_order = [agreement.is_same_order for agreement in agreements if agreement.is_same_set]
    is_same_layer = [agreement.is_same_layer for agreement in agreements]
    yield _protein_share("same_set", is_same_set, "share with the same sites")
    yield _protein_share("same_order", is_same_order, "of these, in the same order")
    yield _protein_share("same_layer", is_same_layer, "share with the same layer")


def _ratio_share(name: str, numerators: Sequence[float], denominators: Sequence[float], says: str) -> Measure:
    estimate = ratio_estimate(numerators, denominators).at_most_one()
    return _with_interval(name, estimate, int(sum(denominators)), says)


def _protein_share(name: str, answers: Sequence[bool | None], says: str) -> Measure:
    """Return the share of proteins whose answer is yes, among those that have an answer."""
    answered = [answer for answer in answers if answer is not None]
    return _with_interval(name, wilson_estimate(sum(answered), len(answered)), len(answered), says)


def _with_interval(name: str, estimate: Estimate, n: int, says: str) -> Measure:
    """Return a measure with its interval, or with a note that it has none."""
    is_without = estimate.value is not None and estimate.low is None
    return Measure(name, estimate, n, f"{says}; {NO_INTERVAL}" if is_without else says)
