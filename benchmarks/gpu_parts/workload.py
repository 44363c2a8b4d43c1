"""What several parts need: a random model of the 650M shape, proteins of human lengths, seconds on a device."""

import gc
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import throughput
import torch

from attlas.pipeline.model.files import ModelFiles, ModelShape, find_model, find_shape
from gpu_parts.settings import Settings

TINY_SHAPE = ModelShape("esm", 2, 4, 64, 128, None, 500_000)
PACK_TOKENS = 32_768
TINY_PACK_TOKENS = 256


@dataclass(frozen=True)
class Sample:
    """How many proteins a part runs."""

    n: int
    longest: int


def model_shape(settings: Settings) -> ModelShape:
    return TINY_SHAPE if settings.is_tiny else find_shape(throughput.SHAPES["650M"])


def random_model(settings: Settings) -> ModelFiles:
    """Return a model of random weights, saved once for all parts."""
    directory = settings.scratch / ("tiny" if settings.is_tiny else "650M")
    if not directory.is_dir():
        beside = directory.with_name(
            f"{directory.name}.new"
        )  # a part that is ended meanwhile leaves no half of a model
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        torch.manual_seed(0)
        throughput.save_random_model(model_shape(settings), str(beside))
        beside.rename(directory)
    return find_model(str(directory))


def random_proteins(settings: Settings, sample: Sample) -> list[str]:
    """Return proteins of human lengths and random letters, by length; four short ones where the run is tiny."""
    lengths = [12, 20, 33, 40] if settings.is_tiny else throughput.human_lengths(sample.n, longest=sample.longest)
    return throughput.random_sequences(lengths)


def pack_tokens(settings: Settings) -> int:
    return TINY_PACK_TOKENS if settings.is_tiny else PACK_TOKENS


def synchronize(settings: Settings) -> None:
    """Wait for the work that is queued on the device."""
    if settings.device == "cuda":
        torch.cuda.synchronize()


def measure_s(settings: Settings, work: Callable[[], object], *, repeats: int = 2) -> float:
    """Return the seconds of the fastest of several runs of work on the device."""
    fastest = float("inf")
    for _ in range(repeats):
        synchronize(settings)
        started = time.perf_counter()
        work()
        synchronize(settings)
        fastest = min(fastest, time.perf_counter() - started)
    return fastest


def free_device(settings: Settings) -> None:
    """Forget compiled code and give cached memory back, before another model is loaded."""
    torch._dynamo.reset()
    gc.collect()  # compiled layers refer to one another
    if settings.device == "cuda":
        torch.cuda.empty_cache()


def describe_error(error: Exception) -> str:
    """Return an error as the outcome of a row."""
    return f"{type(error).__name__}: {error}"[:300]


def write_fasta(path: Path, sequences: list[str]) -> Path:
    path.write_text("".join(f">P{i}\n{sequence}\n" for i, sequence in enumerate(sequences)))
    return path
