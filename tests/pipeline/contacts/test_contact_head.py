"""Contacts from attention, against transformers' own prediction, and what is made of them, against brute force."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.architectures import load
from helpers.default_cases import each_nth_by_default
from helpers.packed_layer import draw_layer, pack_layer
from safetensors.torch import load_file, save_file
from transformers import EsmModel, EsmTokenizer

from attlas.pipeline.attention import attending
from attlas.pipeline.attention.definitions import reduce_plain
from attlas.pipeline.attention.tiled import reduce_tiled
from attlas.pipeline.contacts import contact_head
from attlas.pipeline.contacts.contact_head import ContactHead, ReduceToContacts, predict_probabilities
from attlas.pipeline.encoder.encoder import Encoder
from attlas.schema import EnvironmentFault

pytestmark = pytest.mark.slow

PROTEINS = Path(__file__).parents[2] / "data" / "human200.fasta"
SHORT = ["M", "MK", "MKTAYIAKQR"]
N_HEADS = 3


def predicted(model: EsmModel, tokenizer: EsmTokenizer, sequences: list[str]) -> list[np.ndarray]:
    """Return transformers' own prediction, of one padded batch."""
    tokens = tokenizer(sequences, return_tensors="pt", padding=True)
    with torch.inference_mode():
        maps = model.predict_contacts(tokens["input_ids"], tokens["attention_mask"])
    return [map[: len(sequence), : len(sequence)].numpy() for map, sequence in zip(maps, sequences, strict=True)]


@pytest.fixture(scope="module")
def eager(weights: Path) -> tuple[EsmModel, EsmTokenizer]:
    model = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager").eval()
    return model, EsmTokenizer.from_pretrained(weights)


@pytest.fixture(scope="module")
def pack_maps(encoder: Encoder, sequences: list[str]) -> list[np.ndarray]:
    return predict_probabilities(encoder, sequences)


@pytest.mark.thorough
def test_a_pack_agrees_with_a_padded_batch_of_transformers(eager, sequences, pack_maps) -> None:
    for sequence, map, eager_map in zip(sequences, pack_maps, predicted(*eager, sequences), strict=True):
        assert (map.shape, map.dtype) == ((len(sequence), len(sequence)), np.float32)
        print(f"{len(sequence)} residues: largest difference {np.abs(map - eager_map).max():.1e}")
        np.testing.assert_allclose(map, eager_map, rtol=0, atol=1e-4)
    assert max(map.max() for map in pack_maps[3:]) > 0.3  # there is something to disagree on


@pytest.mark.parametrize("i", each_nth_by_default(range(5), 3))
def test_a_protein_alone_agrees_with_transformers(encoder, eager, sequences, pack_maps, i: int) -> None:
    [map] = predict_probabilities(encoder, sequences[i : i + 1])
    [eager_map] = predicted(*eager, sequences[i : i + 1])
    np.testing.assert_allclose(map, eager_map, rtol=0, atol=1e-4)
    np.testing.assert_allclose(map, pack_maps[i], rtol=0, atol=1e-4)


@pytest.mark.thorough
def test_small_probabilities_agree_too(eager, sequences, pack_maps) -> None:
    """To 1e-4 any two maps agree where nothing is in contact: the logits tell them apart."""
    [eager_map] = predicted(*eager, sequences[-1:])
    np.testing.assert_allclose(np.log(pack_maps[-1]), np.log(eager_map), rtol=0, atol=2e-3)


def test_maps_are_symmetric_to_the_last_bits(pack_maps) -> None:
    for map in pack_maps:
        np.testing.assert_allclose(map, map.T, rtol=1e-6)


def test_a_map_does_not_depend_on_the_blocks_of_its_transpose(encoder, sequences, pack_maps, monkeypatch) -> None:
    monkeypatch.setattr(contact_head, "BLOCK", 37)
    for blocked, whole in zip(predict_probabilities(encoder, sequences), pack_maps, strict=True):
        np.testing.assert_array_equal(blocked, whole)


def test_every_layer_counts_the_last_included(tiny_esm: Path) -> None:
    encoder = load(tiny_esm)
    [before] = predict_probabilities(encoder, SHORT[2:])
    for layer in range(encoder.n_layers):
        changed = load(tiny_esm)
        columns = slice(layer * 4, layer * 4 + 4)  # 4 heads
        changed.model.contact_head.regression.weight.data[:, columns] = 0
        [after] = predict_probabilities(changed, SHORT[2:])
        assert np.abs(before - after).max() > 1e-5


def test_the_encoder_goes_on_as_before(encoder, sequences) -> None:
    kernels = encoder.kernels
    [before] = encoder.encode(sequences[3:4])
    predict_probabilities(encoder, sequences[3:4])
    [after] = encoder.encode(sequences[3:4])
    assert encoder.kernels is kernels
    np.testing.assert_array_equal(before.heads, after.heads)


