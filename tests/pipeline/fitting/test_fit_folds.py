"""Folds hold out whole families: sequences that share one are connected, and few families are refused."""

import numpy as np
import pytest

from attlas.pipeline.fitting.folds import assign_folds, group_sequences
from attlas.schema import InputError

pytestmark = pytest.mark.slow


def test_sequences_of_shared_families_are_connected() -> None:
    rows = [("A", "1"), ("B", "1"), ("B", "2"), ("D", "2"), ("E", "3")]
    groups = group_sequences([("A",), ("B", "C"), ("D",), ("E",), ("F",)], rows)
    assert groups[0] == groups[1] == groups[2]
    assert len({groups[0], groups[3], groups[4]}) == 3


def test_fewer_families_than_folds_are_refused() -> None:
    with pytest.raises(InputError, match="too few families"):
        assign_folds(np.array([0, 0, 1]), np.ones((3, 1)), n_folds=3, seed=1)
