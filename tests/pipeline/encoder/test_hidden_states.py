"""Hidden states are those that transformers returns itself, of every layer, and cost the pass nothing else."""

from pathlib import Path
from threading import Thread

import pytest
import torch
from torch import Tensor
from transformers import AutoModel

from attlas.pipeline.encoder.compiled_layers import compile_layers
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.files import find_model
from attlas.schema.columns import EDGE_THETA

pytestmark = pytest.mark.slow

SEQUENCES = ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ", "GSHMLEDPVDAFKACDEFGHIKLM"]


@pytest.fixture(scope="module")
def encoder(weights: Path) -> Encoder:
    """Return the real model."""
    return Encoder(find_model(str(weights)), device="cpu", dtype="float32", theta=EDGE_THETA)


def test_hidden_states_are_those_of_transformers_itself(encoder: Encoder, weights: Path) -> None:
    hidden: dict[int, Tensor] = {}
    encoder.start(SEQUENCES, add_hidden=lambda layer, values: hidden.update({layer: values[0]}))

    eager = AutoModel.from_pretrained(weights, attn_implementation="eager", add_pooling_layer=False).eval()
    begin = 0
    for sequence in SEQUENCES:
        tokens = torch.from_numpy(encoder.make_input(sequence).ids)[None]
        with torch.inference_mode():
            expected = eager(tokens, output_hidden_states=True)
        end = begin + tokens.shape[1]
        # The embeddings come before the output of layer 0; the last is normed.
        for layer, states in enumerate(expected.hidden_states[1:-1]):
            assert torch.allclose(hidden[layer][begin:end], states[0], atol=2e-4), layer
        assert torch.allclose(hidden[encoder.n_layers - 1][begin:end], expected.last_hidden_state[0], atol=1e-4)
        begin = end
    assert sorted(hidden) == list(range(encoder.n_layers))


@pytest.mark.thorough
def test_hidden_states_are_read_from_layers_that_were_compiled_before(tiny_esm: Path) -> None:
    """Of a layer whose whole call was compiled, torch calls no hook that is installed afterwards."""
    encoder = Encoder(find_model(str(tiny_esm)), device="cpu", dtype="float32", theta=EDGE_THETA)
    expected: dict[int, Tensor] = {}
    encoder.start(SEQUENCES, add_hidden=lambda layer, values: expected.update({layer: values[0].clone()}))

    torch._dynamo.reset()
    compile_layers(encoder.model, encoder.n_layers, backend="eager")
    encoder.encode(SEQUENCES)
    hidden: dict[int, Tensor] = {}
    encoder.start(SEQUENCES, add_hidden=lambda layer, values: hidden.update({layer: values[0].clone()}))
    assert sorted(hidden) == list(range(encoder.n_layers))
    for layer, states in expected.items():
        torch.testing.assert_close(hidden[layer], states)


def test_the_attention_of_a_pass_that_goes_on_is_the_same(encoder: Encoder) -> None:
    plain = encoder.start(SEQUENCES).results()
    to_the_end = encoder.start(SEQUENCES, add_hidden=lambda layer, values: None).results()
    for attention, same in zip(plain, to_the_end, strict=True):
        assert (attention.received == same.received).all()
        assert (attention.heads == same.heads).all()


def test_inputs_made_of_sequences_give_what_the_sequences_give(encoder: Encoder) -> None:
    inputs = [encoder.make_input(sequence) for sequence in SEQUENCES]
    for attention, same in zip(encoder.start(SEQUENCES).results(), encoder.start_inputs(inputs).results(), strict=True):
        assert (attention.heads == same.heads).all()


def test_positions_of_an_input_reach_the_model(encoder: Encoder) -> None:
    tokens = encoder.make_input(SEQUENCES[0])
    apart = type(tokens)(tokens.ids, tokens.positions + 100 * (tokens.positions > 12))
    (near,), (far,) = encoder.start_inputs([tokens]).results(), encoder.start_inputs([apart]).results()
    assert abs(near.heads - far.heads).max() > 1e-3


def test_hidden_states_are_those_of_the_own_thread_while_another_runs_the_same_model(encoder: Encoder) -> None:
    taken: list[tuple[int, int]] = []

    def add(layer: int, values: Tensor) -> None:
        taken.append((layer, values.shape[1]))
        if layer == 0:
            other = Thread(target=encoder.start, args=([SEQUENCES[1]],))
            other.start()
            other.join()

    encoder.start([SEQUENCES[0]], add_hidden=add)
    assert taken == [(layer, len(SEQUENCES[0]) + 2) for layer in range(encoder.n_layers)]


def test_only_the_layers_asked_for_are_given(encoder: Encoder) -> None:
    layers: list[int] = []
    encoder.start(SEQUENCES, add_hidden=lambda layer, values: layers.append(layer), hidden_layers=(1, 3))
    assert layers == [1, 3]
