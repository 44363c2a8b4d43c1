"""An atlas to fit on has the numbers of the one that is judged: what differs is refused by its name, or told."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from helpers.synthetic import synthetic_run

from attlas.pipeline.evaluating.evaluation import evaluate
from attlas.pipeline.evaluating.models import describe_other_run, refuse_other_model
from attlas.schema import InputError

RUN = synthetic_run(2, 4)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"weights_sha256": "f" * 64}, r"differs in model\."),
        ({"dtype": "bfloat16"}, r"differs in dtype\.(.|\n)*float32(.|\n)*bfloat16"),
        ({"products": "bfloat16x3"}, r"differs in products\.(.|\n)*found: .*, products bfloat16x3"),
        ({"rule": "other-2025"}, r"differs in rule\.(.|\n)*rule nayar-2025-05\n(.|\n)*rule other-2025"),
        ({"dtype": "mixed", "rule": "other-2025"}, "differs in dtype, rule"),
        ({"weights_sha256": "f" * 64, "dtype": "mixed", "rule": "x"}, "differs in model, dtype, rule"),
    ],
)
def test_another_model_dtype_or_rule_is_refused_by_name(changed: dict[str, str], match: str) -> None:
    """It is refused before anything else of the two atlases is looked at."""
    judged, fitted_on = SimpleNamespace(run=RUN), SimpleNamespace(run=replace(RUN, **changed))
    with pytest.raises(InputError, match=match):
        evaluate(judged, train=fitted_on)


def test_what_changes_the_last_digits_is_told() -> None:
    other = replace(RUN, device="cuda", config_sha256="0" * 64, max_length=7, torch_version="9")
    refuse_other_model(RUN, other)
    assert [change.split(":")[0] for change in describe_other_run(RUN, other)] == ["config_sha256", "device"]
    assert describe_other_run(RUN, RUN) == []
