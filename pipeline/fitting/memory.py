"""The memory that a fit takes, foretold before the model runs."""

from collections.abc import Sequence

from attlas.pipeline.fitting.features import MOST_HIDDEN_BYTES, WINDOW_COLUMNS
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.scores import count_columns
from attlas.pipeline.fitting.sums import predict_sum_bytes
from attlas.schema import EnvironmentFault

SPARE = 0.8
"""Share of the available memory that may be foretold."""
GIB = 1 << 30


def predict_fit_bytes(
    shape: Shape, *, n_labels: Sequence[int], n_residues: Sequence[int], n_folds: int, n_inputs: int
) -> int:
    """Return the bytes of the sums, of the decompositions of an input, of the scores and of the features of a pack.

    Args:
        shape: the sizes of the model.
        n_labels: labels of each set.
        n_residues: residues that count for each set.
        n_folds: number of folds.
        n_inputs: number of inputs.
    """
    sums = predict_all_sum_bytes(shape, n_labels=n_labels, n_folds=n_folds)

    # Of the largest input: its sums in every fold, and a decomposition and two copies for every pair of folds.
    largest = max(WINDOW_COLUMNS, shape.n_maps + shape.width)
    n_pairs = n_folds * (n_folds - 1) // 2
    decompositions = 8 * largest**2 * (n_folds + n_pairs + 3)

    scores = predict_score_bytes(n_labels=n_labels, n_residues=n_residues, n_folds=n_folds, n_inputs=n_inputs)
    targets = sum(8 * n * count_columns(labels, 0) for labels, n in zip(n_labels, n_residues, strict=True))
    packs = 6 * MOST_HIDDEN_BYTES  # float32, float64, and a selection of the rows
    return sums + decompositions + scores + targets + packs


def predict_score_bytes(*, n_labels: Sequence[int], n_residues: Sequence[int], n_folds: int, n_inputs: int) -> int:
    """Return the bytes of the scores of all residues that count, sets and inputs."""
    sizes = zip(n_labels, n_residues, strict=True)
    return sum(4 * n * n_inputs * count_columns(labels, n_folds) for labels, n in sizes)


def predict_all_sum_bytes(shape: Shape, *, n_labels: Sequence[int], n_folds: int) -> int:
    """Return the bytes of the sums of all sets and folds."""
    return n_folds * sum(predict_sum_bytes(shape, count_columns(n, 0)) for n in n_labels)


def refuse_too_large(predicted: int, available: int, *, n_sets: int) -> None:
    """Refuse a fit that does not fit the memory. Raises EnvironmentFault."""
    if predicted > SPARE * available:
        raise EnvironmentFault(
            f"Fitting {n_sets} sets of labels at once takes more memory than this machine has.",
            expected=f"{predicted / GIB:.1f} GiB",
            found=f"{SPARE * available / GIB:.1f} GiB, four fifths of what is free",
            hint="fit fewer labels at a time (--labels), or take fewer folds (--folds)",
        )
