"""One shard: sequences in, Parquet files and a receipt out, by rename.

Axis letters: `L` layers, `H` heads, `N` residues, `S` head statistics.
"""

import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.attention import STATISTICS
from attlas.pipeline.device_check import pack_runner
from attlas.pipeline.encoder import Encoder, SequenceAttention
from attlas.pipeline.plan import Plan, Shard, packs
from attlas.pipeline.proteins import STANDARD_LETTERS
from attlas.pipeline.sites import Sites, call_sites
from attlas.schema import (
    HEADS,
    RESIDUES,
    SEQUENCES,
    SITES,
    AtlasPaths,
    BrokenAtlasError,
    Receipt,
    Table,
    TableFile,
)
from attlas.schema.errors import first_line
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import publishing


@dataclass(frozen=True)
class Outcome:
    """What became of one sequence of a shard."""

    sequence_id: int
    sequence: str
    attention: SequenceAttention | None
    """None where it failed."""
    sites: Sites | None
    reason: str | None
    """Why it failed; None if ok."""


def encode_shard(paths: AtlasPaths, plan: Plan, shard: Shard, encoder: Encoder) -> Receipt:
    """Compute a shard, publish its files and its receipt, and return the receipt.

    A sequence that fails, alone, on a device that works is recorded as failed with the reason; the others go on.

    Raises:
        DeviceFault: the device does not work; nothing is published.
        EnvironmentFault: a file cannot be written.
        BrokenAtlasError: the planned proteins do not hold the shard's sequences.
    """
    started = time.perf_counter()
    sequences = read_sequences(paths, shard)

    # One shard at a time uses the device, while the tables of another are written.
    with encoder.lock:
        model_started = time.perf_counter()
        attentions = list(encode_sequences(encoder, sequences, plan.pack_tokens))
        model_s = time.perf_counter() - model_started

    outcomes = [
        _outcome(sequence_id, sequence, attention, plan.run.rule)
        for sequence_id, (sequence, attention) in enumerate(
            zip(sequences, attentions, strict=True), start=shard.first_sequence_id
        )
    ]
    files = tuple(_publish(paths, plan, shard, table, outcomes) for table in _ROWS)

    receipt = Receipt(
        index=shard.index,
        plan_id=plan.plan_id,
        files=files,
        n_sequences=len(outcomes),
        n_failed=sum(outcome.reason is not None for outcome in outcomes),
        n_residues=sum(len(outcome.sequence) for outcome in outcomes if outcome.reason is None),
        wall_s=round(time.perf_counter() - started, 3),
        model_s=round(model_s, 3),
        peak_bytes=peak_bytes(encoder.device.type),
        predicted_bytes=shard.predicted_bytes,
        host=socket.gethostname(),
    )
    receipt.write(paths)
    return receipt


def read_sequences(paths: AtlasPaths, shard: Shard) -> list[str]:
    """Return the shard's distinct sequences in order of `sequence_id`, from the planned proteins."""
    begin, end = shard.first_sequence_id, shard.end_sequence_id
    is_of_shard = (pc.field("sequence_id") >= begin) & (pc.field("sequence_id") < end)
    rows = pq.read_table(paths.planned_proteins, columns=["sequence_id", "sequence"], filters=is_of_shard).to_pydict()
    sequences = dict(zip(rows["sequence_id"], rows["sequence"], strict=True))

    if sorted(sequences) != list(range(begin, end)):
        raise BrokenAtlasError(
            f"{paths.planned_proteins} does not hold the sequences of shard {shard.index}.",
            expected=f"sequence_id {begin} to {end - 1}",
            found=f"{len(sequences)} of {end - begin}",
            hint="start again in a new directory",
        )
    return [sequences[sequence_id] for sequence_id in range(begin, end)]


