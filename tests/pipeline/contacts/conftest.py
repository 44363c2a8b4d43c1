"""What the tests of contacts share: real weights, and sequences of all lengths."""

from pathlib import Path

import pytest
from helpers.architectures import load
from helpers.example_proteins import read_sequences

from attlas.pipeline.encoder.encoder import Encoder

PROTEINS = Path(__file__).parents[2] / "data" / "human200.fasta"


SHORT = ["M", "MK", "MKTAYIAKQR"]


@pytest.fixture(scope="session")
def encoder(weights: Path) -> Encoder:
    """Return the real model."""
    return load(weights)


@pytest.fixture(scope="session")
def sequences() -> list[str]:
    """Lengths 1, 2, 10, about 120 and about 300."""
    by_length = sorted(read_sequences(PROTEINS).values(), key=len)
    return [*SHORT, next(s for s in by_length if len(s) >= 120), next(s for s in by_length if len(s) >= 300)]
