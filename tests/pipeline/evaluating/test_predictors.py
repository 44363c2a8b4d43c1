"""Every comparison is between predictors that are fitted."""

import pytest

from attlas.pipeline.evaluating.predictors import list_comparisons, list_predictors

pytestmark = pytest.mark.slow


def test_every_comparison_is_between_predictors_that_are_fitted() -> None:
    names = [predictor.name for predictor in list_predictors()]
    assert len(set(names)) == len(names)
    assert {comparison.extended.name for comparison in list_comparisons()} <= set(names)