def test_no_sequences_have_no_maps(encoder) -> None:
    assert predict_probabilities(encoder, []) == []


def test_weights_without_a_contact_head_are_refused_rather_than_made_up(tiny_esm: Path, tmp_path: Path) -> None:
    for path in tiny_esm.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    kept = {name: tensor for name, tensor in load_file(tiny_esm / "model.safetensors").items() if "contact" not in name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    encoder = load(tmp_path)
    with pytest.raises(EnvironmentFault, match="no contact head"):
        predict_probabilities(encoder, SHORT)
    assert len(encoder.encode(SHORT)) == 3  # all else goes on


@pytest.mark.thorough
def test_half_precision_weights_predict_nearly_the_same(weights, sequences, pack_maps) -> None:
    maps = predict_probabilities(load(weights, dtype="bfloat16"), sequences)
    assert maps[-1].dtype == np.float32
    # 8 bits of mantissa through 6 layers: only that nothing is upset.
    assert np.abs(maps[-1] - pack_maps[-1]).mean() < 5e-3


def test_both_ways_of_attending_add_up_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way taken on a GPU, here on the CPU and with tiles of a few rows; both give the build's output."""
    lengths = (40, 3, 102)
    q, k, v = draw_layer(145, seed=1)
    head = ContactHead(torch.tensor([[0.7, -1.3, 2.0]]), -0.5)
    monkeypatch.setattr(attending, "GPU_TILE_ELEMENTS", 7 * N_HEADS * 40)
    built = reduce_tiled(pack_layer(q, k, v, lengths, scaling=0.5), theta=0.3)
    probabilities = []
    for way in (attending.attend_in_cache, attending.attend_in_rows):
        monkeypatch.setattr(attending, "attend_in_cache", way)
        reduce = ReduceToContacts(head, [n - 2 for n in lengths])
        layer = reduce(pack_layer(q, k, v, lengths, scaling=0.5), theta=0.3)
        torch.testing.assert_close(layer.output, built.output)
        torch.testing.assert_close(layer.received, built.received)
        assert layer.heads.shape == (3, N_HEADS, 0)
        probabilities.append(reduce.probabilities())
    for cached, rows in zip(*probabilities, strict=True):
        np.testing.assert_allclose(cached, rows, atol=2e-6)


def test_the_sums_are_those_of_the_definition_in_float64() -> None:
    q, k, _ = draw_layer(30, seed=2)
    weights = [3.0, -2.0, 1.0]
    reduce = ReduceToContacts(ContactHead(torch.tensor([weights]), 0.25), [28])
    reduce(pack_layer(q, k, None, [30]), theta=0.3)
    scores = np.einsum("hid,hjd->hij", q.double().numpy(), k.double().numpy())
    attention = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    logits = np.full((28, 28), 0.25)
    for weight, head_map in zip(weights, attention[:, 1:-1, 1:-1], strict=True):
        symmetric = head_map + head_map.T
        logits += weight * (symmetric - np.outer(symmetric.sum(0), symmetric.sum(1)) / symmetric.sum())
    np.testing.assert_allclose(reduce.probabilities()[0], 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_a_head_that_gives_residues_nothing_adds_nothing() -> None:
    """All attention of head 0 goes to <cls>, in float32 exactly: transformers divides 0 by 0."""
    q, k, _ = draw_layer(12, seed=3)
    q[0], k[0] = 100, -100
    k[0, 0] = 100
    assert reduce_plain(pack_layer(q, k, None, [12]), theta=0.3).heads[0, 0].isfinite().all()
    weights = torch.tensor([[5.0, 1.0, -1.0]])
    maps = []
    for head_weights in (weights, weights * torch.tensor([0.0, 1.0, 1.0])):
        reduce = ReduceToContacts(ContactHead(head_weights, 0.0), [10])
        reduce(pack_layer(q, k, None, [12]), theta=0.3)
        maps.append(reduce.probabilities()[0])
    assert maps[0].isfinite().all()
    np.testing.assert_array_equal(*maps)


def test_asking_before_the_last_layer_or_twice_is_refused() -> None:
    q, k, v = draw_layer(12, seed=4)
    reduce = ReduceToContacts(ContactHead(torch.ones(2, N_HEADS), 0.0), [10])
    reduce(pack_layer(q, k, v, [12]), theta=0.3)
    with pytest.raises(RuntimeError, match="1 of 2 layers"):
        reduce.probabilities()
    reduce(pack_layer(q, k, None, [12]), theta=0.3)
    reduce.probabilities()
    with pytest.raises(RuntimeError, match="0 of 2 layers"):
        reduce.probabilities()
