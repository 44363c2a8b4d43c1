"""How well attention received tells labelled residues from the others of their protein: the area under the ROC curve.

Axis letters: `H` heads, `N` residues, `F` labels.
"""

import numpy as np
from numpy.typing import NDArray


def auc(received: NDArray[np.floating], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each head and label the chance that a labelled residue receives more than another, ties counted half.

    By ranks (Mann and Whitney 1947): each head is sorted once, however many labels there are.

    Args:
        received: what every residue receives from each head, (H, N).
        labels: which residues carry which label, (F, N).

    Returns:
        (H, F), 0 to 1; not a number where all residues carry the label, or none.
    """
    n_with = labels.sum(1)  # (F,)
    n_pairs = n_with * (labels.shape[1] - n_with)
    wins = ranks(received) @ labels.T.astype(np.float64) - n_with * (n_with + 1) / 2  # (H, F)
    return np.asarray(np.divide(wins, n_pairs, out=np.full(wins.shape, np.nan), where=n_pairs > 0))


def ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rank of each value in its row, (H, N), 1 for the smallest; equal ones share the mean of theirs."""
    n_rows, n = values.shape
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    is_first = np.ones(values.shape, bool)  # of a run of equal values
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=is_first[:, 1:])
    begins = np.flatnonzero(is_first)
    sizes = np.diff(begins, append=n_rows * n)
    means = np.repeat(begins % n + (sizes + 1) / 2, sizes)
    found = np.empty(values.shape)
    np.put_along_axis(found, order, means.reshape(values.shape), axis=1)
    return found
