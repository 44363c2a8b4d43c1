"""The rows of the tables that a shard of a build writes, from the outcomes of its sequences. Opens no file.

Axis letters: `L` layers, `H` heads, `N` residues, `S` head statistics, `n` sequences.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from attlas.pipeline.attention.definitions import STATISTICS
from attlas.pipeline.encoder.forward import SequenceAttention
from attlas.pipeline.proteins.records import STANDARD_LETTERS
from attlas.pipeline.sites.calling import Sites
from attlas.schema import HEADS, RESIDUES, SEQUENCES, SITES, Table


@dataclass(frozen=True)
class SequenceOutcome:
    """The result of one sequence of a shard."""

    sequence_id: int
    sequence: str
    attention: SequenceAttention | None
    """None where it failed."""
    sites: Sites | None
    reason: str | None
    """Why it failed; None if ok."""


def make_rows(table: Table, outcomes: Sequence[SequenceOutcome], n_layers: int) -> pa.Table:
    """Return the rows of a table that a shard writes, in the table's order."""
    schema = table.schema(n_layers)
    columns = _COLUMNS[table](outcomes, n_layers)
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def list_sites(sequences: Sequence[tuple[int, str, Sites]]) -> Mapping[str, Any]:
    """Return the rows of a table of sites, from the `sequence_id`, the letters and the sites of each sequence."""
    with_sites = [(sequence_id, letters, sites) for sequence_id, letters, sites in sequences if len(sites.positions)]
    n_sites = [len(sites.positions) for _, _, sites in with_sites]
    residues = [letters[position - 1] for _, letters, sites in with_sites for position in sites.positions.tolist()]
    positions = _join([sites.positions for _, _, sites in with_sites], np.int32)

    return {
        "sequence_id": np.repeat(np.array([sequence_id for sequence_id, _, _ in with_sites], np.int32), n_sites),
        "position": positions,
        "residue": residues,
        "rank": _count_within(n_sites),
        "layer": np.repeat(np.array([sites.layer for _, _, sites in with_sites], np.int16), n_sites),
        "received": _join([sites.received for _, _, sites in with_sites], np.float32),
        "share": _join([sites.share for _, _, sites in with_sites], np.float32),
        "is_nonstandard": [letter not in STANDARD_LETTERS for letter in residues],
        "is_initiator_methionine": [
            letter == "M" and position == 1 for letter, position in zip(residues, positions.tolist(), strict=True)
        ],
    }


def _list_sequences(outcomes: Sequence[SequenceOutcome], _: int) -> dict[str, Any]:
    sites_of_sequences = [outcome.sites for outcome in outcomes]
    return {
        "sequence_id": [outcome.sequence_id for outcome in outcomes],
        "length": [len(outcome.sequence) for outcome in outcomes],
        "status": ["ok" if outcome.reason is None else "failed" for outcome in outcomes],
        "reason": [outcome.reason for outcome in outcomes],
        "layer": [sites.layer if sites else None for sites in sites_of_sequences],
        "n_sites": [len(sites.positions) if sites else None for sites in sites_of_sequences],
        "sites_note": [sites.note if sites else None for sites in sites_of_sequences],
    }


def _list_called_sites(outcomes: Sequence[SequenceOutcome], _: int) -> Mapping[str, Any]:
    return list_sites([(outcome.sequence_id, outcome.sequence, outcome.sites) for outcome in outcomes if outcome.sites])


def _list_residues(outcomes: Sequence[SequenceOutcome], n_layers: int) -> dict[str, Any]:
    computed = _select_computed(outcomes)
    lengths = [len(outcome.sequence) for outcome, _ in computed]
    letters = "".join(outcome.sequence for outcome, _ in computed).encode("ascii")

    # Residue by residue, its layers side by side: (N, L) of every sequence, one after the other. torch turns and rounds
    # in one pass; it rounds as NumPy does, half to even, and ten times as fast. The rounded numbers are stored as
    # float32, which every engine reads.
    values = torch.empty((len(letters), n_layers), dtype=torch.float16)
    for part, (_, attention) in zip(torch.split(values, lengths), computed, strict=True):
        part.copy_(torch.from_numpy(attention.received).T)

    list_type = RESIDUES.schema(n_layers).field("received").type
    return {
        "sequence_id": np.repeat(np.array([outcome.sequence_id for outcome, _ in computed], np.int32), lengths),
        "position": _count_within(lengths),
        "residue": _make_letter_array(letters),
        "received": pa.FixedSizeListArray.from_arrays(pa.array(values.float().numpy().ravel()), type=list_type),
    }


def _list_heads(outcomes: Sequence[SequenceOutcome], _: int) -> dict[str, Any]:
    computed = _select_computed(outcomes)
    if not computed:
        return {column.name: [] for column in HEADS.stored()}
    sequence_ids = np.array([outcome.sequence_id for outcome, _ in computed], np.int32)
    n_layers, n_heads = computed[0][1].heads.shape[:2]

    # Each statistic of all heads side by side, as Arrow takes it without a copy.
    values = np.empty((len(STATISTICS), len(computed), n_layers, n_heads), np.float32)  # (S, n, L, H)
    for i, heads in enumerate(attention.heads for _, attention in computed):
        values[:, i] = np.moveaxis(heads, -1, 0)

    # A row for every sequence, layer and head, in this order.
    n_maps = n_layers * n_heads
    columns: dict[str, Any] = {
        "sequence_id": np.repeat(sequence_ids, n_maps),
        "layer": np.tile(np.repeat(np.arange(n_layers, dtype=np.int16), n_heads), len(computed)),
        "head": np.tile(np.arange(n_heads, dtype=np.int16), len(computed) * n_layers),
    }
    for name, column in zip(STATISTICS, values, strict=True):
        columns[name] = column.ravel().astype(np.int32) if name == "n_edges" else column.ravel()
    return columns


def _select_computed(outcomes: Sequence[SequenceOutcome]) -> list[tuple[SequenceOutcome, SequenceAttention]]:
    return [(outcome, outcome.attention) for outcome in outcomes if outcome.attention is not None]


def _make_letter_array(letters: bytes) -> pa.StringArray:
    """Return an array of one-letter texts, which shares the bytes."""
    offsets = np.arange(len(letters) + 1, dtype=np.int32)
    return pa.StringArray.from_buffers(len(letters), pa.py_buffer(offsets), pa.py_buffer(letters))


def _count_within(lengths: Sequence[int]) -> Any:
    """Return 1, 2, ... for each of the lengths, one after the other, as int32."""
    n = np.array(lengths, np.int64)
    starts = np.cumsum(n) - n
    return (np.arange(1, n.sum() + 1) - np.repeat(starts, n)).astype(np.int32)


def _join(parts: Sequence[Any], dtype: Any) -> Any:
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.empty(0, dtype)


_COLUMNS = {SEQUENCES: _list_sequences, SITES: _list_called_sites, RESIDUES: _list_residues, HEADS: _list_heads}
"""The function that makes the columns of each table that a shard writes."""
