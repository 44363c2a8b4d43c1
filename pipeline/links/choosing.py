"""The rule by which the links of a protein are chosen among its attention weights. Pure, over arrays.

A *candidate* is an inner attention weight of a residue i (the query) to another residue j (the key), in one head, of
`floor` (0.1) or more. It is directed: i to j and j to i are two weights, and either may be chosen without the other.

1. Hubs. Of the candidates into one residue, in one head, the HUB_LINKS strongest stay (`gathering`), so that a
   residue to which all others attend does not crowd out the rest.
2. Budget. As many links are chosen as `per_residue` (5) times the length; more only if more heads have an edge, a
   candidate of theta (0.3) or more: each of them has a link.
3. Heads. Each head with an edge gives its strongest candidate.
4. Long range. Up to half of the budget goes to the strongest candidates left, of all heads, whose residues are
   LONG_RANGE or more apart.
5. Turns. The heads take turns: in each round every head, with an edge or without, gives the strongest candidate that
   it has left, until the budget is used. In the last round the strongest of these go first.

Of equal weights those of the lower layer come first, then of the lower head, the lower i, the lower j: so the choice
depends on the weights alone. Weights are compared as float32, as they are stored.

Axis letters: `K` candidates, `L` layers, `H` heads, `N` residues.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from attlas.schema.columns import LONG_RANGE

HUB_LINKS = 5
"""Most candidates into one residue of one head."""

THIN_FACTOR = 32
"""Candidates of a protein, in budgets, from which on those that cannot be chosen are dropped between layers."""

DEFAULT_FLOOR = 0.1
"""Attention from which on a weight is a candidate."""

DEFAULT_PER_RESIDUE = 5
"""Links chosen for each residue of a protein."""


@dataclass(frozen=True)
class Links:
    """Weights between residues of one protein: candidates, or those chosen of them. Arrays of one length, (K,)."""

    head_index: NDArray[np.int32]
    """The head, counted through the model: layer * H + head."""
    i: NDArray[np.int32]
    """Position of the residue that attends, 1-based."""
    j: NDArray[np.int32]
    """Position of the residue attended to, 1-based."""
    weight: NDArray[np.float32]
    """Attention of i to j."""

    def __len__(self) -> int:
        return len(self.weight)

    def select(self, places: NDArray[np.bool_] | NDArray[np.intp]) -> "Links":
        """Return the links at some places, or where a mask is True."""
        return Links(self.head_index[places], self.i[places], self.j[places], self.weight[places])

    @property
    def is_long_range(self) -> NDArray[np.bool_]:
        """Whether the residues of each are LONG_RANGE or more apart."""
        return np.asarray(np.abs(self.i - self.j) >= LONG_RANGE)

    def sort_by_weight(self) -> "Links":
        """Return the same links, the strongest first, of equal ones by head, i and j."""
        return self.select(np.lexsort((self.j, self.i, self.head_index, -self.weight)))

    def sort_by_place(self) -> "Links":
        """Return the same links in order of head, i and j, as they are stored."""
        return self.select(np.lexsort((self.j, self.i, self.head_index)))


def join_links(parts: Sequence[Links]) -> Links:
    """Return several links as one, in their order; none at all have their types."""
    empty = Links(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    columns = [[getattr(part, field.name) for part in (empty, *parts)] for field in fields(Links)]
    return Links(*(np.concatenate(column) for column in columns))


def choose_links(candidates: Links, *, n_residues: int, per_residue: int, theta: float) -> Links:
    """Choose the links of a protein among its candidates, by rules 2 to 5, and return them in order of place.

    Args:
        candidates: of all heads, hubs already cut (rule 1).
        n_residues: length of the protein.
        per_residue: links for each residue.
        theta: attention from which on a candidate is an edge.
    """
    candidates = candidates.sort_by_weight()
    is_chosen = _mark_strongest_of_heads(candidates, theta)
    budget = max(per_residue * n_residues, int(is_chosen.sum()))

    n_long = min(budget // 2, budget - int(is_chosen.sum()))
    is_chosen |= _mark_long_range(candidates, ~is_chosen, n_long)

    remaining = np.flatnonzero(~is_chosen)
    rounds = _number_rounds(candidates.head_index[remaining])
    by_round = remaining[np.argsort(rounds, kind="stable")]
    is_chosen[by_round[: budget - int(is_chosen.sum())]] = True
    return candidates.select(is_chosen).sort_by_place()


def thin_candidates(candidates: Links, *, budget: int, theta: float) -> Links:
    """Return the candidates of some heads that may still be chosen, for any candidates of the other heads.

    More heads take places away: of the long-range candidates fewer are chosen, and there are fewer rounds of turns. So
    nothing is lost if the strongest `budget // 2` long-range ones are kept, and of the others each head's as many as
    there are rounds until `budget` are given. At most 2.5 times `budget` are left, and two for each head.

    Args:
        candidates: all of each head among them.
        budget: links of the protein, or more.
        theta: as for `choose_links`.
    """
    candidates = candidates.sort_by_weight()
    is_kept = _mark_strongest_of_heads(candidates, theta)
    is_kept |= _mark_long_range(candidates, ~is_kept, budget // 2)

    remaining = np.flatnonzero(~is_kept)
    if len(remaining) > budget:
        rounds = _number_rounds(candidates.head_index[remaining])
        n_rounds = np.partition(rounds, budget)[budget]
        remaining = remaining[rounds <= n_rounds]
    is_kept[remaining] = True
    return candidates.select(is_kept)


def _mark_strongest_of_heads(candidates: Links, theta: float) -> NDArray[np.bool_]:
    """Return True at the strongest candidate of each head that has an edge, (K,); they are sorted by weight."""
    _, strongest = np.unique(candidates.head_index, return_index=True)
    is_strongest = np.zeros(len(candidates), np.bool_)
    is_strongest[strongest[candidates.weight[strongest] >= np.float32(theta)]] = True
    return is_strongest


def _mark_long_range(candidates: Links, is_free: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """Return True at the strongest `n` free long-range candidates, (K,); they are sorted by weight."""
    is_long = np.zeros(len(candidates), np.bool_)
    is_long[np.flatnonzero(candidates.is_long_range & is_free)[:n]] = True
    return is_long


def _number_rounds(head_index: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the round in which each candidate is given, from 0: its place among those of its head, (K,)."""
    by_head = np.argsort(head_index, kind="stable")
    heads = head_index[by_head]
    is_head_start = np.concatenate([[True], heads[1:] != heads[:-1]])[: len(heads)]
    starts = np.maximum.accumulate(np.where(is_head_start, np.arange(len(heads)), 0))

    rounds = np.empty(len(heads), np.intp)
    rounds[by_head] = np.arange(len(heads)) - starts
    return rounds
