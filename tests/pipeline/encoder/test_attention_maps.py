"""Whole maps of a model's own attention: read by a hook, dropped at once, and refused where rows do not sum to 1."""

from pathlib import Path

import pytest
import torch
from helpers.architectures import LETTERS, load
from helpers.saved_models import save_model

from attlas.pipeline.encoder.attention_maps import MapReader, taking_maps
from attlas.pipeline.model.architectures import HOOKED
from attlas.schema import EnvironmentFault

pytestmark = pytest.mark.slow


def test_a_hook_drops_every_map_and_does_nothing_outside_of_a_pass(tmp_path: Path) -> None:
    encoder = load(save_model("MegatronBERT", tmp_path), attention=HOOKED)
    tokens = torch.from_numpy(encoder.vocabulary.token_ids(LETTERS))[None]
    shapes: list[tuple[int, ...]] = []

    with torch.inference_mode(), taking_maps(lambda attention: shapes.append(tuple(attention.shape))):
        dropped = encoder.model(input_ids=tokens, output_attentions=True)
    with torch.inference_mode():
        kept = encoder.model(input_ids=tokens, output_attentions=True)

    assert shapes == [(1, 4, 22, 22)] * 3
    assert [layer.numel() for layer in dropped.attentions] == [0, 0, 0]
    assert [tuple(layer.shape) for layer in kept.attentions] == shapes
    assert torch.equal(kept.last_hidden_state, dropped.last_hidden_state)


def test_a_map_whose_rows_do_not_sum_to_1_is_refused(tmp_path: Path) -> None:
    encoder = load(save_model("MegatronBERT", tmp_path), attention=HOOKED)
    attention = torch.softmax(torch.randn(1, 4, 12, 12), -1)
    reader = MapReader(encoder.vocabulary, LETTERS[:10])
    reader.read(attention, layer=1)
    with pytest.raises(EnvironmentFault, match=r"rows sum to 1(.|\n)*by 0\.1, in layer 1, .* 10 residues"):
        reader.read(attention * 0.9, layer=1)
    with pytest.raises(EnvironmentFault, match=r"maps of 11 by 11 for 12 tokens, in layer 1, .* 10 residues"):
        reader.read(attention[:, :, :11, :11], layer=1)
