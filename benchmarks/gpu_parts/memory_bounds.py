"""Part 7: memory predicted and measured, and a pack that is too large for the memory on purpose."""

import gc
from collections.abc import Callable, Iterator, Sequence

import throughput
import torch

from attlas.pipeline.encoder.device_check import make_pack_runner
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.forward import SequenceAttention
from attlas.pipeline.model.precision import SPLIT
from attlas.pipeline.plan import cut_packs, predict_activation_bytes
from gpu_parts.settings import Row, Settings
from gpu_parts.workload import Sample, free_device, model_shape, random_model, random_proteins

PACKS = (16_384, 32_768, 65_536, 131_072)
"""Tokens of the packs that are measured."""

SAMPLE = Sample(260, 3000)
VALUE_BYTES = {"bfloat16": 2, SPLIT: 4}


def measure(settings: Settings) -> Iterator[Row]:
    """Yield predicted and measured memory of packs in both precisions, then what becomes of a pack too large."""
    for variant in ("bfloat16", SPLIT):
        encoder = throughput.load_encoder(random_model(settings), variant, device=settings.device)
        if settings.device == "cuda":
            yield from measure_packs(settings, encoder, variant)
        yield run_oversized(settings, encoder, variant)
        del encoder
        free_device(settings)


def measure_packs(settings: Settings, encoder: Encoder, variant: str) -> Iterator[Row]:
    # The longest first: a pack holds as many of them as fit.
    sequences = random_proteins(settings, SAMPLE)[::-1]
    lengths = [len(sequence) for sequence in sequences]
    for n_tokens in PACKS:
        pack = sequences[next(iter(cut_packs(lengths, n_tokens)))]
        n_pack_tokens = sum(len(sequence) + 2 for sequence in pack)
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        encoder.encode(pack)
        used = torch.cuda.max_memory_allocated() - before

        predicted = n_pack_tokens * predict_activation_bytes(model_shape(settings), n_bytes=VALUE_BYTES[variant])
        yield {
            "measured": f"{variant}, a pack",
            "tokens": n_pack_tokens,
            "predicted MiB": predicted >> 20,
            "measured MiB": used >> 20,
            "of predicted": round(used / predicted, 2),
        }


def run_oversized(settings: Settings, encoder: Encoder, variant: str) -> Row:
    """Run all proteins as one pack, in memory for a third of it; on a CPU such a pack is refused by hand."""
    sequences = random_proteins(settings, SAMPLE)
    n_tokens = sum(len(sequence) + 2 for sequence in sequences)
    fitting = max(n_tokens // 3, len(sequences[-1]) + 2)
    n_refused = 0

    def begin(pack: Sequence[str]) -> Callable[[], list[SequenceAttention]]:
        nonlocal n_refused
        try:
            if settings.device == "cpu" and sum(len(sequence) + 2 for sequence in pack) > fitting:
                raise torch.OutOfMemoryError("a pack too large on purpose")
            return encoder.start(pack).results
        except torch.OutOfMemoryError:
            n_refused += 1
            raise

    runner = make_pack_runner(encoder, begin=begin, is_finite=lambda attention: attention.is_finite)
    if settings.device == "cuda":
        limit_memory(settings, variant, fitting)
    try:
        outcomes = list(runner.run([sequences]))
    finally:
        if settings.device == "cuda":
            torch.cuda.set_per_process_memory_fraction(1.0)

    n_computed = sum(isinstance(outcome, SequenceAttention) for outcome in outcomes)
    return {
        "measured": f"{variant}, a pack too large",
        "tokens": n_tokens,
        "packs refused": n_refused,
        "outcome": f"{n_computed} of {len(sequences)} proteins computed",
    }


def limit_memory(settings: Settings, variant: str, n_tokens: int) -> None:
    """Leave this process memory for about so many tokens beside what it has allocated."""
    gc.collect()
    torch.cuda.empty_cache()  # what was compiled stays: to compile again would take as long as all else
    needed = n_tokens * predict_activation_bytes(model_shape(settings), n_bytes=VALUE_BYTES[variant])
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_allocated() + needed) / total))
