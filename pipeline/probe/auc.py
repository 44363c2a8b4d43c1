"""The area under the ROC curve by which attention received tells labelled residues from the others of a protein.

Axis letters: `H` heads, `N` residues, `F` labels.
"""

import numpy as np
from numpy.typing import NDArray


def compute_auc(received: NDArray[np.floating], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the chance that a labelled residue receives more than another, for each head and label; ties count half.

    By ranks (Mann and Whitney 1947): each head is sorted once, however many labels there are.

    Args:
        received: attention that every residue receives from each head, (H, N).
        labels: whether a residue carries a label, (F, N).

    Returns:
        (H, F), 0 to 1; not a number where all residues carry the label, or none.
    """
    n_with = labels.sum(1)  # (F,)
    n_pairs = n_with * (labels.shape[1] - n_with)
    wins = rank_rows(received) @ labels.T.astype(np.float64) - n_with * (n_with + 1) / 2  # (H, F)
    return np.asarray(np.divide(wins, n_pairs, out=np.full(wins.shape, np.nan), where=n_pairs > 0))


def rank_rows(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rank of each value in its row, (H, N), 1 for the smallest; equal values share their mean rank."""
    n_rows, n = values.shape
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)

    # Runs of equal values, of all rows end to end, and the mean rank of each run.
    begins_run = np.ones(values.shape, bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=begins_run[:, 1:])
    begins = np.flatnonzero(begins_run)
    sizes = np.diff(begins, append=n_rows * n)
    means = np.repeat(begins % n + (sizes + 1) / 2, sizes)

    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, means.reshape(values.shape), axis=1)
    return ranks
