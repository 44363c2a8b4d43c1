"""The architectures that are accepted and those that are refused, each built with random weights."""

import pytest
from helpers.architectures import ARCHITECTURES, Architecture
from helpers.verdicts import judge

ACCEPTED = [architecture for architecture in ARCHITECTURES if architecture.refusal is None]
REFUSED = [architecture for architecture in ARCHITECTURES if architecture.refusal is not None]
LARGEST_DIFFERENCE = 1e-5


@pytest.mark.parametrize("name", [architecture.name for architecture in ACCEPTED])
def test_every_statistic_of_an_accepted_architecture_is_that_of_eager_float64(name):
    verdict = judge(name)
    assert verdict.refusal is None, str(verdict.refusal)
    assert verdict.difference < LARGEST_DIFFERENCE


@pytest.mark.parametrize("architecture", REFUSED, ids=lambda architecture: architecture.name)
def test_an_architecture_whose_attention_would_be_wrong_is_refused_by_name(architecture: Architecture):
    with pytest.raises(type(judge(architecture.name).refusal), match=architecture.refusal):
        raise judge(architecture.name).refusal
