"""The shards of a build: sequences run through the model, Parquet files and a receipt are published.

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
from attlas.pipeline.device_check import make_pack_runner
from attlas.pipeline.encoder import Encoder, SequenceAttention
from attlas.pipeline.plan import Plan, Shard, cut_packs
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
class SequenceOutcome:
    """The result of one sequence of a shard."""

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
        _call_sites(sequence_id, sequence, attention, plan.run.rule)
        for sequence_id, (sequence, attention) in enumerate(
            zip(sequences, attentions, strict=True), start=shard.first_sequence_id
        )
    ]
    files = tuple(_publish(paths, plan, shard, table, outcomes) for table in _ROWS)

    receipt = make_receipt(
        shard,
        files,
        plan_id=plan.plan_id,
        n_sequences=len(outcomes),
        n_residues=sum(len(outcome.sequence) for outcome in outcomes if outcome.reason is None),
        n_failed=sum(outcome.reason is not None for outcome in outcomes),
        started=started,
        model_s=model_s,
        device=encoder.device.type,
    )
    receipt.write(paths)
    return receipt


def make_receipt(
    shard: Shard,
    files: Sequence[TableFile],
    *,
    plan_id: str,
    n_sequences: int,
    n_residues: int,
    n_failed: int,
    started: float,
    model_s: float,
    device: str,
) -> Receipt:
    """Return the receipt of a shard, not yet published.

    Args:
        shard: the shard.
        files: its published files.
        plan_id: digest of the plan, or name of the pass.
        n_sequences: sequences of the shard, those that failed included.
        n_residues: residues that were computed.
        n_failed: sequences that failed.
        started: time of `time.perf_counter` at which the shard began.
        model_s: seconds in the model.
        device: `cpu` or `cuda`.
    """
    return Receipt(
        index=shard.index,
        plan_id=plan_id,
        files=tuple(files),
        n_sequences=n_sequences,
        n_failed=n_failed,
        n_residues=n_residues,
        wall_s=round(time.perf_counter() - started, 3),
        model_s=round(model_s, 3),
        peak_bytes=measure_peak_bytes(device),
        predicted_bytes=shard.predicted_bytes,
        host=socket.gethostname(),
    )


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


def measure_peak_bytes(device: str) -> int:
    """Return the largest memory used so far: resident bytes of this process on a CPU, allocated bytes on a GPU."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def encode_sequences(
    encoder: Encoder, sequences: Sequence[str], pack_tokens: int
) -> Iterator[SequenceAttention | Exception]:
    """Yield the attention of each sequence, or the error with which it fails on a device that works.

    Attention that is not finite is yielded as it is: it is the sequence's, as the device passed the known protein.

    Raises:
        DeviceFault: the device does not work.
    """

    def begin(pack: Sequence[str]) -> Callable[[], list[SequenceAttention]]:
        return encoder.start(pack).results

    runner = make_pack_runner(encoder, begin=begin, is_finite=lambda attention: attention.is_finite)
    packs = cut_packs([len(sequence) for sequence in sequences], encoder.limit_pack(pack_tokens))
    return runner.run(sequences[pack] for pack in packs)


def _call_sites(
    sequence_id: int, sequence: str, attention: SequenceAttention | Exception, rule: str
) -> SequenceOutcome:
    """Return the outcome of a sequence: its attention and sites, or the reason why it failed."""
    if isinstance(attention, Exception):
        return SequenceOutcome(sequence_id, sequence, None, None, first_line(attention))
    if not attention.is_finite:
        return SequenceOutcome(
            sequence_id, sequence, None, None, "the model's attention is not finite (NaN or infinity)"
        )
    return SequenceOutcome(sequence_id, sequence, attention, call_sites(attention.received, rule=rule), None)


def _publish(
    paths: AtlasPaths, plan: Plan, shard: Shard, table: Table, outcomes: Sequence[SequenceOutcome]
) -> TableFile:
    schema = table.schema(plan.run.n_layers)
    columns = _ROWS[table](outcomes, plan.run.n_layers)
    rows = pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
    path = paths.shard(table, shard.index)
    with publishing(path) as beside:
        write_table(beside, table=table, rows=rows, metadata=provenance(plan.run, plan.plan_id))
    return describe_file(paths, path, table)


