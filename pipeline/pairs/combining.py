"""What is kept of a pair: the attention on each of its inputs, turned to the order of the file, and means over orders.

Axis letters: `L` layers, `H` heads, `N` residues of both chains, `A` residues of `accession`, `B` of `partner`,
`K` rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.pairs import DEFAULT_FLOOR, KEPT_PER_RESIDUE, mark_highest
from attlas.pipeline.pairs.gathering import JoinedAttention
from attlas.pipeline.pairs.joining import JoinedInput, Order
from attlas.pipeline.pairs.segmenting import turn_segments

MEAN = "mean"
"""The numbers of both orders, averaged."""


@dataclass(frozen=True)
class LinksAcross:
    """Links from one chain to the other, (K,) each, in order of place, head, i and j."""

    place: NDArray[np.int16]
    """1 where residues of `accession` are the queries, else 2."""
    head_index: NDArray[np.int32]
    """Layer * H + head."""
    i: NDArray[np.int32]
    """Position of the query in its chain, 1-based."""
    j: NDArray[np.int32]
    """Position of the key in the other chain, 1-based."""
    weight: NDArray[np.float32]


@dataclass(frozen=True)
class ContactsAcross:
    """Pairs of residues across that are kept, (K,) each, in order of i and j."""

    i: NDArray[np.int32]
    """Position in `accession`, 1-based."""
    j: NDArray[np.int32]
    """Position in `partner`, 1-based."""
    probability: NDArray[np.float32] | None
    score: NDArray[np.float32] | None


@dataclass(frozen=True)
class TurnedAttention:
    """The attention on one input, in the order of the file of pairs, for any order of the input."""

    heads: NDArray[np.float32]
    """As of `JoinedAttention`, `accession` first, (2, L, H, 9)."""
    received: NDArray[np.float32]
    """As of `JoinedAttention`, residues of `accession` first, (2, L, N)."""
    links: LinksAcross
    probability: NDArray[np.float32] | None
    """(A, B)."""
    score: NDArray[np.float32] | None
    """(A, B)."""
    segments: NDArray[np.float32] | None
    """Segments of `accession` before those of `partner`, (L, 20, 20)."""


@dataclass(frozen=True)
class FormAttention:
    """What is kept of a pair in one form."""

    heads: Mapping[str, NDArray[np.float32]]
    """Numbers of heads by order, (2, L, H, 9); with two orders, `mean` is one of the keys."""
    received: NDArray[np.float32]
    """Mean over orders, (2, L, N)."""
    links: Mapping[str, LinksAcross]
    """Links across by order."""
    contacts: ContactsAcross
    segments: NDArray[np.float32] | None = None
    """Attention between segments, mean over orders, (L, 20, 20); None where it was not asked for."""


def turn_attention(attention: JoinedAttention, joined: JoinedInput, order: Order) -> TurnedAttention:
    """Return the attention on an input with `accession` first."""
    is_reversed = order == "reverse"
    links = _place_links(attention, joined, is_reversed=is_reversed)
    if not is_reversed:
        return TurnedAttention(
            attention.heads, attention.received, links, attention.probability, attention.score, attention.segments
        )

    n_before = joined.lengths[0]
    return TurnedAttention(
        heads=attention.heads[::-1],
        received=np.roll(attention.received, -n_before, axis=2),
        links=links,
        probability=None if attention.probability is None else attention.probability.T,
        score=None if attention.score is None else attention.score.T,
        segments=None if attention.segments is None else turn_segments(attention.segments),
    )


def combine_orders(by_order: Mapping[Order, TurnedAttention]) -> FormAttention:
    """Return the kept attention of a pair in one form, of one order or both."""
    turned = list(by_order.values())
    heads: dict[str, NDArray[np.float32]] = {order: attention.heads for order, attention in by_order.items()}
    if len(turned) > 1:
        heads[MEAN] = _average([attention.heads for attention in turned])

    probabilities = [attention.probability for attention in turned if attention.probability is not None]
    scores = [attention.score for attention in turned if attention.score is not None]
    segments = [attention.segments for attention in turned if attention.segments is not None]
    return FormAttention(
        heads=heads,
        received=_average([attention.received for attention in turned]),
        links={order: attention.links for order, attention in by_order.items()},
        contacts=keep_contacts(
            _average(probabilities) if probabilities else None, _average(scores) if scores else None
        ),
        segments=_average(segments) if segments else None,
    )


def keep_contacts(probability: NDArray[np.float32] | None, score: NDArray[np.float32] | None) -> ContactsAcross:
    """Return the pairs of residues, of maps (A, B), that are kept.

    These are the pairs of a probability of DEFAULT_FLOOR (0.3) or more, and in any case the KEPT_PER_RESIDUE (2) times
    A + B most probable ones, and as many of highest score; of equal ones the first in order of (i, j).
    """
    maps = [values for values in (probability, score) if values is not None]
    if not maps:
        empty = np.empty(0, np.int32)
        return ContactsAcross(empty, empty, None, None)

    n_kept = KEPT_PER_RESIDUE * sum(maps[0].shape)
    is_kept = np.zeros(maps[0].size, np.bool_)
    for values in maps:
        is_kept |= mark_highest(values.ravel(), n_kept)
    if probability is not None:
        is_kept |= probability.ravel() >= DEFAULT_FLOOR

    i, j = np.nonzero(is_kept.reshape(maps[0].shape))
    return ContactsAcross(
        i=(i + 1).astype(np.int32),
        j=(j + 1).astype(np.int32),
        probability=None if probability is None else probability[i, j],
        score=None if score is None else score[i, j],
    )


def _place_links(attention: JoinedAttention, joined: JoinedInput, *, is_reversed: bool) -> LinksAcross:
    """Return the links of an input with positions in their chains, in place of those of tokens."""
    links = attention.links
    starts = np.array([chain.start for chain in joined.chains])
    chain = (links.i >= starts[1]).astype(np.int64)  # of the query
    place = (2 - chain if is_reversed else 1 + chain).astype(np.int16)
    i = (links.i - starts[chain] + 1).astype(np.int32)
    j = (links.j - starts[1 - chain] + 1).astype(np.int32)

    ranking = np.lexsort((j, i, links.head_index, place))
    return LinksAcross(place[ranking], links.head_index[ranking], i[ranking], j[ranking], links.weight[ranking])


def _average(arrays: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of arrays of one shape."""
    if len(arrays) == 1:
        return arrays[0]
    return np.asarray(np.stack(arrays).mean(0, dtype=np.float64), np.float32)
