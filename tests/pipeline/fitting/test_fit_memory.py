"""The memory of a fit is foretold, and what is beyond the machine's is refused with the numbers."""

import pytest

from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.letters import WINDOW_COLUMNS
from attlas.pipeline.fitting.memory import predict_set_bytes, refuse_too_large
from attlas.schema import EnvironmentFault


@pytest.mark.slow
def test_a_fit_beyond_the_memory_is_refused_with_the_numbers() -> None:
    with pytest.raises(EnvironmentFault, match=r"expected: 3\.0 GiB\n.*2\.0 GiB"):
        refuse_too_large(3 << 30, int((2 << 30) / 0.8), n_sets=4)


def test_predicted_sums_are_the_published_numbers_of_650m() -> None:
    shape = Shape(33, 20, 1280)
    products = 8 * (33 * 1280**2 + 33 * 1280 * 660 + 660**2 + WINDOW_COLUMNS**2)
    assert products == pytest.approx(0.66e9, rel=0.01)
    assert products < predict_set_bytes(shape, 1) < 1.02 * products