def peak_bytes(device: str) -> int:
    """Return the largest memory so far: resident bytes of this process on a CPU, allocated bytes on a GPU."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def encode_sequences(
    encoder: Encoder, sequences: Sequence[str], pack_tokens: int
) -> Iterator[SequenceAttention | Exception]:
    """Yield the attention of each sequence, or the error with which it fails on a device that works.

    Attention that is not finite is that of the sequence: the device was finite on the known protein.

    Raises:
        DeviceFault: the device does not work.
    """

    def begin(pack: Sequence[str]) -> Callable[[], list[SequenceAttention]]:
        return encoder.start(pack).results

    runner = pack_runner(encoder, begin=begin, is_finite=lambda attention: attention.is_finite)
    tokens = min(pack_tokens, encoder.fitting_tokens or pack_tokens)
    lengths = [len(sequence) for sequence in sequences]
    return runner.run(sequences[pack] for pack in packs(lengths, tokens))


def _outcome(sequence_id: int, sequence: str, attention: SequenceAttention | Exception, rule: str) -> Outcome:
    if isinstance(attention, Exception):
        return Outcome(sequence_id, sequence, None, None, first_line(attention))
    if not attention.is_finite:
        return Outcome(sequence_id, sequence, None, None, "the model's attention is not finite (NaN or infinity)")
    return Outcome(sequence_id, sequence, attention, call_sites(attention.received, rule=rule), None)


def _publish(paths: AtlasPaths, plan: Plan, shard: Shard, table: Table, outcomes: Sequence[Outcome]) -> TableFile:
    schema = table.schema(plan.run.n_layers)
    columns = _ROWS[table](outcomes, plan.run.n_layers)
    rows = pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
    path = paths.shard(table, shard.index)
    with publishing(path) as beside:
        write_table(beside, table=table, rows=rows, metadata=provenance(plan.run, plan.plan_id))
    return describe_file(paths, path, table)


def _sequence_rows(outcomes: Sequence[Outcome], _: int) -> dict[str, Any]:
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


def _site_rows(outcomes: Sequence[Outcome], _: int) -> Mapping[str, Any]:
    return site_rows([(outcome.sequence_id, outcome.sequence, outcome.sites) for outcome in outcomes if outcome.sites])


def site_rows(called: Sequence[tuple[int, str, Sites]]) -> Mapping[str, Any]:
    """Return the rows of a table of sites: of each sequence its `sequence_id`, its letters and what was called."""
    found = [(sequence_id, sequence, sites) for sequence_id, sequence, sites in called if len(sites.positions)]
    letters = [sequence[position - 1] for _, sequence, sites in found for position in sites.positions]
    positions = _joined([sites.positions for _, _, sites in found], np.int32)
    n_each = [len(sites.positions) for _, _, sites in found]
    return {
        "sequence_id": np.repeat(np.array([sequence_id for sequence_id, _, _ in found], np.int32), n_each),
        "position": positions,
        "residue": letters,
        "rank": _joined([np.arange(1, n + 1) for n in n_each], np.int32),
        "layer": np.repeat(np.array([sites.layer for _, _, sites in found], np.int16), n_each),
        "received": _joined([sites.received for _, _, sites in found], np.float32),
        "share": _joined([sites.share for _, _, sites in found], np.float32),
        "is_nonstandard": [letter not in STANDARD_LETTERS for letter in letters],
        "is_initiator_methionine": [
            letter == "M" and position == 1 for letter, position in zip(letters, positions, strict=True)
        ],
    }


def _residue_rows(outcomes: Sequence[Outcome], n_layers: int) -> dict[str, Any]:
    computed = _computed(outcomes)
    lengths = [len(outcome.sequence) for outcome, _ in computed]

    # Residue by residue, its layers side by side: (N, L) of every sequence, one after the other.
    profiles = [attention.received.T for _, attention in computed]
    values = np.concatenate(profiles).astype(np.float16) if profiles else np.empty((0, n_layers), np.float16)
    list_type = RESIDUES.schema(n_layers).field("received").type

    return {
        "sequence_id": np.repeat(np.array([outcome.sequence_id for outcome, _ in computed], np.int32), lengths),
        "position": _joined([np.arange(1, n + 1) for n in lengths], np.int32),
        "residue": list("".join(outcome.sequence for outcome, _ in computed)),
        "received": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), type=list_type),
    }


def _head_rows(outcomes: Sequence[Outcome], _: int) -> dict[str, Any]:
    computed = _computed(outcomes)
    ids = np.array([outcome.sequence_id for outcome, _ in computed], np.int32)
    if not computed:
        return {column.name: [] for column in HEADS.stored()}
    values = np.stack([attention.heads for _, attention in computed])  # (n, L, H, S)
    n_layers, n_heads = values.shape[1:3]

    # A row for every sequence, layer and head, in this order.
    sequence, layer, head = np.meshgrid(ids, np.arange(n_layers), np.arange(n_heads), indexing="ij")
    columns: dict[str, Any] = {
        "sequence_id": sequence.ravel(),
        "layer": layer.ravel().astype(np.int16),
        "head": head.ravel().astype(np.int16),
    }

    for name, column in zip(STATISTICS, np.moveaxis(values, -1, 0), strict=True):
        columns[name] = column.ravel().astype(np.int32 if name == "n_edges" else np.float32)
    return columns


def _computed(outcomes: Sequence[Outcome]) -> list[tuple[Outcome, SequenceAttention]]:
    return [(outcome, outcome.attention) for outcome in outcomes if outcome.attention is not None]


def _joined(parts: Sequence[Any], dtype: Any) -> Any:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)


_ROWS = {SEQUENCES: _sequence_rows, SITES: _site_rows, RESIDUES: _residue_rows, HEADS: _head_rows}
"""How the rows of each table a shard writes are made."""
