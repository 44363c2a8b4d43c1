"""Passes of whole models by the kernels of a GPU, in Triton's interpreter, against those of a CPU."""

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")  # before triton is imported
pytest.importorskip("triton")

import torch
from helpers.architectures import load
from helpers.triton_interpreter import emulated_products

from attlas.pipeline.encoder.reductions import reduce_nothing
from attlas.pipeline.probe.pack_labels import place_labels
from attlas.pipeline.probe.received import ReduceToLabels
from attlas.pipeline.vectors.pooling import PoolHidden


@pytest.mark.thorough
def test_passes_give_by_the_kernels_what_they_give_by_tiles(tiny_esm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe and pooled vectors of whole models."""
    for setting in ("N_KNOWN_RESIDUES", "N_NEIGHBOUR_RESIDUES"):
        monkeypatch.setattr(f"attlas.pipeline.encoder.guard.{setting}", 20)  # the interpreter is slow
    sequences = ["MKWVTFISLLFLFSSAYS", "MK"]
    labels = place_labels([np.ones((2, len(sequence)), bool) for sequence in sequences], torch.device("cpu"))
    heads, vectors = [], []
    for attention in ("triton", "tiled"):
        with emulated_products():
            encoder = load(tiny_esm, attention=attention)
        reduce = ReduceToLabels(labels, encoder.kernels.receive)
        heads.append(encoder.start(sequences, reduce=reduce, theta=0.1).stack_results()[1])

        pool = PoolHidden(encoder, sequences, kinds=("mean",), layers=(0, 1))
        encoder.start(sequences, reduce=reduce_nothing(encoder.kernels.attend), add_hidden=pool.add)
        vectors.append(pool.stack_vectors())
    np.testing.assert_allclose(*heads, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(*vectors, rtol=0, atol=1e-4)
