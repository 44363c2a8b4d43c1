"""How well scores find labelled residues: average precision, F1, and the threshold chosen for F1. Pure, over arrays.

Average precision comes in two forms, which differ only where scores are equal. With *grouped* ties (as in scikit-learn)
the residues of a score are taken together. *In any order* means: the mean over all orders of residues of equal score.
Only the second is fair in a comparison: a predictor by letters has many ties, and adding mere noise, which breaks them,
raises the first.

Axis letters: `N` residues.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]
"""A score for each residue, (N,): higher where a label is more likely."""
Labels = NDArray[np.bool_]
"""True where a residue is labelled, (N,)."""


def compute_average_precision(scores: Scores, labels: Labels) -> float:
    """Return the average precision of one protein, the mean over all orders of residues of equal score.

    Where a block of t residues with h labelled ones follows n residues with k labelled ones, each of its places i holds
    a labelled residue with probability h / t; then k + 1 + (i - 1) (h - 1) / (t - 1) of the first n + i are labelled on
    average. Not a number where no residue is labelled.
    """
    n_labelled = int(labels.sum())
    if n_labelled == 0:
        return float("nan")

    n_taken, n_hits = _count_by_threshold(scores, labels)
    block_sizes, block_hits = np.diff(n_taken, prepend=0), np.diff(n_hits, prepend=0)
    block_of = np.repeat(np.arange(len(n_taken)), block_sizes)
    sizes, hits = block_sizes[block_of], block_hits[block_of]
    n_before, k_before = (n_taken - block_sizes)[block_of], (n_hits - block_hits)[block_of]

    places = np.arange(1, len(scores) + 1)  # n + i
    others = (places - n_before - 1) * (hits - 1) / np.maximum(sizes - 1, 1)
    return float((hits / sizes * (k_before + 1 + others) / places).sum() / n_labelled)


def find_mean_precision(scores: Sequence[Scores], labels: Sequence[Labels]) -> float:
    """Return the mean average precision of proteins."""
    return float(np.mean([compute_average_precision(part, mask) for part, mask in zip(scores, labels, strict=True)]))


def compute_grouped_precision(scores: Scores, labels: Labels) -> float:
    """Return the average precision of one protein, residues of equal score taken together.

    The area under the precision-recall curve by steps. Not a number where no residue is labelled.
    """
    n_labelled = int(labels.sum())
    if n_labelled == 0:
        return float("nan")

    n_taken, n_hits = _count_by_threshold(scores, labels)
    new_hits = np.diff(n_hits, prepend=0)
    return float((n_hits / n_taken * new_hits).sum() / n_labelled)


def compute_f1(scores: Scores, labels: Labels, threshold: float) -> float:
    """Return F1 of the residues whose score is `threshold` or more: the harmonic mean of precision and recall.

    0 where no such residue is labelled; not a number where no residue of the protein is labelled.
    """
    n_labelled = int(labels.sum())
    if n_labelled == 0:
        return float("nan")
    is_taken = scores >= threshold
    return float(2 * (is_taken & labels).sum() / (is_taken.sum() + n_labelled))


def choose_threshold(scores: Sequence[Scores], labels: Sequence[Labels], *, n_candidates: int = 200) -> float:
    """Return the threshold with the highest mean F1 per protein, among quantiles of the labelled residues' scores.

    Args:
        scores: of each protein, (N,); by a model that has not seen the protein.
        labels: of each protein, (N,).
        n_candidates: the most thresholds that are tried.
    """
    of_labelled = np.unique(np.concatenate([part[mask] for part, mask in zip(scores, labels, strict=True)]))
    if len(of_labelled) > n_candidates:
        places = np.linspace(0, len(of_labelled) - 1, n_candidates).round().astype(np.intp)
        of_labelled = of_labelled[places]

    total = np.zeros(len(of_labelled))
    for part, mask in zip(scores, labels, strict=True):
        # The residues that reach each threshold, from its place among the sorted scores.
        n_taken = len(part) - np.searchsorted(np.sort(part), of_labelled)
        n_hits = mask.sum() - np.searchsorted(np.sort(part[mask]), of_labelled)
        total += 2 * n_hits / np.maximum(n_taken + mask.sum(), 1)
    return float(of_labelled[np.argmax(total)])


def _count_by_threshold(scores: Scores, labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many residues reach each distinct score, the highest first, and how many of them are labelled."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    return (ends + 1).astype(np.int64), np.cumsum(labels[order], dtype=np.int64)[ends]
