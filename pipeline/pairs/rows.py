"""The rows of the tables of pairs, of a part of a shard, in the order of each table.

Axis letters: `L` layers, `H` heads, `N` residues of a protein, `K` rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attlas.pipeline.pairs.combining import FormAttention, LinksAcross
from attlas.pipeline.pairs.gathering import HEAD_NUMBERS
from attlas.pipeline.pairs.planning import PairOfSequences
from attlas.pipeline.pass_task import Columns, TableRows
from attlas.schema import PAIR_CONTACTS, PAIR_HEADS, PAIR_LINKS, PAIR_RESIDUES, PAIR_SEGMENTS

PairAttention = Mapping[str, FormAttention]
"""What is kept of a pair, by form."""


@dataclass(frozen=True)
class DirectionRows:
    """Rows of one pair, form, order and direction, which share their names."""

    pair: PairOfSequences
    place: int
    """1: `accession` is the one that the file names before the other; 2: the other."""
    form: str
    chain_order: str
    n_rows: int

    @property
    def accession(self) -> str:
        """The protein whose residues are the queries."""
        return self.pair.pair.accession if self.place == 1 else self.pair.pair.partner

    @property
    def partner(self) -> str:
        """The other protein."""
        return self.pair.pair.partner if self.place == 1 else self.pair.pair.accession

    @property
    def sequence_id(self) -> int | None:
        """Number of the sequence of `accession`."""
        return self.pair.pair.sequence_id if self.place == 1 else self.pair.pair.partner_sequence_id


def list_tables(
    pairs: Sequence[PairOfSequences],
    attention: Sequence[PairAttention | None],
    *,
    n_layers: int,
    n_heads: int,
    has_segments: bool = False,
) -> list[TableRows]:
    """Return the rows of pairs in each table; a pair whose attention is None has no rows."""
    computed = [(pair, forms) for pair, forms in zip(pairs, attention, strict=True) if forms is not None]
    segments = [TableRows(PAIR_SEGMENTS, _list_segments(computed))] if has_segments else []
    return [
        *segments,
        TableRows(PAIR_HEADS, _list_heads(computed, n_layers, n_heads)),
        TableRows(PAIR_RESIDUES, _list_residues(computed, n_layers)),
        TableRows(PAIR_LINKS, _list_links(computed, n_heads)),
        TableRows(PAIR_CONTACTS, _list_contacts(computed)),
    ]


ComputedPairs = Sequence[tuple[PairOfSequences, PairAttention]]
"""Pairs with what is kept of their attention."""


def _list_forms(computed: ComputedPairs) -> Iterator[tuple[PairOfSequences, str, FormAttention]]:
    """Yield each pair in each form with what is kept of it, in the order of the tables."""
    for pair, forms in computed:
        for form in sorted(forms):
            yield pair, form, forms[form]


def _list_heads(computed: ComputedPairs, n_layers: int, n_heads: int) -> Columns:
    """Return the columns of `pair_heads`."""
    blocks, numbers = [], [np.empty((0, len(HEAD_NUMBERS)), np.float32)]
    for pair, form, kept in _list_forms(computed):
        for order in sorted(kept.heads):
            for place in (1, 2):
                values = kept.heads[order][place - 1].reshape(-1, len(HEAD_NUMBERS))
                blocks.append(DirectionRows(pair, place, form, order, len(values)))
                numbers.append(values)

    values = np.concatenate(numbers)
    layer, head = np.divmod(np.arange(n_layers * n_heads), n_heads)
    columns = dict(zip(HEAD_NUMBERS, values.T, strict=True))
    return {
        **_repeat_names(blocks),
        "layer": np.tile(layer.astype(np.int16), len(blocks)),
        "head": np.tile(head.astype(np.int16), len(blocks)),
        **columns,
        "mirror": pa.array(columns["mirror"], from_pandas=True),  # not a number is null
    }


def _list_residues(computed: ComputedPairs, n_layers: int) -> Columns:
    """Return the columns of `pair_residues`."""
    blocks, received, letters = [], [np.empty((2, 0, n_layers), np.float32)], []
    for pair, form, kept in _list_forms(computed):
        n_first = len(pair.sequences[0])
        for place, part in ((1, slice(0, n_first)), (2, slice(n_first, None))):
            blocks.append(DirectionRows(pair, place, form, "", len(pair.sequences[place - 1])))
            received.append(np.swapaxes(kept.received[:, :, part], 1, 2))  # (2, N, L)
            letters.append(pair.sequences[place - 1])

    within, across = np.concatenate(received, axis=1)
    n_rows = [block.n_rows for block in blocks]
    return {
        **_repeat_names(blocks),
        "position": np.concatenate([np.empty(0, np.int64), *(np.arange(1, n + 1) for n in n_rows)]).astype(np.int32),
        "residue": list("".join(letters)),
        "received_within": _list_per_layer(within),
        "received_across": _list_per_layer(across),
    }


def _list_links(computed: ComputedPairs, n_heads: int) -> Columns:
    """Return the columns of `pair_links`."""
    blocks, parts = [], []
    for pair, form, kept in _list_forms(computed):
        for order in sorted(kept.links):
            links = kept.links[order]
            parts.append(links)
            blocks += [DirectionRows(pair, place, form, order, int((links.place == place).sum())) for place in (1, 2)]

    links = _join_links(parts)
    layer, head = np.divmod(links.head_index, n_heads)
    return {
        **_repeat_names(blocks),
        "layer": layer.astype(np.int16),
        "head": head.astype(np.int16),
        "i": links.i,
        "j": links.j,
        "weight": links.weight,
    }


def _list_contacts(computed: ComputedPairs) -> Columns:
    """Return the columns of `pair_contacts`."""
    kept = list(_list_forms(computed))
    blocks = [DirectionRows(pair, 1, form, "", len(attention.contacts.i)) for pair, form, attention in kept]
    contacts = [attention.contacts for _, _, attention in kept]
    empty = np.empty(0, np.int32)

    def join_values(values: Sequence[NDArray[np.float32] | None]) -> pa.ChunkedArray:
        arrays = [
            pa.nulls(block.n_rows, pa.float32()) if column is None else pa.array(column, pa.float32())
            for block, column in zip(blocks, values, strict=True)
        ]
        return pa.chunked_array(arrays, pa.float32())

    return {
        **_repeat_names(blocks),
        "i": np.concatenate([empty, *(contact.i for contact in contacts)]),
        "j": np.concatenate([empty, *(contact.j for contact in contacts)]),
        "probability": join_values([contact.probability for contact in contacts]),
        "score": join_values([contact.score for contact in contacts]),
    }


def _list_segments(computed: ComputedPairs) -> Columns:
    """Return the columns of `pair_segments`; an empty segment has no row."""
    blocks, places, weights = [], [np.empty((3, 0), np.int64)], [np.empty(0, np.float32)]
    for pair, form, kept in _list_forms(computed):
        if kept.segments is not None:
            is_there = ~np.isnan(kept.segments)
            blocks.append(DirectionRows(pair, 1, form, "", int(is_there.sum())))
            places.append(np.array(np.nonzero(is_there)))
            weights.append(kept.segments[is_there])

    layer, segment, key_segment = np.concatenate(places, axis=1).astype(np.int16)
    return {
        **_repeat_names(blocks),
        "layer": layer,
        "segment": segment,
        "key_segment": key_segment,
        "weight": np.concatenate(weights),
    }


def _repeat_names(blocks: Sequence[DirectionRows]) -> dict[str, object]:
    """Return the columns that name the rows of blocks, (K,) each."""
    n_rows = [block.n_rows for block in blocks]
    index = pa.array(np.repeat(np.arange(len(blocks), dtype=np.int32), n_rows))

    def repeat_texts(texts: Sequence[str]) -> pa.Array:
        return pa.array(texts, pa.string()).take(index)

    def repeat_numbers(numbers: Sequence[int | None], kind: type) -> NDArray[np.generic]:
        return np.repeat(np.array(numbers, kind), n_rows)

    return {
        "pair_id": repeat_numbers([block.pair.pair.pair_id for block in blocks], np.int32),
        "sequence_id": repeat_numbers([block.sequence_id for block in blocks], np.int32),
        "accession": repeat_texts([block.accession for block in blocks]),
        "partner": repeat_texts([block.partner for block in blocks]),
        "place": repeat_numbers([block.place for block in blocks], np.int16),
        "form": repeat_texts([block.form for block in blocks]),
        "chain_order": repeat_texts([block.chain_order for block in blocks]),
    }


def _list_per_layer(values: NDArray[np.float32]) -> pa.Array:
    """Return rows of a number for each layer, (K, L), as a column of lists."""
    flat = pa.array(np.ascontiguousarray(values).ravel(), pa.float32())
    return pa.FixedSizeListArray.from_arrays(
        flat, type=pa.list_(pa.field("item", pa.float32(), False), values.shape[1])
    )


def _join_links(parts: Sequence[LinksAcross]) -> LinksAcross:
    """Return several links as one, in their order; none at all have their types."""
    numbers, weights = np.empty(0, np.int32), np.empty(0, np.float32)
    every_part = (LinksAcross(numbers.astype(np.int16), numbers, numbers, numbers, weights), *parts)
    return LinksAcross(
        place=np.concatenate([part.place for part in every_part]),
        head_index=np.concatenate([part.head_index for part in every_part]),
        i=np.concatenate([part.i for part in every_part]),
        j=np.concatenate([part.j for part in every_part]),
        weight=np.concatenate([part.weight for part in every_part]),
    )
