"""Folds of proteins that keep every group whole, and the splits in which one fold is predicted by the others. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

N_FOLDS = 5
N_INNER = 2
"""Training folds that are left out in turn to choose the penalty and the threshold."""


@dataclass(frozen=True)
class ProteinSplit:
    """The proteins that are predicted, and those that are fitted on, by their places."""

    test: tuple[int, ...]
    train: tuple[int, ...]
    inner: tuple[tuple[int, ...], ...]
    """Parts of `train`, each left out once to choose what is not fitted."""


def assign_folds(groups: Sequence[str], *, seed: int, n_folds: int = N_FOLDS) -> list[int]:
    """Return the fold of each protein: groups stay whole, folds hold about as many proteins each.

    Large groups are given first, each to the smallest fold; groups of one size in an order that the seed draws.
    """
    sizes: dict[str, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1

    fold_sizes = [0] * n_folds
    fold_of: dict[str, int] = {}
    for group in sorted(sizes, key=lambda name: (-sizes[name], _draw(name, seed))):
        fold = fold_sizes.index(min(fold_sizes))
        fold_of[group] = fold
        fold_sizes[fold] += sizes[group]
    return [fold_of[group] for group in groups]


def split_by_fold(folds: Sequence[int], *, n_inner: int = N_INNER) -> list[ProteinSplit]:
    """Return a split for each fold, in which it is predicted by the others."""
    n_folds = max(folds) + 1
    members = [tuple(place for place, fold in enumerate(folds) if fold == number) for number in range(n_folds)]
    return [
        ProteinSplit(
            test=members[number],
            train=tuple(place for place, fold in enumerate(folds) if fold != number),
            inner=tuple(members[(number + step) % n_folds] for step in range(1, n_inner + 1)),
        )
        for number in range(n_folds)
    ]


def keep_all(folds: Sequence[int], *, n_inner: int = N_INNER) -> ProteinSplit:
    """Return the split that predicts no protein and fits on all, with as many parts left out as in `split_by_fold`."""
    inner = [tuple(place for place, fold in enumerate(folds) if fold == number) for number in range(n_inner)]
    return ProteinSplit((), tuple(range(len(folds))), tuple(inner))


def split_by_set(
    test: Sequence[int], train: Sequence[int], groups: Sequence[str], *, seed: int, n_inner: int = N_INNER
) -> ProteinSplit:
    """Return the split in which one set is predicted by another, less the groups that both share.

    Args:
        test: places of the proteins that are predicted.
        train: places of those of the other set.
        groups: of all proteins, by place.
        seed: of the folds of `train`.
    """
    shared = {groups[place] for place in test}
    kept = [place for place in train if groups[place] not in shared]
    folds = assign_folds([groups[place] for place in kept], seed=seed)
    inner = [tuple(place for place, fold in zip(kept, folds, strict=True) if fold == n) for n in range(n_inner)]
    return ProteinSplit(tuple(test), tuple(kept), tuple(inner))


def _draw(name: str, seed: int) -> str:
    """Return a text by which names are put into an order that does not depend on the names' own."""
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
