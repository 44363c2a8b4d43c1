"""The measures of scores of pairs: of all pairs of a protein, and of weighted samples of all proteins together.

Axis letters: `Q` all pairs of a protein, `P` sampled pairs of all proteins, `B` blocks of families, `K` folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.contact_pairs import AllPairs
from attlas.pipeline.fitting.measures import Bools, estimate_counts, estimate_mean
from attlas.pipeline.fitting.ranking import SHARE, Floats, Integers, JackknifeEstimate, make_estimate
from attlas.pipeline.interfaces.measures import rank_positives

CUT = 2
"""Divisor of L, the residues with coordinates: so many pairs of long range are looked at."""


@dataclass(frozen=True)
class ProteinPrecision:
    """How the scores of all pairs of a protein rank its contacts; NaN if no pair is a contact, or every pair."""

    average: float
    """Average precision over pairs 6 or more apart."""
    top: float
    """Share of contacts among the L/2 pairs of highest score, 24 or more apart; of equal scores the mean over their
    orders."""


@dataclass(frozen=True)
class ContactMeasures:
    """The measures of a probe of contacts."""

    auprc: JackknifeEstimate
    """Average precision of the pairs of all proteins together, ties grouped, each by its weight."""
    auprc_protein: JackknifeEstimate
    """Mean over proteins of the average precision of all of their pairs."""
    precision_l2: JackknifeEstimate
    """Mean over proteins of the P@L/2 of long range."""
    auroc: JackknifeEstimate
    mcc: JackknifeEstimate
    """Matthews' correlation at thresholds chosen on the training folds."""
    f1: JackknifeEstimate
    """F1 at the same thresholds."""


@dataclass(frozen=True)
class SampledPairs:
    """The sampled pairs of all proteins."""

    weights: Floats
    """(P,)."""
    folds: Integers
    """(P,)."""
    blocks: Integers
    """Block of families of each pair, (P,)."""
    n_blocks: int


@dataclass(frozen=True)
class Places:
    """Pairs in order of their scores, highest at the top."""

    order: Integers
    """Places of the pairs, (P,)."""
    ends: Integers
    """Where each run of equal scores ends."""


def measure_protein(scores: NDArray[np.floating], pairs: AllPairs, n_residues: int) -> ProteinPrecision:
    """Return how scores, (Q,), rank the contacts of a protein of so many residues with coordinates."""
    average = rank_positives(scores, np.flatnonzero(pairs.is_contact)).auprc
    is_long = pairs.is_long
    contacts = np.flatnonzero(pairs.is_contact[is_long])
    n_top = min(max(n_residues // CUT, 1), int(is_long.sum()))
    if not 0 < len(contacts) < is_long.sum():
        return ProteinPrecision(average, float("nan"))
    return ProteinPrecision(average, rank_positives(scores[is_long], contacts, cuts=[n_top]).hits[0] / n_top)


def measure_contacts(
    scores: Floats,
    inner: Floats,
    is_contact: Bools,
    pairs: SampledPairs,
    proteins: Sequence[ProteinPrecision],
    protein_blocks: Integers,
) -> ContactMeasures:
    """Return the measures of a probe of contacts.

    Args:
        scores: of the sampled pairs, each by the probe that left out its fold, (P,).
        inner: (K, P), by probes that left out fold `k`, too; values at the pairs of fold `k` are not read.
        is_contact: (P,).
        pairs: the sampled pairs.
        proteins: how all pairs of each protein are ranked.
        protein_blocks: block of families of each protein.
    """
    auprc, auroc = estimate_weighted_ranking(scores, is_contact, pairs)
    is_predicted = np.zeros(len(scores), bool)
    for fold in range(len(inner)):
        training = pairs.folds != fold
        threshold = choose_weighted_threshold(inner[fold, training], is_contact[training], pairs.weights[training])
        is_predicted |= ~training & (scores >= threshold)
    mcc, f1 = estimate_counts(_count_by_block(is_predicted, is_contact, pairs))

    return ContactMeasures(
        auprc=auprc,
        auprc_protein=estimate_mean([protein.average for protein in proteins], protein_blocks, pairs.n_blocks),
        precision_l2=estimate_mean([protein.top for protein in proteins], protein_blocks, pairs.n_blocks),
        auroc=auroc,
        mcc=mcc,
        f1=f1,
    )


def estimate_weighted_ranking(
    scores: Floats, is_positive: Bools, pairs: SampledPairs
) -> tuple[JackknifeEstimate, JackknifeEstimate]:
    """Return average precision and AUROC of weighted pairs, with jackknife intervals over blocks of families."""
    places = sort_pairs(scores)
    precisions, areas = np.empty(pairs.n_blocks), np.empty(pairs.n_blocks)
    for block in range(pairs.n_blocks):
        precisions[block], areas[block] = measure_weighted(places, is_positive, pairs.weights * (pairs.blocks != block))
    precision, area = measure_weighted(places, is_positive, pairs.weights)
    return make_estimate(precision, precisions, SHARE), make_estimate(area, areas, SHARE)


def sort_pairs(scores: Floats) -> Places:
    """Return pairs in order of their scores, (P,)."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, len(ordered))
    return Places(order, ends)


def measure_weighted(places: Places, is_positive: Bools, weights: Floats) -> tuple[float, float]:
    """Return average precision, ties grouped, and AUROC of pairs that count by their weights, (P,).

    They are those of scikit-learn with `sample_weight`; not a number where all pairs are positive, or none is.
    """
    ordered = weights[places.order]
    positive = np.cumsum(ordered * is_positive[places.order])[places.ends - 1]  # to the end of each run of equal scores
    total = np.cumsum(ordered)[places.ends - 1]
    negative = total - positive
    if not (positive[-1] > 0 and negative[-1] > 0):
        return float("nan"), float("nan")

    of_run = np.diff(positive, prepend=0)
    precision = float(of_run @ (positive / np.maximum(total, np.finfo(float).tiny)) / positive[-1])
    below = negative[-1] - negative
    tied = np.diff(negative, prepend=0)
    return precision, float(of_run @ (below + tied / 2) / (positive[-1] * negative[-1]))


def choose_weighted_threshold(scores: Floats, is_positive: Bools, weights: Floats) -> float:
    """Return the score from which on pairs are predicted so that F1 is the largest; the highest of equal ones."""
    places = sort_pairs(scores)
    ordered = weights[places.order]
    positive = np.cumsum(ordered * is_positive[places.order])[places.ends - 1]
    total = np.cumsum(ordered)[places.ends - 1]
    f1 = 2 * positive / (total + positive[-1])
    return float(scores[places.order[places.ends[int(np.argmax(f1))] - 1]])


def _count_by_block(is_predicted: Bools, is_contact: Bools, pairs: SampledPairs) -> Floats:
    """Return the weights of true and false positives, false and true negatives of each block, (B, 4)."""
    columns = [
        is_predicted & is_contact,
        is_predicted & ~is_contact,
        ~is_predicted & is_contact,
        ~(is_predicted | is_contact),
    ]
    counts = [np.bincount(pairs.blocks, pairs.weights * column, minlength=pairs.n_blocks) for column in columns]
    return np.stack(counts, 1)
