"""The shards of a build: sequences run through the model, Parquet files and a receipt are published."""

import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from attlas.pipeline.encoder.device_check import make_pack_runner, refuse_faulty_device, while_device_works
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.forward import SequenceAttention
from attlas.pipeline.plan import Plan, Shard, cut_packs
from attlas.pipeline.planned_sequences import read_sequences
from attlas.pipeline.shard_rows import SequenceOutcome, make_rows
from attlas.pipeline.sites.calling import call_sites
from attlas.schema import SHARD_TABLES, AtlasPaths, Receipt, Table, TableFile
from attlas.schema.errors import first_line
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import publishing


def encode_shard(paths: AtlasPaths, plan: Plan, shard: Shard, encoder: Encoder) -> Receipt:
    """Compute a shard, publish its files and its receipt, and return the receipt.

    A sequence that fails, alone, on a device that works is recorded as failed with the reason; the others go on.

    Raises:
        DeviceFault: the device does not work; nothing is published.
        EnvironmentFault: a file cannot be written.
        BrokenAtlasError: the planned proteins do not hold the shard's sequences.
    """
    started = time.perf_counter()
    refuse_faulty_device(encoder)
    sequences = read_sequences(paths, shard)["sequence"].to_pylist()

    # The encoder's lock is held while packs begin. All else is done without it, while another shard's packs begin.
    begin_times: list[float] = []
    attentions = list(encode_sequences(encoder, sequences, plan.pack_tokens, begin_times=begin_times))
    model_s = time.perf_counter() - begin_times[0]

    outcomes = [
        _call_sites(sequence_id, sequence, attention, plan.run.rule)
        for sequence_id, (sequence, attention) in enumerate(
            zip(sequences, attentions, strict=True), start=shard.first_sequence_id
        )
    ]
    metadata = provenance(plan.run, plan.plan_id)
    files = []
    for table in SHARD_TABLES:
        path = paths.shard(table, shard.index)
        _publish(path, table, make_rows(table, outcomes, plan.run.n_layers), metadata)
        files.append(describe_file(paths, path, table))

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
    with while_device_works(encoder):  # it may have failed meanwhile, under another shard
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


def measure_peak_bytes(device: str) -> int:
    """Return the largest memory used so far: resident bytes of this process on a CPU, allocated bytes on a GPU."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def encode_sequences(
    encoder: Encoder, sequences: Sequence[str], pack_tokens: int, *, begin_times: list[float] | None = None
) -> Iterator[SequenceAttention | Exception]:
    """Yield the attention of each sequence, or the error with which it fails on a device that works.

    Attention that is not finite is yielded as it is: it is the sequence's, as the device passed the known protein.

    Args:
        encoder: the model; its lock is held from the first pack's beginning to the last one's.
        sequences: letters of each sequence.
        pack_tokens: most tokens of a pack.
        begin_times: is given the time of `time.perf_counter` at which each pack began.

    Raises:
        DeviceFault: the device does not work.
    """

    def begin(pack: Sequence[str]) -> Callable[[], list[SequenceAttention]]:
        if begin_times is not None:
            begin_times.append(time.perf_counter())
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


def _publish(path: Path, table: Table, rows: pa.Table, metadata: dict[bytes, bytes]) -> None:
    with publishing(path) as beside:
        write_table(beside, table=table, rows=rows, metadata=metadata)
