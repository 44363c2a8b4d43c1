"""The features of residues are those of transformers' own eager maps and hidden states, whatever the packs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.architectures import load
from helpers.packed_layer import pack_layer
from transformers import AutoModel

from attlas.pipeline.attention.receiving import MASS, receive_in_rows
from attlas.pipeline.attention.tiled import receive_by_head
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.features import compute_features, iterate_features
from attlas.pipeline.fitting.letters import N_LETTERS, REACH, encode_letters, encode_windows

pytestmark = pytest.mark.slow

SEQUENCES = ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ", "GSHMLEDPVDAFKACDEFGHIKLM", "M"]


@pytest.fixture(scope="module")
def encoder(weights: Path) -> Encoder:
    """Return the real model."""
    return load(weights)


def test_features_are_those_of_eager_maps_and_hidden_states(encoder: Encoder, weights: Path) -> None:
    features = compute_features(encoder, SEQUENCES)
    eager = AutoModel.from_pretrained(weights, attn_implementation="eager", add_pooling_layer=False).eval()
    assert features.heads.shape == (58, encoder.n_layers, encoder.n_heads)

    for sequence, residues in zip(SEQUENCES, features.slices, strict=True):
        tokens = torch.from_numpy(encoder.make_input(sequence).ids)[None]
        with torch.inference_mode():
            expected = eager(tokens, output_hidden_states=True, output_attentions=True)
        maps = torch.stack(expected.attentions)[:, 0, :, 1:-1, 1:-1]  # (L, H, N, N)
        received = maps.sum(2).permute(2, 0, 1)
        np.testing.assert_allclose(features.heads[residues], received, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(features.profile[residues], received.mean(2), rtol=2e-5, atol=2e-5)
        hidden = torch.stack([*expected.hidden_states[1:-1], expected.last_hidden_state])[:, 0, 1:-1]
        np.testing.assert_allclose(features.hidden[:, residues], hidden, atol=2e-4)


def test_packs_of_any_size_give_the_same_features(encoder: Encoder) -> None:
    whole = compute_features(encoder, SEQUENCES)
    parts = list(iterate_features(encoder, SEQUENCES, pack_tokens=4))
    assert [pack for pack, _ in parts] == [slice(0, 1), slice(1, 2), slice(2, 3)]
    np.testing.assert_allclose(torch.cat([part.heads for _, part in parts]), whole.heads, atol=1e-5)
    np.testing.assert_allclose(torch.cat([part.hidden for _, part in parts], dim=1), whole.hidden, atol=2e-4)


def test_without_hidden_states_the_attention_is_the_same(encoder: Encoder) -> None:
    features = compute_features(encoder, SEQUENCES, has_hidden=False)
    assert features.hidden.shape == (0, 0, 0)
    assert torch.equal(features.heads, compute_features(encoder, SEQUENCES).heads)


def test_rows_of_any_device_give_what_the_tiles_give() -> None:
    q, k, v = (torch.randn(3, 165, 8, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    lengths = (102, 3, 60)
    inputs = pack_layer(q, k, v, lengths)
    output, sums = receive_in_rows(inputs, theta=0.3)
    tiled_output, tiled = receive_by_head(inputs)
    torch.testing.assert_close(output, tiled_output, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        sums[MASS][:, inputs.pack.residues], tiled[:, inputs.pack.residues], rtol=2e-5, atol=2e-5
    )


def test_letters_and_windows_are_those_read_off_the_sequence() -> None:
    letters, windows = encode_letters("ACXW"), encode_windows("ACXW")
    assert letters.argmax(1).tolist() == [0, 1, 20, 18]
    assert (letters.sum(1) == 1).all()

    by_place = windows.reshape(4, 2 * REACH + 1, N_LETTERS)
    for residue in range(4):
        for offset in range(-REACH, REACH + 1):
            neighbour = residue + offset
            expected = letters[neighbour] if 0 <= neighbour < 4 else np.zeros(N_LETTERS)
            assert (by_place[residue, offset + REACH] == expected).all()
