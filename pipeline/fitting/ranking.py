"""How well scores rank labelled residues above others, with the error of the estimate over families.

A set of residues is sorted once. The measure without a block of families follows from how many residues of the block
rank above each labelled residue, so that the jackknife does not sort again.

Axis letters: `N` residues, `P` labelled residues, `B` blocks of families.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.schema.student_t import t_quantile

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SMALLEST_CHANGE = 1e-12
"""Range of the estimates without each block below which they count as equal, so that there is no error."""
FEWEST_BLOCKS = 5
"""Blocks below which there is no error of an estimate."""
SHARE = (0.0, 1.0)
"""The range of a share, such as average precision."""
CORRELATION = (-1.0, 1.0)
"""The range of a correlation."""


@dataclass(frozen=True)
class JackknifeEstimate:
    """A measure with its 95 % interval, which is NaN if there are too few families."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class RankedResidues:
    """Residues sorted by their scores, the highest first."""

    is_labelled: NDArray[np.bool_]
    """Whether each residue is labelled, in the order of scores, (N,)."""
    order: Integers
    """The places of the residues in this order, (N,)."""
    begins: Integers
    """Where the run of residues with the same score begins, for each labelled residue, (P,)."""
    ends: Integers
    """Where it ends, (P,)."""
    n_labelled_above: Integers
    """Labelled residues to the end of the run of each labelled one, (P,)."""


def rank(scores: NDArray[np.floating], is_labelled: NDArray[np.bool_]) -> RankedResidues:
    """Sort residues by their scores, (N,); residues of equal score share a place."""
    order = np.argsort(-scores, kind="stable")
    ordered, labelled = scores[order], is_labelled[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    stops = np.append(starts[1:], len(ordered))

    places = np.flatnonzero(labelled)
    runs = np.searchsorted(starts, places, side="right") - 1
    n_above = np.cumsum(labelled)[stops[runs] - 1]
    return RankedResidues(labelled, order, starts[runs], stops[runs], n_above.astype(np.int64))


def measure_average_precision(ranking: RankedResidues) -> float:
    """Return the area under the precision-recall curve in steps: the average precision with ties grouped."""
    if not len(ranking.ends):
        return float("nan")
    return float(np.mean(ranking.n_labelled_above / ranking.ends))


def measure_auroc(ranking: RankedResidues) -> float:
    """Return the chance that a labelled residue scores higher than another, ties counted half."""
    n, n_labelled = len(ranking.is_labelled), len(ranking.ends)
    if not 0 < n_labelled < n:
        return float("nan")
    n_others = n - n_labelled
    higher, tied = _count_others(ranking)
    return float(np.mean(n_others - higher - tied / 2) / n_others)


def _count_others(ranking: RankedResidues) -> tuple[Integers, Integers]:
    """Return, for each labelled residue, how many residues without the label score higher, and how many equal, (P,)."""
    others = np.concatenate([[0], np.cumsum(~ranking.is_labelled)])
    return others[ranking.begins], others[ranking.ends] - others[ranking.begins]


def estimate_ranking(
    ranking: RankedResidues, blocks: Integers, n_blocks: int
) -> tuple[JackknifeEstimate, JackknifeEstimate]:
    """Return the average precision and the AUROC of residues of blocks of families, (N,), with jackknife intervals."""
    by_block = blocks[ranking.order]
    labelled_blocks = by_block[ranking.is_labelled]
    higher, tied = _count_others(ranking)
    n_others = len(ranking.is_labelled) - len(ranking.ends)
    precisions, areas = np.full(n_blocks, np.nan), np.full(n_blocks, np.nan)

    # The places of each block in the order of the scores.
    sizes = np.bincount(by_block, minlength=n_blocks)
    block_places = np.split(np.argsort(by_block, kind="stable"), np.cumsum(sizes)[:-1])
    for block, places in enumerate(block_places):
        kept = labelled_blocks != block
        if not kept.any():
            continue
        is_labelled = ranking.is_labelled[places]

        # Of the block to the end of the run of each labelled residue: labelled residues, and others.
        n_labelled_before = count_below(places[is_labelled], ranking.ends)
        n_others_before = count_below(places[~is_labelled], ranking.ends)
        n_labelled = (ranking.n_labelled_above - n_labelled_before)[kept]
        precisions[block] = np.mean(n_labelled / (ranking.ends - n_labelled_before - n_others_before)[kept])

        n_left = n_others - int((~is_labelled).sum())
        if n_left:
            above = count_below(places[~is_labelled], ranking.begins)
            n_higher, n_tied = (higher - above)[kept], (tied - (n_others_before - above))[kept]
            areas[block] = np.mean(n_left - n_higher - n_tied / 2) / n_left

    return (
        make_estimate(measure_average_precision(ranking), precisions, SHARE),
        make_estimate(measure_auroc(ranking), areas, SHARE),
    )


def count_below(places: Integers, limits: Integers) -> Integers:
    """Return how many places lie below each limit, (P,); limits ascend, as the ends of runs do."""
    first_above = np.searchsorted(limits, places, side="right")
    return np.cumsum(np.bincount(first_above, minlength=len(limits) + 1))[: len(limits)]


def make_estimate(value: float, without: Floats, limits: tuple[float, float]) -> JackknifeEstimate:
    """Return a measure with its interval by the jackknife (Efron and Stein 1981), from its values without each block.

    The error is that of as many numbers as there are blocks: the interval has the quantiles of Student's t with one
    degree of freedom less, and ends where the measure does. Blocks are left out if the measure is not defined without
    them.

    Args:
        value: the measure of all blocks.
        without: the measure without each block.
        limits: the least and the largest number that the measure can be.
    """
    without = without[np.isfinite(without)]
    n = len(without)
    if n < FEWEST_BLOCKS or np.ptp(without) <= SMALLEST_CHANGE:
        return JackknifeEstimate(value, float("nan"), float("nan"))
    reach = t_quantile(n - 1) * float(np.sqrt(n - 1) * np.std(without))
    return JackknifeEstimate(value, max(value - reach, limits[0]), min(value + reach, limits[1]))
