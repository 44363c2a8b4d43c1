"""Sequences with their targets as arrays, in which they travel to the workers, and back.

Axis letters: `P` sequences, `M` targets of a set.
"""

from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.controls import TARGETS
from attlas.pipeline.fitting.label_sets import FitSequence, SetValues
from attlas.pipeline.fitting.saved_arrays import Arrays, ReadArray, read_letters, write_letters
from attlas.pipeline.fitting.task import FitTargets


def make_task_arrays(task: FitTargets) -> Arrays:
    """Return the targets of some sequences as arrays."""
    arrays: dict[str, NDArray[np.generic]] = {
        "letters": write_letters([sequence.sequence for sequence in task.sequences]),
        "sequence_ids": np.array([sequence.sequence_id for sequence in task.sequences]),  # (P,)
        "folds": task.folds,  # (P,)
        "n_labels": np.array(task.n_labels),
        "n_folds": np.array(task.n_folds),
    }

    for place in range(len(task.n_labels)):
        members = [i for i, sequence in enumerate(task.sequences) if place in sequence.sets]
        arrays[f"{place} members"] = np.array(members, np.int64)
        if members:
            is_counted = [task.sequences[i].sets[place].is_counted for i in members]
            arrays[f"{place} is_counted"] = np.concatenate(is_counted)
            arrays[f"{place} targets"] = np.concatenate([task.targets[i][place] for i in members], axis=1)  # (M, .)

    return arrays


def read_task(read: ReadArray) -> FitTargets:
    """Return the sequences of `make_task_arrays`; their proteins are not among it."""
    sequences = read_letters(read("letters"))
    n_labels = tuple(read("n_labels").tolist())

    sets: list[dict[int, SetValues]] = [{} for _ in sequences]
    targets: list[dict[int, NDArray[np.float64]]] = [{} for _ in sequences]
    for place in range(len(n_labels)):
        members = read(f"{place} members").tolist()
        if not members:
            continue
        is_counted, values = read(f"{place} is_counted"), read(f"{place} targets")
        ends = accumulate(len(sequences[i]) for i in members)
        for i, (begin, end) in zip(members, pairwise([0, *ends]), strict=True):
            targets[i][place] = np.asarray(values[:, begin:end], np.float64)
            sets[i][place] = SetValues(np.asarray(is_counted[begin:end], bool), targets[i][place][:: len(TARGETS)])

    sequence_ids = read("sequence_ids").tolist()
    members_of_task = zip(sequence_ids, sequences, sets, strict=True)
    return FitTargets(
        sequences=tuple(FitSequence(number, sequence, (), of_sets) for number, sequence, of_sets in members_of_task),
        targets=tuple(targets),
        folds=np.asarray(read("folds"), np.int64),
        n_labels=n_labels,
        n_folds=int(read("n_folds")),
    )
