"""Splits of pairs that keep homology groups together, and the heads that are chosen on one side of a split.

Axis letters: `L` layers, `H` heads, `P` pairs.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.choosing_heads import rank_heads
from attlas.pipeline.contacts.head_choice import Head


@dataclass(frozen=True)
class PairSplit:
    """Pairs on which heads are chosen, and those that judge the choice: no group has pairs in both."""

    number: int
    """From 0."""
    choosing: tuple[int, ...]
    judging: tuple[int, ...]


def draw_splits(groups: Mapping[int, int | str], *, n_splits: int, n_choosing: int, seed: int) -> Iterator[PairSplit]:
    """Yield splits of pairs: a pair each of `n_choosing` groups chooses, all pairs of the other groups judge.

    Further pairs of the choosing groups do neither. Where there are not more groups than `n_choosing`, there is none.

    Args:
        groups: the homology group of each pair, by `pair_id`.
        n_splits: how many splits.
        n_choosing: pairs on which heads are chosen.
        seed: decides which groups choose.
    """
    members: dict[int | str, list[int]] = {}
    for pair_id in sorted(groups):
        members.setdefault(groups[pair_id], []).append(pair_id)
    names = sorted(members, key=lambda name: members[name][0])
    if len(names) <= n_choosing:
        return

    draw = random.Random(seed)
    for number in range(n_splits):
        choosing_groups = draw.sample(names, n_choosing)
        choosing = tuple(sorted(draw.choice(members[name]) for name in choosing_groups))
        judging = tuple(pair_id for pair_id in sorted(groups) if groups[pair_id] not in set(choosing_groups))
        yield PairSplit(number, choosing, judging)


def choose_heads(aurocs: Sequence[NDArray[np.float64]], n_heads: Sequence[int]) -> list[tuple[Head, ...]]:
    """Return, for each number of heads, those with the highest mean AUROC, the best at the top.

    Args:
        aurocs: the AUROC of every head on each choosing pair, (L, H) each.
        n_heads: how many heads are chosen, for each choice.
    """
    ranked = [Head(best.layer, best.head) for best in rank_heads(np.mean(np.stack(aurocs), axis=0))]
    return [tuple(ranked[:n]) for n in n_heads]
