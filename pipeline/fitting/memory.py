"""The memory and the disk space that a fit takes, predicted before the model runs. Loads no torch."""

from collections.abc import Sequence

from attlas.pipeline.fitting.inputs import BOTH, EMBEDDING, OF_LETTERS, ProbeInput, Shape, find_window_columns
from attlas.pipeline.fitting.letters import WINDOW_COLUMNS
from attlas.pipeline.fitting.task import FitTargets, count_columns
from attlas.schema import EnvironmentFault

FEWEST_HIDDEN_BYTES = 1 << 28
"""Bytes of the hidden states that a pack may hold on any device, so that packs are smaller for a large model."""
FEATURE_COPIES = 6
"""Copies of the features of a pack, in float32: as they come, as float64, and a selection of the rows."""
SPARE = 0.8
"""Largest share of the available memory that a fit may be predicted to take."""
GIB = 1 << 30


def limit_feature_tokens(pack_tokens: int, *, n_layers: int, width: int, n_bytes: int = 0) -> int:
    """Return the most tokens of a pack whose hidden states are held: those of the plan, or fewer.

    Args:
        pack_tokens: most tokens of a pack of the plan.
        n_layers: layers whose hidden states are held.
        width: numbers of a hidden state.
        n_bytes: bytes that the hidden states may take; FEWEST_HIDDEN_BYTES they may in any case.
    """
    return max(2, min(pack_tokens, max(n_bytes, FEWEST_HIDDEN_BYTES) // (4 * n_layers * width)))


def predict_set_bytes(shape: Shape, n_labels: int) -> int:
    """Return the bytes of the sums of one set of labels, over the residues of a shard or of a fold."""
    n_layers, n_maps, width = shape.n_layers, shape.n_maps, shape.width
    squares = WINDOW_COLUMNS**2 + n_maps**2 + n_layers * (width**2 + width * n_maps)
    columns = (WINDOW_COLUMNS + n_maps + n_layers * width) * (1 + count_columns(n_labels, 0))
    return 8 * (squares + columns)


def predict_sum_bytes(shape: Shape, n_labels: Sequence[int]) -> int:
    """Return the bytes of the sums of all sets of labels, over the residues of a shard."""
    return sum(predict_set_bytes(shape, n) for n in n_labels)


def predict_score_bytes(shape: Shape, n_labels: int, *, n_residues: int, n_folds: int) -> int:
    """Return the bytes of the scores of one set of labels on so many residues, by every input."""
    return 4 * n_residues * len(shape.list_inputs()) * count_columns(n_labels, n_folds)


def predict_weight_bytes(shape: Shape, n_labels: int, *, n_folds: int) -> int:
    """Return the bytes of the weights with which one set of labels is scored on the residues of a fold."""
    return 8 * count_columns(n_labels, n_folds) * sum(count_input_columns(i, shape) for i in shape.list_inputs())


def count_input_columns(source: ProbeInput, shape: Shape) -> int:
    """Return the columns of an input, those of attention as those of all heads."""
    if source.kind in OF_LETTERS:
        columns = find_window_columns(source.kind)
        return int(columns.stop - columns.start)
    n_hidden = shape.width if source.kind in (EMBEDDING, BOTH) else 0
    return n_hidden + (0 if source.kind == EMBEDDING else shape.n_maps)


def predict_shard_bytes_of_fit(task: FitTargets, shape: Shape, *, pack_tokens: int) -> int:
    """Return the bytes that a shard of a fit takes in either pass, beside those of the build.

    Args:
        task: what is fitted of the sequences of the shard.
        shape: the sizes of the model.
        pack_tokens: most tokens of a pack.
    """
    sizes = list(enumerate(task.n_labels))
    targets = sum(8 * n * sum(task.lengths) for n in task.n_targets)

    # A sequence that is longer than a pack stands alone.
    most_tokens = limit_feature_tokens(pack_tokens, n_layers=shape.n_layers, width=shape.width)
    n_tokens = max(max(task.lengths), min(most_tokens, sum(task.lengths)))
    columns = shape.n_layers * shape.width + shape.n_maps + WINDOW_COLUMNS
    packs = 4 * FEATURE_COPIES * columns * n_tokens

    # The products of a pack are as many as the sums of a set.
    sums = predict_sum_bytes(shape, task.n_labels) + predict_set_bytes(shape, 0)

    # Of the scores: the weights as they were read and joined, those of all residues, and of a pack in float64.
    scores = sum(
        2 * predict_weight_bytes(shape, n, n_folds=task.n_folds)
        + predict_score_bytes(shape, n, n_residues=task.count_residues(place) + 4 * n_tokens, n_folds=task.n_folds)
        for place, n in sizes
    )
    return targets + packs + max(sums, scores)


def predict_fit_bytes(task: FitTargets, shape: Shape) -> int:
    """Return the bytes that the process of the command takes: it solves and measures one set of labels at a time.

    Targets of all sets, and of the largest set its sums in every fold, the decompositions of an input, and the scores.
    """
    targets = sum(
        8 * (n + count_columns(n, 0)) * sum(len(s.sequence) for s in task.sequences if place in s.sets)
        for place, n in enumerate(task.n_labels)
    )
    largest = max(WINDOW_COLUMNS, shape.n_maps + shape.width)
    n_folds, n_pairs = task.n_folds, task.n_folds * (task.n_folds - 1) // 2
    sums = (n_folds + 1) * max(predict_set_bytes(shape, n) for n in task.n_labels)
    decompositions = 8 * largest**2 * (n_folds + n_pairs + 3)

    scores = max(
        2 * predict_score_bytes(shape, n, n_residues=task.count_residues(place), n_folds=n_folds)
        for place, n in enumerate(task.n_labels)
    )
    return targets + max(sums + decompositions, scores)


def predict_disk_bytes_of_fit(task: FitTargets, shape: Shape, *, n_shards: int) -> int:
    """Return the bytes that one model's passes keep on the disk until the end: sums, weights and scores."""
    sums = n_shards * predict_sum_bytes(shape, task.n_labels)
    weights = sum(task.n_folds * predict_weight_bytes(shape, n, n_folds=task.n_folds) for n in task.n_labels)
    scores = sum(
        predict_score_bytes(shape, n, n_residues=task.count_residues(place), n_folds=task.n_folds)
        for place, n in enumerate(task.n_labels)
    )
    return sums + weights + scores


def predict_input_bytes(task: FitTargets) -> int:
    """Return the bytes of the sequences and targets that are laid on the disk for the workers."""
    counted = [values.is_counted.size for sequence in task.sequences for values in sequence.sets.values()]
    targets = [array.nbytes for of_sets in task.targets for array in of_sets.values()]
    return sum(task.lengths) + sum(counted) + sum(targets)


def refuse_too_large(predicted: int, available: int, *, n_sets: int) -> None:
    """Refuse a fit that does not fit the memory. Raises EnvironmentFault."""
    if predicted > SPARE * available:
        raise EnvironmentFault(
            f"Fitting {n_sets} sets of labels at once takes more memory than this machine has.",
            expected=f"{predicted / GIB:.1f} GiB",
            found=f"{SPARE * available / GIB:.1f} GiB, four fifths of what is free",
            hint="fit fewer labels at a time (--labels), or take fewer folds (--folds)",
        )
