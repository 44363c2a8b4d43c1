"""The measures of the scores of left-out residues: of rankings, at a threshold, and of numbers.

Axis letters: `N` residues, `K` folds, `B` blocks of families.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.ranking import (
    CORRELATION,
    SHARE,
    Floats,
    Integers,
    JackknifeEstimate,
    estimate_ranking,
    make_estimate,
    measure_average_precision,
    rank,
)

MOST_BLOCKS = 100
"""Blocks of the jackknife; if there are more families, a block is several families, drawn at random."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class CountedResidues:
    """The residues that count for a label, of all sequences."""

    proteins: Integers
    """The sequence of each residue, (N,), counted from 0, in ascending order."""
    folds: Integers
    """The fold of each residue, (N,)."""
    blocks: Integers
    """The block of families of each residue, (N,)."""
    n_blocks: int


@dataclass(frozen=True)
class LabelMeasures:
    """The measures of a probe of a label."""

    auprc: JackknifeEstimate
    """Average precision of all residues together, ties grouped."""
    auprc_protein: JackknifeEstimate
    """Mean average precision of the residues of a protein, over proteins that carry the label."""
    auroc: JackknifeEstimate
    mcc: JackknifeEstimate
    """Matthews' correlation at thresholds chosen on the training folds."""
    f1: JackknifeEstimate
    """F1 at the same thresholds."""


@dataclass(frozen=True)
class TrackMeasures:
    """The measures of a probe of a track."""

    r2: JackknifeEstimate
    """1 minus the squared error over that of the mean of all residues."""
    spearman: JackknifeEstimate
    """Correlation of the ranks; its interval leaves blocks out of the ranks of all residues."""


def draw_blocks(groups: Integers, *, seed: int) -> Integers:
    """Return the block of each sequence, (n,), from its group of families: at most MOST_BLOCKS, of whole groups."""
    distinct, places = np.unique(groups, return_inverse=True)
    blocks = np.random.default_rng(seed).permutation(len(distinct)) % min(MOST_BLOCKS, len(distinct))
    return np.asarray(blocks[places])


def measure_label(scores: Floats, inner: Floats, is_labelled: Bools, residues: CountedResidues) -> LabelMeasures:
    """Return the measures of the scores of residues, (N,), each from the probe that left out its fold.

    Args:
        scores: the scores.
        inner: (K, N), from probes that left out fold `k`, too; values at the residues of fold `k` are not read.
        is_labelled: whether each residue carries the label.
        residues: their proteins, folds and blocks.
    """
    auprc, auroc = estimate_ranking(rank(scores, is_labelled), residues.blocks, residues.n_blocks)
    is_predicted = apply_thresholds(scores, inner, is_labelled, residues.folds)
    counts = count_by_block(is_predicted, is_labelled, residues)
    mcc, f1 = estimate_counts(counts)
    return LabelMeasures(auprc, estimate_protein_precision(scores, is_labelled, residues), auroc, mcc, f1)


def measure_pooled_precision(scores: Floats, is_labelled: Bools) -> float:
    """Return the average precision of all residues together."""
    return measure_average_precision(rank(scores, is_labelled))


def estimate_protein_precision(scores: Floats, is_labelled: Bools, residues: CountedResidues) -> JackknifeEstimate:
    """Return the mean average precision over proteins that have residues both with and without the label."""
    begins = np.flatnonzero(np.diff(residues.proteins, prepend=-1))
    ends = np.append(begins[1:], len(scores))
    precisions, blocks = [], []
    for begin, end in zip(begins, ends, strict=True):
        labelled = is_labelled[begin:end]
        if labelled.any() and not labelled.all():
            precisions.append(measure_average_precision(rank(scores[begin:end], labelled)))
            blocks.append(residues.blocks[begin])
    return estimate_mean(precisions, np.array(blocks, np.int64), residues.n_blocks)


def estimate_mean(values: Sequence[float], blocks: Integers, n_blocks: int) -> JackknifeEstimate:
    """Return the mean of a share over the proteins for which it is defined, with its jackknife interval.

    Args:
        values: the share of each protein; NaN if not defined.
        blocks: the block of families of each protein.
        n_blocks: number of blocks.
    """
    numbers = np.array(values)
    is_defined = np.isfinite(numbers)
    if not is_defined.any():
        return JackknifeEstimate(*[float("nan")] * 3)

    numbers, blocks = numbers[is_defined], blocks[is_defined]
    sums = np.bincount(blocks, numbers, minlength=n_blocks)
    counts = np.bincount(blocks, minlength=n_blocks)
    has_any = (counts > 0) & (counts < len(numbers))
    without = (sum(numbers) - sums[has_any]) / (len(numbers) - counts[has_any])
    return make_estimate(float(np.mean(numbers)), without, SHARE)


