"""Builds that pool vectors meanwhile, and the task that pools them."""

from functools import partial
from pathlib import Path

from attlas.pipeline.build import build
from attlas.pipeline.drafting import Options
from attlas.pipeline.encode import StartProgress
from attlas.pipeline.vectors.adding import make_build_vectors
from attlas.pipeline.vectors.choice import VectorSettings
from attlas.pipeline.vectors.embedding import EmbedProteins
from attlas.schema import Manifest
from helpers.passes_here import say_nothing


def build_with_vectors(
    source: Path, out: Path, model: Path, *, vectors: str, progress: StartProgress = say_nothing
) -> Manifest:
    """Build in this process, and keep vectors for the pass."""
    return build(
        str(source),
        out,
        Options(str(model), device="cpu"),
        progress=progress,
        n_workers=0,
        make_vectors=partial(make_build_vectors, VectorSettings(vectors)),
    )


def make_vector_task(kinds: tuple[str, ...], layers: tuple[int, ...], *, width: int) -> EmbedProteins:
    """Return the task that pools vectors of an atlas of no name."""
    return EmbedProteins("id", (), kinds, layers, "float32", width, None)