def _sequence_rows(outcomes: Sequence[SequenceOutcome], _: int) -> dict[str, Any]:
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


def _site_rows(outcomes: Sequence[SequenceOutcome], _: int) -> Mapping[str, Any]:
    return list_sites([(outcome.sequence_id, outcome.sequence, outcome.sites) for outcome in outcomes if outcome.sites])


def list_sites(sequences: Sequence[tuple[int, str, Sites]]) -> Mapping[str, Any]:
    """Return the rows of a table of sites, from the `sequence_id`, the letters and the sites of each sequence."""
    with_sites = [(sequence_id, letters, sites) for sequence_id, letters, sites in sequences if len(sites.positions)]
    n_sites = [len(sites.positions) for _, _, sites in with_sites]
    residues = [letters[position - 1] for _, letters, sites in with_sites for position in sites.positions]
    positions = _join([sites.positions for _, _, sites in with_sites], np.int32)

    return {
        "sequence_id": np.repeat(np.array([sequence_id for sequence_id, _, _ in with_sites], np.int32), n_sites),
        "position": positions,
        "residue": residues,
        "rank": _join([np.arange(1, n + 1) for n in n_sites], np.int32),
        "layer": np.repeat(np.array([sites.layer for _, _, sites in with_sites], np.int16), n_sites),
        "received": _join([sites.received for _, _, sites in with_sites], np.float32),
        "share": _join([sites.share for _, _, sites in with_sites], np.float32),
        "is_nonstandard": [letter not in STANDARD_LETTERS for letter in residues],
        "is_initiator_methionine": [
            letter == "M" and position == 1 for letter, position in zip(residues, positions, strict=True)
        ],
    }


def _residue_rows(outcomes: Sequence[SequenceOutcome], n_layers: int) -> dict[str, Any]:
    computed = _select_computed(outcomes)
    lengths = [len(outcome.sequence) for outcome, _ in computed]

    # Residue by residue, its layers side by side: (N, L) of every sequence, one after the other.
    profiles = [attention.received.T for _, attention in computed]
    values = np.concatenate(profiles).astype(np.float16) if profiles else np.empty((0, n_layers), np.float16)
    list_type = RESIDUES.schema(n_layers).field("received").type

    return {
        "sequence_id": np.repeat(np.array([outcome.sequence_id for outcome, _ in computed], np.int32), lengths),
        "position": _join([np.arange(1, n + 1) for n in lengths], np.int32),
        "residue": list("".join(outcome.sequence for outcome, _ in computed)),
        "received": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), type=list_type),
    }


def _head_rows(outcomes: Sequence[SequenceOutcome], _: int) -> dict[str, Any]:
    computed = _select_computed(outcomes)
    sequence_ids = np.array([outcome.sequence_id for outcome, _ in computed], np.int32)
    if not computed:
        return {column.name: [] for column in HEADS.stored()}
    values = np.stack([attention.heads for _, attention in computed])  # (n, L, H, S)
    n_layers, n_heads = values.shape[1:3]

    # A row for every sequence, layer and head, in this order.
    sequence, layer, head = np.meshgrid(sequence_ids, np.arange(n_layers), np.arange(n_heads), indexing="ij")
    columns: dict[str, Any] = {
        "sequence_id": sequence.ravel(),
        "layer": layer.ravel().astype(np.int16),
        "head": head.ravel().astype(np.int16),
    }

    for name, column in zip(STATISTICS, np.moveaxis(values, -1, 0), strict=True):
        columns[name] = column.ravel().astype(np.int32 if name == "n_edges" else np.float32)
    return columns


def _select_computed(outcomes: Sequence[SequenceOutcome]) -> list[tuple[SequenceOutcome, SequenceAttention]]:
    return [(outcome, outcome.attention) for outcome in outcomes if outcome.attention is not None]


def _join(parts: Sequence[Any], dtype: Any) -> Any:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)


_ROWS = {SEQUENCES: _sequence_rows, SITES: _site_rows, RESIDUES: _residue_rows, HEADS: _head_rows}
"""The function that makes the rows of each table that a shard writes."""
