"""Numbers as JSON shows them: many at once are those that each would be by itself, and none is another number."""

import math

import numpy as np
import pyarrow as pa
import pytest

from attlas.queries.answers.shortest_decimals import shortest_float, shortest_floats, shortest_floats_of


def float32_at_random(n: int) -> np.ndarray:
    values = np.random.default_rng(2).integers(0, 2**32, n, dtype=np.uint32).view(np.float32)
    return values[np.isfinite(values)]


def test_a_column_has_the_decimals_of_its_numbers() -> None:
    usual = np.random.default_rng(1).random(5_000, dtype=np.float32)
    powers = np.float32(2.0) ** np.arange(-60, 60, dtype=np.float32)
    for values in (usual, powers, -powers, float32_at_random(3_000)):
        expected = [shortest_float(float(value)) for value in values]
        assert list(map(repr, shortest_floats(pa.array(values)))) == list(map(repr, expected))


def test_a_decimal_is_the_number_that_is_stored_and_no_shorter_one_is() -> None:
    values = [*float32_at_random(3_000), np.float32(-103.21731567382812)]  # the last one needs nine digits
    for value in values:
        short = shortest_float(float(value))
        assert np.float32(short) == value
        digits = len(repr(short).split("e")[0].replace(".", "").replace("-", "").strip("0"))
        assert digits <= 9
        if digits > 3:
            assert np.float32(f"{value:.{digits - 2}e}") != value


def test_what_is_no_number_is_none_and_other_types_stay() -> None:
    odd = pa.array([math.nan, math.inf, -math.inf, None, 0.0, 1e-45, 0.1], pa.float32())
    assert shortest_floats(odd) == [None, None, None, None, 0.0, 1.4e-45, 0.1]
    assert shortest_floats(pa.chunked_array([odd.slice(4, 1), odd.slice(6, 1)])) == [0.0, 0.1]
    assert shortest_floats_of([math.nan, None, np.float32(0.7).item()]) == [None, None, 0.7]
    assert shortest_floats_of([]) == []
    assert shortest_floats(pa.array([1, 2], pa.int16())) == [1, 2]


@pytest.mark.parametrize("value", ["text", 3, None, True])
def test_what_is_no_float_stays_as_it_is(value: object) -> None:
    assert shortest_float(value) is value
