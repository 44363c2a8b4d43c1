"""The architectures that are accepted and those that are refused, each built with random weights."""

import re

import pytest
from helpers.architectures import ARCHITECTURES, Architecture
from helpers.default_cases import each_nth_by_default
from helpers.models_page import MODELS_MD, describe_models
from helpers.verdicts import judge

pytestmark = pytest.mark.slow

ACCEPTED = [architecture for architecture in ARCHITECTURES if architecture.refusal is None]
REFUSED = [architecture for architecture in ARCHITECTURES if architecture.refusal is not None]
LARGEST_DIFFERENCE = 1e-5


@pytest.mark.parametrize("name", each_nth_by_default([architecture.name for architecture in ACCEPTED], 6))
def test_every_statistic_of_an_accepted_architecture_is_that_of_eager_float64(name):
    verdict = judge(name)
    assert verdict.refusal is None, str(verdict.refusal)
    assert verdict.difference < LARGEST_DIFFERENCE


@pytest.mark.parametrize("architecture", REFUSED, ids=lambda architecture: architecture.name)
def test_an_architecture_whose_attention_would_be_wrong_is_refused_by_name(architecture: Architecture):
    with pytest.raises(type(judge(architecture.name).refusal), match=architecture.refusal):
        raise judge(architecture.name).refusal


DIFFERENCE = re.compile(r"\b\de-\d\d\b")


@pytest.mark.thorough
def test_the_page_of_models_holds_these_verdicts():
    """Renewed by `PYTHONPATH=tests python -m helpers.models_page --write`; last bits differ between machines."""
    committed, current = MODELS_MD.read_text(), describe_models()
    assert DIFFERENCE.sub("", committed) == DIFFERENCE.sub("", current)
    for written, measured in zip(DIFFERENCE.findall(committed), DIFFERENCE.findall(current), strict=True):
        assert float(measured) <= 10 * float(written)


def test_at_least_12_architectures_are_verified_and_20_were_made_up_to_break_it():
    assert sum(not architecture.is_made_up for architecture in ACCEPTED) >= 12
    assert sum(architecture.is_made_up for architecture in ARCHITECTURES) >= 20
