"""The layers that vectors are of, as a user names them."""

import pytest

from attlas.pipeline.vectors.choice import parse_layers
from attlas.schema import InputError


def test_layers_are_numbers_of_the_model() -> None:
    assert parse_layers("last", 6) == (5,)
    assert parse_layers("5, 0,last", 6) == (0, 5)
    for text in ("6", "-1", "first", ""):
        with pytest.raises(InputError, match="last, or numbers from 0 to 5"):
            parse_layers(text, 6)
