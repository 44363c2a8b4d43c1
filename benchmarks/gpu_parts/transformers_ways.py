"""Part 4: residues per second beside transformers, at the shape of 650M."""

from collections.abc import Iterator

import throughput
import torch

from attlas.pipeline.model.precision import SPLIT
from gpu_parts.settings import GOALS, Row, Settings
from gpu_parts.workload import Sample, describe_error, free_device, measure_s, random_model, random_proteins

Way = throughput.Way

FAST_SAMPLE, SLOW_SAMPLE = Sample(400, 4000), Sample(48, 4000)
"""Proteins of the fast and of the slow ways, of the same distribution of lengths."""

CUDA_WAYS = (
    Way("product", "bfloat16"),
    Way("product", SPLIT),
    Way("full", "bfloat16"),
    Way("bare", "bfloat16"),
    Way("sdpa", "bfloat16", 16),
    Way("full", SPLIT),
    Way("bare", SPLIT),
    Way("eager", "bfloat16", 8),
    Way("eager", "float32", 1),
    Way("full", "float32"),
)
"""By worth: what goals need comes first."""

CPU_WAYS = (Way("product", "bfloat16"), Way("full", "bfloat16"), Way("bare", "bfloat16"), Way("sdpa", "bfloat16", 16),
            Way("full", SPLIT), Way("eager", "float32", 1))  # fmt: skip
SIDE, TINY_SIDE = 8192, 64

Rates = dict[tuple[str, str], float]
"""Residues per second, or operations per second of a product, by kind and dtype of a way."""


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the rate of every way, with what it says of the goals."""
    files = random_model(settings)
    fast, slow = random_proteins(settings, FAST_SAMPLE), random_proteins(settings, SLOW_SAMPLE)
    flops = sum(throughput.model_flops(len(sequence), files.shape) for sequence in fast)
    rates: Rates = {}
    for way in CPU_WAYS if settings.is_tiny else CUDA_WAYS:
        sequences = slow if way.kind in throughput.SLOW else fast
        try:
            seconds = measure_way(settings, way, files, sequences)
        except Exception as error:  # out of memory is an answer
            yield {"way": name_way(way), "outcome": describe_error(error)}
            continue
        finally:
            free_device(settings)

        n_residues = sum(map(len, sequences))
        rates[way.kind, way.dtype] = count_work(settings, way, n_residues) / seconds
        yield describe(way, rates, flops_per_residue=flops / sum(map(len, fast)))


@torch.inference_mode()
def measure_way(settings: Settings, way: Way, files: object, sequences: list[str]) -> float:
    """Return the seconds of a way's best pass, after a warm-up on every eighth protein."""
    run = throughput.prepare_way(way, files, settings.device, TINY_SIDE if settings.is_tiny else SIDE)
    run(sequences[len(sequences[:8]) // 2 :: 8])
    return measure_s(settings, lambda: run(sequences), repeats=1 if settings.is_tiny else 2)


def count_work(settings: Settings, way: Way, n_residues: int) -> float:
    """Return the residues of a pass, or the operations of one of products."""
    side = TINY_SIDE if settings.is_tiny else SIDE
    return 2 * side**3 * throughput.N_PRODUCTS if way.kind == "product" else n_residues


def describe(way: Way, rates: Rates, *, flops_per_residue: float) -> Row:
    """Return the row of a way, with the goals that can be told from the rates so far."""
    rate = rates[way.kind, way.dtype]
    if way.kind == "product":
        return {"way": name_way(way), "TFLOP/s": round(rate / 1e12, 3)}

    row: Row = {"way": name_way(way), "residues/s": round(rate)}
    if ceiling := rates.get(("product", way.products)):
        row["share of ceiling"] = round(rate * flops_per_residue / ceiling, 3)
    return row | {GOALS: reached_goals(rates, flops_per_residue)}


def name_way(way: Way) -> str:
    return str(way).strip("| ").replace("**", "").replace(" | ", ", ")


def reached_goals(rates: Rates, flops_per_residue: float) -> dict[str, float]:
    """Return the figures of all goals for which the rates are there."""
    full, bare = rates.get(("full", "bfloat16")), rates.get(("bare", "bfloat16"))
    sdpa, ceiling = rates.get(("sdpa", "bfloat16")), rates.get(("product", "bfloat16"))
    eager, eager_batched = rates.get(("eager", "float32")), rates.get(("eager", "bfloat16"))
    baselines = {"eager": eager, "eager_batched": eager_batched, "sdpa": sdpa}

    figures = {name: full / rate for name, rate in baselines.items() if full and rate}
    if full and bare:
        figures["statistics"] = bare / full - 1
    if full and ceiling:
        figures["ceiling"] = full * flops_per_residue / ceiling
    if sdpa and (split := rates.get(("full", SPLIT))):
        figures["split"] = split / sdpa
    return figures
