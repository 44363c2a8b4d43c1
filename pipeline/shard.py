"""The shards of a build: sequences run through the model, Parquet files and a receipt are published."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import dropwhile
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.build_vectors import BuildVectors
from attlas.pipeline.encoder.device_check import confirm_device, make_pack_runner, refuse_faulty_device
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.forward import SequenceAttention
from attlas.pipeline.finishing import Output, finish_shard
from attlas.pipeline.part_limits import PART_LIMITS, PartLimits, fill_part
from attlas.pipeline.plan import Plan, Shard, cut_packs
from attlas.pipeline.planned_sequences import read_sequences
from attlas.pipeline.shard_parts import (
    Part,
    PartRecord,
    compute_parts,
    find_kept_vectors,
    find_part_folder,
    keep_table,
)
from attlas.pipeline.shard_rows import SequenceOutcome, make_rows
from attlas.pipeline.sites.calling import call_sites
from attlas.schema import SHARD_TABLES, VECTORS, AtlasPaths, DeviceFault, Receipt
from attlas.schema.errors import first_line
from attlas.schema.parquet_file import provenance


def encode_shard(
    paths: AtlasPaths,
    plan: Plan,
    shard: Shard,
    encoder: Encoder,
    *,
    limits: PartLimits = PART_LIMITS,
    failed: Mapping[int, str] = MappingProxyType({}),
    vectors: BuildVectors | None = None,
) -> Receipt:
    """Compute a shard, publish its files and its receipt, and return the receipt.

    Its memory is that of a part, besides the letters of its sequences. A shard that was interrupted is taken up after
    its last closed part; its files are the same then, byte by byte.

    A sequence that fails, alone, on a device that works is recorded as failed with the reason; the others go on.

    Args:
        paths: the atlas.
        plan: its plan.
        shard: the shard.
        encoder: the planned model.
        limits: of a part.
        failed: sequences that are not run, by `sequence_id`, with the reason that is recorded for them.
        vectors: pools hidden states meanwhile; its rows are kept for the pass that adds them to the sealed atlas.

    Raises:
        DeviceFault: the device does not work; nothing is published.
        EnvironmentFault: a file cannot be written.
        BrokenAtlasError: the planned proteins do not hold the shard's sequences.
    """
    started = time.perf_counter()
    refuse_faulty_device(encoder)
    sequences = read_sequences(paths, shard)["sequence"].to_pylist()

    # Packs are cut for the whole shard, so that the parts do not decide which sequences run together.
    lengths = [len(sequence) for sequence in sequences]
    packs = list(cut_packs(lengths, encoder.limit_pack(plan.pack_tokens)))

    def compute_part(begin: int) -> Part:
        packs_of_part = _take_packs_of_part(shard, sequences, lengths, packs, begin=begin, limits=limits)
        return _compute_part(plan, encoder, packs_of_part, failed=failed, vectors=vectors)

    folder = find_part_folder(paths, paths.receipt(shard.index), plan.plan_id)
    parts = compute_parts(
        folder,
        begin=shard.first_sequence_id,
        ends=[shard.first_sequence_id + pack.stop for pack in packs],
        compute=compute_part,
        confirm_device=partial(confirm_device, encoder),
    )

    # Kept for the pass that adds them, unless the shard is not published.
    kept_vectors = None if vectors is None else find_kept_vectors(paths, vectors.name, shard.index)
    if kept_vectors is not None:
        keep_table(parts, VECTORS, source=folder, target=kept_vectors)

    metadata = provenance(plan.run, plan.plan_id)
    try:
        return finish_shard(
            paths,
            shard,
            parts,
            encoder,
            folder=folder,
            receipt_path=paths.receipt(shard.index),
            output=lambda table: Output(paths.shard(table, shard.index), metadata),
            started=started,
            tables=SHARD_TABLES,
        )
    except DeviceFault:
        if kept_vectors is not None:
            kept_vectors.remove()
        raise


def _take_packs_of_part(
    shard: Shard,
    sequences: Sequence[str],
    lengths: Sequence[int],
    packs: Sequence[slice],
    *,
    begin: int,
    limits: PartLimits,
) -> Iterator[Mapping[int, str]]:
    """Yield the packs of the part that begins at sequence `begin`, each with its sequences by `sequence_id`."""
    place = begin - shard.first_sequence_id
    remaining_packs = dropwhile(lambda pack: pack.start < place, packs)
    for pack in fill_part(remaining_packs, lengths, limits):
        yield dict(enumerate(sequences[pack], start=shard.first_sequence_id + pack.start))


def encode_packs(
    encoder: Encoder,
    packs: Iterable[Sequence[str]],
    *,
    begin_times: list[float] | None = None,
    vectors: BuildVectors | None = None,
) -> Iterator[tuple[str, SequenceAttention | Exception]]:
    """Yield each sequence with its attention, or with the error with which it fails on a device that works.

    Attention that is not finite is yielded as it is: it is the sequence's, as the device passed the known protein.

    Args:
        encoder: the model; its lock is held from the first pack's beginning to the last one's.
        packs: sequences that run together; a pack is taken when it begins.
        begin_times: is given the time of `time.perf_counter` at which each pack began.
        vectors: pools hidden states meanwhile.

    Raises:
        DeviceFault: the device does not work.
    """
    sequences: list[str] = []

    def take_packs() -> Iterator[Sequence[str]]:
        for pack in packs:
            sequences.extend(pack)
            yield pack

    def begin(pack: Sequence[str]) -> Callable[[], list[SequenceAttention]]:
        if begin_times is not None:
            begin_times.append(time.perf_counter())
        return encoder.start(pack).results if vectors is None else vectors.begin_with_attention(encoder, pack)

    runner = make_pack_runner(encoder, begin=begin, is_finite=lambda attention: attention.is_finite)
    for place, attention in enumerate(runner.run(take_packs())):
        yield sequences[place], attention


def _compute_part(
    plan: Plan,
    encoder: Encoder,
    packs: Iterable[Mapping[int, str]],
    *,
    failed: Mapping[int, str],
    vectors: BuildVectors | None,
) -> Part:
    """Run packs of sequences, by `sequence_id`, through the model and return their rows; `failed` are not run."""
    started = time.perf_counter()
    sequences: dict[int, str] = {}

    def take_packs() -> Iterator[Sequence[str]]:
        for pack in packs:
            sequences.update(pack)
            if runnable := [sequence for sequence_id, sequence in pack.items() if sequence_id not in failed]:
                yield runnable

    # The encoder's lock is held while packs begin. All else is done without it, while another shard's packs begin.
    begin_times: list[float] = []
    attentions = iter(list(encode_packs(encoder, take_packs(), begin_times=begin_times, vectors=vectors)))
    model_s = time.perf_counter() - begin_times[0] if begin_times else 0.0

    outcomes = [
        SequenceOutcome(sequence_id, sequence, None, None, failed[sequence_id])
        if sequence_id in failed
        else _call_sites(sequence_id, *next(attentions), plan.run.rule)
        for sequence_id, sequence in sequences.items()
    ]
    rows = {table: make_rows(table, outcomes, plan.run.n_layers) for table in SHARD_TABLES}
    if vectors is not None:
        rows[VECTORS] = vectors.make_table(_select_vectors(outcomes))

    record = PartRecord(
        plan_id=plan.plan_id,
        first_sequence_id=outcomes[0].sequence_id,
        end_sequence_id=outcomes[-1].sequence_id + 1,
        n_sequences=len(outcomes),
        n_residues=sum(len(outcome.sequence) for outcome in outcomes if outcome.reason is None),
        n_failed=sum(outcome.reason is not None for outcome in outcomes),
        model_s=model_s,
        wall_s=time.perf_counter() - started,
    )
    return Part(record, rows)


def _select_vectors(outcomes: Sequence[SequenceOutcome]) -> dict[int, NDArray[np.float32]]:
    """Return the vectors of the sequences that did not fail, by `sequence_id`."""
    return {
        outcome.sequence_id: outcome.attention.vectors
        for outcome in outcomes
        if outcome.attention is not None and outcome.attention.vectors is not None
    }


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
