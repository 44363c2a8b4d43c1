"""The control task of contacts, on a few pairs that are written down."""

import numpy as np
import pytest

from attlas.pipeline.fitting.contact_pairs import AllPairs, PairControl, sample_pairs

pytestmark = pytest.mark.slow


def test_the_control_task_is_one_label_of_two_letters_at_a_separation() -> None:
    i, j = np.array([0, 0, 1]), np.array([6, 30, 7])
    pairs = AllPairs(i, j, np.array([True, False, True]))
    control = PairControl([pairs], seed=1)
    sequence = "AC" * 20
    sample = sample_pairs(pairs, sequence, control, seed=(1,))
    assert sample.targets[1].tolist() == [1, 0, 1]  # contacts are all of the first bin, none of the other
    assert control.n_pairs == 3
