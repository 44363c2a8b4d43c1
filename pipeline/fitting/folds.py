"""The folds of a cross-validation: families stay whole, and labelled residues are spread evenly over the folds."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.label_sets import LabelledSequences
from attlas.schema import InputError

N_FOLDS = 5


def connect(n: int, families: Iterable[Sequence[int]]) -> NDArray[np.int64]:
    """Return the connected component of each of `n` sequences, (n,); all members of a family are connected.

    A sequence in several families connects them; a sequence without a family is a component by itself.

    Args:
        n: number of sequences.
        families: the places of each family's members.
    """
    parents = list(range(n))

    def find(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for places in families:
        for place in places[1:]:
            parents[find(place)] = find(places[0])
    roots = [find(place) for place in range(n)]
    return np.unique(roots, return_inverse=True)[1]


def join_groups(*groupings: Sequence[str | None]) -> NDArray[np.int64]:
    """Return the connected component of each of `n` sequences, (n,), over several ways to group them.

    Args:
        groupings: the group of each sequence, one way each; None: it is in no group.
    """
    members: dict[tuple[int, str], list[int]] = defaultdict(list)
    for kind, grouping in enumerate(groupings):
        for place, group in enumerate(grouping):
            if group is not None:
                members[kind, group].append(place)
    return connect(len(groupings[0]), members.values())


def group_sequences(accessions: Sequence[Sequence[str]], families: Iterable[tuple[str, str]]) -> NDArray[np.int64]:
    """Return the group of each sequence, (n,): the connected components of families.

    Args:
        accessions: the proteins of each sequence.
        families: rows of a protein's accession and one of its families.
    """
    places = {accession: place for place, names in enumerate(accessions) for accession in names}
    members: dict[str, list[int]] = defaultdict(list)
    for accession, family in families:
        if accession in places:
            members[family].append(places[accession])
    return connect(len(accessions), members.values())


def assign_folds(
    groups: NDArray[np.int64], weights: NDArray[np.float64], *, n_folds: int, seed: int
) -> NDArray[np.int64]:
    """Return the fold of each sequence, (n,): groups stay whole, and every label is spread evenly.

    The heaviest groups come first; each goes to the fold where it adds least to the sum of squared loads.

    Args:
        groups: the group of each sequence, (n,).
        weights: labelled residues of each label on each sequence, (n, labels).
        n_folds: number of folds.
        seed: seed of the order of groups of equal weight.

    Raises:
        InputError: there are fewer groups than folds.
    """
    n_groups = int(groups.max()) + 1
    if n_groups < n_folds:
        raise InputError(
            "There are too few families to leave some of them out.",
            expected=f"as many as folds, {n_folds}, or more",
            found=f"{n_groups}",
            hint="annotate more proteins, ask for fewer folds (--folds), or hold proteins out (--by none)",
        )

    shares = np.zeros((n_groups, weights.shape[1]))
    np.add.at(shares, groups, weights / np.maximum(weights.sum(0), 1))
    ties = np.random.default_rng(seed).random(n_groups)
    loads = np.zeros((n_folds, weights.shape[1]))
    sizes = np.zeros(n_folds)
    folds = np.empty(n_groups, np.int64)
    for group in np.lexsort((ties, -shares.max(1))):
        # If the loads are equal, as for groups without a label, the smaller fold takes the group.
        fold = np.lexsort((sizes, loads @ shares[group]))[0]
        folds[group] = fold
        loads[fold] += shares[group]
        sizes[fold] += 1
    return folds[groups]


def count_labelled(labelled: LabelledSequences) -> NDArray[np.float64]:
    """Return the labelled residues of each label on each sequence, (n, labels); for a track, residues with a number."""
    columns = [(place, row) for place, labels in enumerate(labelled.sets) for row in range(len(labels.labels))]
    counts = np.zeros((len(labelled.sequences), len(columns)))
    for i, sequence in enumerate(labelled.sequences):
        for column, (place, row) in enumerate(columns):
            if place in sequence.sets:
                values = sequence.sets[place]
                is_numeric = labelled.sets[place].is_numeric
                counted = values.is_counted if is_numeric else values.values[row, values.is_counted]
                counts[i, column] = counted.sum()
    return counts
