"""The architectures that are accepted and those that are refused, each built with random weights."""

import numpy as np
import pytest
import torch
import transformers
from helpers.architectures import ARCHITECTURES, LETTERS, Architecture, load

from attlas.schema import EnvironmentFault

ACCEPTED = [architecture for architecture in ARCHITECTURES if architecture.refusal is None]
REFUSED = [architecture for architecture in ARCHITECTURES if architecture.refusal is not None]
SEQUENCES = [LETTERS[::-1] * 3, "MK", LETTERS * 2 + "MKWVTFISLLFLFSSAYS"]


@pytest.mark.parametrize("architecture", ACCEPTED, ids=lambda architecture: architecture.name)
def test_an_accepted_architecture_answers_as_eager_float64(architecture: Architecture, tmp_path):
    encoder = load(architecture.save(tmp_path))
    model = transformers.AutoModel.from_pretrained(tmp_path, attn_implementation="eager", dtype=torch.float64).eval()
    for sequence, answer in zip(SEQUENCES, encoder.encode(SEQUENCES), strict=True):
        ids = torch.from_numpy(encoder.vocabulary.token_ids(sequence))[None]
        with torch.inference_mode():
            layers = model(input_ids=ids, output_attentions=True).attentions
        expected = torch.stack([layer[0].mean(0)[1:-1, 1:-1].sum(0) for layer in layers]).numpy()
        assert np.abs(answer.received - expected).max() < 1e-5 * expected.max()


@pytest.mark.parametrize("architecture", REFUSED, ids=lambda architecture: architecture.name)
def test_an_architecture_whose_attention_would_be_wrong_is_refused_by_name(architecture: Architecture, tmp_path):
    with pytest.raises(EnvironmentFault, match=architecture.refusal):
        load(architecture.save(tmp_path))
