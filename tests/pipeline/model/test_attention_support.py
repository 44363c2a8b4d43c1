"""The width of a window is read from the mask that transformers makes; any other mask is none."""

import pytest
import torch

from attlas.pipeline.encoder.interface import _make_mask
from attlas.pipeline.model.attention_support import NO_WINDOW, read_window
from attlas.pipeline.model.offline import transformers


def make_mask(mask_function):
    return _make_mask(mask_function=mask_function)


def test_the_width_of_a_window_is_read_from_its_mask():
    masks = transformers.masking_utils
    assert make_mask(masks.bidirectional_mask_function) is None
    for width in (1, 64, 4096):
        assert read_window(make_mask(masks.sliding_window_bidirectional_mask_function(width))) == width


@pytest.mark.parametrize(
    "name", ["causal_mask_function", "sliding_window_causal_mask_function", "chunked_causal_mask_function"]
)
def test_any_other_mask_is_no_window(name):
    function = getattr(transformers.masking_utils, name)
    arguments = {"sliding_window_causal_mask_function": (8,), "chunked_causal_mask_function": (8, torch.zeros(1))}
    mask = make_mask(function(*arguments[name]) if name in arguments else function)
    assert int(mask) == NO_WINDOW
    assert read_window(mask) is None
    assert read_window(torch.zeros(1, 1, 1, 1)) is None  # a mask of another maker