def apply_thresholds(scores: Floats, inner: Floats, is_labelled: Bools, folds: Integers) -> Bools:
    """Return the mask of predicted residues, (N,), at the threshold of the highest F1 on the training folds of each."""
    is_predicted = np.zeros(len(scores), bool)
    for fold in range(len(inner)):
        is_training = folds != fold
        threshold = choose_threshold(inner[fold, is_training], is_labelled[is_training])
        is_predicted |= ~is_training & (scores >= threshold)
    return is_predicted


def choose_threshold(scores: Floats, is_labelled: Bools) -> float:
    """Return the threshold with the largest F1; the highest of equally good thresholds."""
    ranking = rank(scores, is_labelled)
    if not len(ranking.ends):
        return float("inf")
    # F1 is the largest at the end of a run that holds a labelled residue.
    f1 = 2 * ranking.n_labelled_above / (ranking.ends + len(ranking.ends))
    best = int(np.argmax(f1))
    return float(scores[ranking.order[ranking.begins[best]]])


def count_by_block(is_predicted: Bools, is_labelled: Bools, residues: CountedResidues) -> Floats:
    """Return true and false positives, false and true negatives of each block, (B, 4)."""
    columns = [
        is_predicted & is_labelled,
        is_predicted & ~is_labelled,
        ~is_predicted & is_labelled,
        ~is_predicted & ~is_labelled,
    ]
    counts = [np.bincount(residues.blocks[column], minlength=residues.n_blocks) for column in columns]
    return np.stack(counts, 1).astype(np.float64)


def estimate_counts(counts: Floats) -> tuple[JackknifeEstimate, JackknifeEstimate]:
    """Return Matthews' correlation and F1 of the counts of blocks, (B, 4)."""
    total = counts.sum(0)
    without = total - counts
    mcc, f1 = compute_mcc(total[None])[0], compute_f1(total[None])[0]
    return (
        make_estimate(float(mcc), compute_mcc(without), CORRELATION),
        make_estimate(float(f1), compute_f1(without), SHARE),
    )


def compute_mcc(counts: Floats) -> Floats:
    """Return Matthews' correlation of counts, (B, 4); 0 where all residues are predicted, or none."""
    true, false, missed, left = counts.T
    squares = (true + false) * (true + missed) * (left + false) * (left + missed)
    return np.asarray((true * left - false * missed) / np.sqrt(np.where(squares > 0, squares, np.inf)))


def compute_f1(counts: Floats) -> Floats:
    """Return the harmonic mean of precision and recall of counts, (B, 4)."""
    true, false, missed, _ = counts.T
    return np.asarray(2 * true / np.maximum(2 * true + false + missed, 1))


def measure_track(scores: Floats, values: Floats, residues: CountedResidues) -> TrackMeasures:
    """Return the measures of the scores of a track, (N,), each from the probe that left out its fold."""
    blocks, n_blocks = residues.blocks, residues.n_blocks
    columns = [np.ones(len(values)), values, values**2, (values - scores) ** 2]
    r2 = _estimate_from_sums(columns, blocks, n_blocks, _compute_r2, (float("-inf"), 1.0))

    ranks = [rank_values(scores), rank_values(values)]
    columns = [np.ones(len(values)), *ranks, ranks[0] ** 2, ranks[1] ** 2, ranks[0] * ranks[1]]
    return TrackMeasures(r2, _estimate_from_sums(columns, blocks, n_blocks, _compute_correlation, CORRELATION))


def rank_values(values: Floats) -> Floats:
    """Return the ranks of values, (N,), centred and scaled to -0.5 to 0.5; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    means = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray((means[places] - (len(values) + 1) / 2) / max(len(values) - 1, 1))


def _estimate_from_sums(
    columns: Sequence[Floats],
    blocks: Integers,
    n_blocks: int,
    compute: Callable[[Floats], Floats],
    limits: tuple[float, float],
) -> JackknifeEstimate:
    """Return a measure that is a function of sums over residues; leave out each block in turn for its interval."""
    sums = np.stack([np.bincount(blocks, column, minlength=n_blocks) for column in columns], 1)
    total = sums.sum(0)
    return make_estimate(float(compute(total[None])[0]), compute(total - sums), limits)


def _compute_r2(sums: Floats) -> Floats:
    n, value, square, error = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - error / (square - value**2 / n))


def _compute_correlation(sums: Floats) -> Floats:
    n, x, y, xx, yy, xy = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((xy - x * y / n) / np.sqrt((xx - x**2 / n) * (yy - y**2 / n)))
