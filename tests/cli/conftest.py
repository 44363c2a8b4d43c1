"""Proteins for the verbs of the workshop: seven that are computed, and two that are skipped."""

from pathlib import Path

import pytest
from helpers.building import random_proteins, write_fasta

LENGTHS = [30, 41, 52, 300, 400, 500, 600]


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return write_fasta(tmp_path / "in.fasta", {**random_proteins(LENGTHS), "STOP": "MK*LL", "LONG": "M" * 700})
