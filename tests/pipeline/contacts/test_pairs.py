"""What is kept of a map: the best pairs of each range of separations, against brute force."""

from itertools import combinations

import numpy as np
import pytest
import torch
from helpers.contact_oracles import LIMITS, folded, top_precision
from helpers.drawn_map import draw_map

from attlas.pipeline.contacts.device_pairs import select_pairs_on_device
from attlas.pipeline.contacts.pairs import RANGES, mark_highest, select_pairs

pytestmark = pytest.mark.slow


def in_range(pair: tuple[int, int], which: str) -> bool:
    return LIMITS[which][0] <= pair[1] - pair[0] <= LIMITS[which][1]


def test_the_ranges_are_those_of_the_field() -> None:
    assert list(RANGES) == list(LIMITS)
    for name, (nearest, farthest) in LIMITS.items():
        width = RANGES[name].width(500)
        assert (width.start, width.stop) == (nearest, min(farthest + 1, 500))


@pytest.mark.parametrize("n", [1, 2, 6, 7, 12, 25, 26, 80])
@pytest.mark.parametrize("decimals", [8, 1])  # one decimal: ties everywhere
@pytest.mark.parametrize("floor", [0.0, 0.85, 2.0])
def test_kept_are_the_pairs_above_the_floor_and_the_best_of_each_range(n: int, decimals: int, floor: float) -> None:
    scores = draw_map(n, seed=n, decimals=decimals)
    kept = select_pairs(scores, floor=floor)
    expected = set()
    for name in RANGES:
        pairs = [pair for pair in combinations(range(n), 2) if in_range(pair, name)]
        best = sorted(pairs, key=lambda pair: (-scores[pair], pair))[: 2 * n]
        expected |= {*best, *(pair for pair in pairs if scores[pair] >= floor)}
    assert [(i - 1, j - 1) for i, j in zip(kept.i, kept.j, strict=True)] == sorted(expected)
    np.testing.assert_array_equal(kept.score, [np.float32(scores[pair]) for pair in sorted(expected)])


@pytest.mark.parametrize("n", [1, 6, 25, 26, 80])
@pytest.mark.parametrize("decimals", [8, 1])
@pytest.mark.parametrize("floor", [None, 0.0, 0.85])
def test_a_gpu_keeps_the_same_pairs(n: int, decimals: int, floor: float | None) -> None:
    scores = draw_map(n, seed=n, decimals=decimals).astype(np.float32)
    kept, expected = select_pairs_on_device(torch.from_numpy(scores), floor=floor), select_pairs(scores, floor=floor)
    for name in ("i", "j", "score"):
        values = getattr(kept, name)
        assert values.dtype == getattr(expected, name).dtype
        np.testing.assert_array_equal(values, getattr(expected, name))


def test_a_map_that_is_no_number_is_refused() -> None:
    scores = draw_map(40, seed=1)
    scores[3, 30] = scores[30, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        select_pairs(scores)


@pytest.mark.parametrize("n_missing", [0, 9])
def test_precision_at_l_can_be_told_from_the_pairs_kept(n_missing: int) -> None:
    scores, places = draw_map(90, seed=5).astype(np.float32), folded(90, seed=6)
    places[20 : 20 + n_missing] = np.nan
    kept = select_pairs(scores, floor=1.0)
    sparse = np.full((90, 90), -1.0)
    sparse[kept.i - 1, kept.j - 1] = kept.score
    for which in LIMITS:
        for cut in ("L", "L/2", "L/5"):
            assert top_precision(sparse, places, which, cut) == top_precision(scores, places, which, cut)


@pytest.mark.parametrize("n", [0, 1, 3, 7, 8, 20])
def test_the_highest_are_those_sorted_first_and_of_ties_the_first(n: int) -> None:
    values = np.array([0.5, 0.1, 0.5, 0.9, 0.5, 0.1, 0.0, 0.9])
    expected = sorted(sorted(range(8), key=lambda i: (-values[i], i))[:n])
    assert np.flatnonzero(mark_highest(values, n)).tolist() == expected
