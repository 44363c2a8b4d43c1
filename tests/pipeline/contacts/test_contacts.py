"""Contacts from attention, against transformers' own prediction, and what is made of them, against brute force."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.contact_oracles import LIMITS, corrected, eager_layers, folded, is_contact, pairs_of, top_precision
from helpers.contact_oracles import head_sums as sums_by_hand
from helpers.default_cases import each_nth_by_default
from safetensors.torch import load_file, save_file
from transformers import EsmModel, EsmTokenizer

from attlas.pipeline.attention import attending
from attlas.pipeline.attention.definitions import LayerInputs, Pack, reduce_plain
from attlas.pipeline.attention.tiled import reduce_tiled
from attlas.pipeline.contacts import contact_head
from attlas.pipeline.contacts.contact_head import ContactHead, ReduceToContacts, predict_probabilities
from attlas.pipeline.contacts.pairs import RANGES, mark_highest, select_pairs
from attlas.pipeline.contacts.single_heads import MEASURES, ReduceToHeadContacts, measure_head, score_pairs
from attlas.pipeline.contacts.structure_contacts import find_contacts
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.files import find_model
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.schema import EnvironmentFault

pytestmark = pytest.mark.slow

PROTEINS = Path(__file__).parents[2] / "data" / "human200.fasta"
SHORT = ["M", "MK", "MKTAYIAKQR"]
N_HEADS, WIDTH = 3, 8


def make_encoder(directory: Path, dtype: str = "float32") -> Encoder:
    return Encoder(find_model(str(directory)), device="cpu", dtype=dtype, theta=0.3)


def predicted(model: EsmModel, tokenizer: EsmTokenizer, sequences: list[str]) -> list[np.ndarray]:
    """Return transformers' own prediction, of one padded batch."""
    tokens = tokenizer(sequences, return_tensors="pt", padding=True)
    with torch.inference_mode():
        maps = model.predict_contacts(tokens["input_ids"], tokens["attention_mask"])
    return [map[: len(sequence), : len(sequence)].numpy() for map, sequence in zip(maps, sequences, strict=True)]


@pytest.fixture(scope="module")
def encoder(weights: Path) -> Encoder:
    return make_encoder(weights)


@pytest.fixture(scope="module")
def eager(weights: Path) -> tuple[EsmModel, EsmTokenizer]:
    model = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager").eval()
    return model, EsmTokenizer.from_pretrained(weights)


@pytest.fixture(scope="module")
def sequences() -> list[str]:
    """Lengths 1, 2, 10, about 120 and about 300."""
    by_length = sorted((protein.sequence for protein in read_proteome(str(PROTEINS)).proteins), key=len)
    return [*SHORT, next(s for s in by_length if len(s) >= 120), next(s for s in by_length if len(s) >= 300)]


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
    encoder = make_encoder(tiny_esm)
    [before] = predict_probabilities(encoder, SHORT[2:])
    for layer in range(encoder.n_layers):
        changed = make_encoder(tiny_esm)
        columns = slice(layer * 4, layer * 4 + 4)  # 4 heads
        changed.model.contact_head.regression.weight.data[:, columns] = 0
        [after] = predict_probabilities(changed, SHORT[2:])
        assert np.abs(before - after).max() > 1e-5


def test_the_encoder_goes_on_as_before(encoder, sequences) -> None:
    reduce = encoder.reduce
    [before] = encoder.encode(sequences[3:4])
    predict_probabilities(encoder, sequences[3:4])
    [after] = encoder.encode(sequences[3:4])
    assert encoder.reduce is reduce
    np.testing.assert_array_equal(before.heads, after.heads)


def test_no_sequences_have_no_maps(encoder) -> None:
    assert predict_probabilities(encoder, []) == []


def test_weights_without_a_contact_head_are_refused_rather_than_made_up(tiny_esm: Path, tmp_path: Path) -> None:
    for path in tiny_esm.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    kept = {name: tensor for name, tensor in load_file(tiny_esm / "model.safetensors").items() if "contact" not in name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    encoder = make_encoder(tmp_path)
    with pytest.raises(EnvironmentFault, match="no contact head"):
        predict_probabilities(encoder, SHORT)
    assert len(encoder.encode(SHORT)) == 3  # all else goes on


@pytest.mark.thorough
def test_half_precision_weights_predict_nearly_the_same(weights, sequences, pack_maps) -> None:
    maps = predict_probabilities(make_encoder(weights, "bfloat16"), sequences)
    assert maps[-1].dtype == np.float32
    # 8 bits of mantissa through 6 layers: only that nothing is upset.
    assert np.abs(maps[-1] - pack_maps[-1]).mean() < 5e-3


def random_layer(n_tokens: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(N_HEADS, n_tokens, WIDTH, generator=generator) for _ in range(3))
    return q, k, v


def test_both_ways_of_attending_add_up_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way taken on a GPU, here on the CPU and with tiles of a few rows; both give the build's output."""
    pack = Pack((40, 3, 102), torch.device("cpu"))
    q, k, v = random_layer(145, seed=1)
    head = ContactHead(torch.tensor([[0.7, -1.3, 2.0]]), -0.5)
    monkeypatch.setattr(attending, "GPU_TILE_ELEMENTS", 7 * N_HEADS * 40)
    built = reduce_tiled(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=0.3)
    probabilities = []
    for way in (attending.attend_in_cache, attending.attend_in_rows):
        monkeypatch.setattr(attending, "attend_in_cache", way)
        reduce = ReduceToContacts(head, pack.n_residues)
        layer = reduce(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=0.3)
        torch.testing.assert_close(layer.output, built.output)
        torch.testing.assert_close(layer.received, built.received)
        assert layer.heads.shape == (3, N_HEADS, 0)
        probabilities.append(reduce.probabilities())
    for cached, rows in zip(*probabilities, strict=True):
        np.testing.assert_allclose(cached, rows, atol=2e-6)


def test_the_sums_are_those_of_the_definition_in_float64() -> None:
    pack = Pack((30,), torch.device("cpu"))
    q, k, _ = random_layer(30, seed=2)
    weights = [3.0, -2.0, 1.0]
    reduce = ReduceToContacts(ContactHead(torch.tensor([weights]), 0.25), [28])
    reduce(LayerInputs(q, k, None, pack=pack, scaling=1.0), theta=0.3)
    scores = np.einsum("hid,hjd->hij", q.double().numpy(), k.double().numpy())
    attention = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    logits = np.full((28, 28), 0.25)
    for weight, head_map in zip(weights, attention[:, 1:-1, 1:-1], strict=True):
        symmetric = head_map + head_map.T
        logits += weight * (symmetric - np.outer(symmetric.sum(0), symmetric.sum(1)) / symmetric.sum())
    np.testing.assert_allclose(reduce.probabilities()[0], 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_a_head_that_gives_residues_nothing_adds_nothing() -> None:
    """All attention of head 0 goes to <cls>, in float32 exactly: transformers divides 0 by 0."""
    pack = Pack((12,), torch.device("cpu"))
    q, k, _ = random_layer(12, seed=3)
    q[0], k[0] = 100, -100
    k[0, 0] = 100
    assert reduce_plain(LayerInputs(q, k, None, pack=pack, scaling=1.0), theta=0.3).heads[0, 0].isfinite().all()
    weights = torch.tensor([[5.0, 1.0, -1.0]])
    maps = []
    for head_weights in (weights, weights * torch.tensor([0.0, 1.0, 1.0])):
        reduce = ReduceToContacts(ContactHead(head_weights, 0.0), [10])
        reduce(LayerInputs(q, k, None, pack=pack, scaling=1.0), theta=0.3)
        maps.append(reduce.probabilities()[0])
    assert np.isfinite(maps[0]).all()
    np.testing.assert_array_equal(*maps)


def test_asking_before_the_last_layer_or_twice_is_refused() -> None:
    pack = Pack((12,), torch.device("cpu"))
    q, k, v = random_layer(12, seed=4)
    reduce = ReduceToContacts(ContactHead(torch.ones(2, N_HEADS), 0.0), [10])
    reduce(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=0.3)
    with pytest.raises(RuntimeError, match="1 of 2 layers"):
        reduce.probabilities()
    reduce(LayerInputs(q, k, None, pack=pack, scaling=1.0), theta=0.3)
    reduce.probabilities()
    with pytest.raises(RuntimeError, match="0 of 2 layers"):
        reduce.probabilities()


# What is kept of a map


def random_map(n: int, seed: int, decimals: int = 8) -> np.ndarray:
    values = np.random.default_rng(seed).random((n, n)).round(decimals)
    return np.triu(values, 1) + np.triu(values, 1).T


def in_range(pair: tuple[int, int], which: str) -> bool:
    return LIMITS[which][0] <= pair[1] - pair[0] <= LIMITS[which][1]


def test_the_ranges_are_those_of_the_field() -> None:
    assert list(RANGES) == list(LIMITS)
    for name, (nearest, farthest) in LIMITS.items():
        width = RANGES[name].width(500)
        assert (width.start, width.stop) == (nearest, min(farthest + 1, 500))


@pytest.mark.parametrize("n", [1, 2, 6, 7, 12, 25, 26, 80])
@pytest.mark.parametrize("decimals", [8, 1])  # one decimal: ties everywhere
@pytest.mark.parametrize("floor", [0.0, 0.85, 2.0])
def test_kept_are_the_pairs_above_the_floor_and_the_best_of_each_range(n: int, decimals: int, floor: float) -> None:
    scores = random_map(n, seed=n, decimals=decimals)
    kept = select_pairs(scores, floor=floor)
    expected = set()
    for name in RANGES:
        pairs = [pair for pair in combinations(range(n), 2) if in_range(pair, name)]
        best = sorted(pairs, key=lambda pair: (-scores[pair], pair))[: 2 * n]
        expected |= {*best, *(pair for pair in pairs if scores[pair] >= floor)}
    assert [(i - 1, j - 1) for i, j in zip(kept.i, kept.j, strict=True)] == sorted(expected)
    np.testing.assert_array_equal(kept.score, [np.float32(scores[pair]) for pair in sorted(expected)])


def test_a_map_that_is_no_number_is_refused() -> None:
    scores = random_map(40, seed=1)
    scores[3, 30] = scores[30, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        select_pairs(scores)


@pytest.mark.parametrize("n_missing", [0, 9])
def test_precision_at_l_can_be_told_from_the_pairs_kept(n_missing: int) -> None:
    scores, places = random_map(90, seed=5).astype(np.float32), folded(90, seed=6)
    places[20 : 20 + n_missing] = np.nan
    kept = select_pairs(scores, floor=1.0)
    sparse = np.full((90, 90), -1.0)
    sparse[kept.i - 1, kept.j - 1] = kept.score
    for which in LIMITS:
        for cut in ("L", "L/2", "L/5"):
            assert top_precision(sparse, places, which, cut) == top_precision(scores, places, which, cut)


@pytest.mark.parametrize("n", [0, 1, 3, 7, 8, 20])
def test_the_highest_are_those_sorted_first_and_of_ties_the_first(n: int) -> None:
    values = np.array([0.5, 0.1, 0.5, 0.9, 0.5, 0.1, 0.0, 0.9])
    expected = sorted(sorted(range(8), key=lambda i: (-values[i], i))[:n])
    assert np.flatnonzero(mark_highest(values, n)).tolist() == expected


# Against a structure


def test_a_distance_of_eight_angstrom_is_no_contact() -> None:
    places = np.array([[0.0, 0, 0]] + [[50.0 * k, 90, 0] for k in range(6)] + [[7.999, 0, 0], [8.0, 0, 0]])
    places[3] = np.nan
    contacts = find_contacts(places)
    assert contacts.has_coordinates.tolist() == [True, True, True, False, True, True, True, True, True]
    assert contacts.contacts.T.tolist() == [[0, 7], [7, 0]]  # 7 and 8 touch, but are neighbours
    are_contacts = contacts.are_contacts(np.array([0, 0, 7, 3]), np.array([7, 8, 8, 7]))
    assert are_contacts.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("n", "missing"), [(1, []), (5, [0]), (24, []), (25, []), (70, [0, 20, 21, 69]), (40, range(40))]
)
def test_known_pairs_and_contacts_are_those_counted_by_hand(n: int, missing: list[int]) -> None:
    places = folded(n, seed=n)
    places[list(missing)] = np.nan
    contacts = find_contacts(places)
    everywhere = [(i, j) for i in range(n) for j in range(n) if is_contact(places, i, j)]
    assert contacts.contacts.T.tolist() == [[*pair] for pair in everywhere]
    long_pairs = pairs_of(places, "long")
    assert (contacts.n_with_coordinates, contacts.n_long_pairs) == (n - len(missing), len(long_pairs))
    assert [long_pairs[k] for k in contacts.long_contacts] == [pair for pair in long_pairs if is_contact(places, *pair)]
    scores = random_map(n, seed=n)
    assert contacts.select_long_pairs(scores).tolist() == [scores[pair] for pair in long_pairs]


def test_heads_are_symmetrised_and_corrected_as_transformers_does() -> None:
    from transformers.models.esm.modeling_esm import average_product_correct, symmetrize

    attention = np.random.default_rng(10).random((4, 30, 30)).astype(np.float32)
    expected = average_product_correct(symmetrize(torch.from_numpy(attention).double())).numpy()
    for weights, expected_scores in zip(attention, expected, strict=True):
        np.testing.assert_allclose(score_pairs(weights), expected_scores, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(corrected(weights), expected_scores, rtol=1e-10, atol=1e-12)
    assert not score_pairs(np.zeros((9, 9), np.float32)).any()


@pytest.mark.thorough
def test_every_head_says_what_is_counted_by_hand_on_real_weights(encoder, weights, sequences) -> None:
    """Two chains of a protein in one pass, one of them with a gap."""
    sequence = sequences[3]
    places = [folded(len(sequence), seed=11), folded(len(sequence), seed=12, step=1.5)]
    places[0][5:15] = np.nan
    reduce = ReduceToHeadContacts(tuple(find_contacts(coordinates) for coordinates in places))
    _, sums = encoder.start([sequence], reduce=reduce, theta=0.3).stack_results()
    sums = sums.reshape(encoder.n_layers, 20, 2, len(MEASURES))
    n_top = 0
    for layer, attention in enumerate(eager_layers(weights, sequence)):
        for head in range(0, 20, 3):
            for chain in range(2):
                numbers = dict(zip(MEASURES, sums[layer, head, chain].tolist(), strict=True))
                expected = sums_by_hand(attention[head], places[chain], 0.3)
                assert expected["near"] == 0
                assert {name: numbers[name] for name in MEASURES} == pytest.approx(
                    {name: expected[name] for name in MEASURES} | {"n_top_contacts": numbers["n_top_contacts"]},
                    rel=2e-4, abs=1e-4,
                )  # fmt: skip
                scores = corrected(attention[head])
                ranked = sorted((scores[pair] for pair in pairs_of(places[chain], "long")), reverse=True)
                last = ranked[min(expected["n_top"], len(ranked)) - 1]
                near = sum(abs(score - last) < 1e-6 + 1e-5 * abs(last) for score in ranked) - 1
                assert abs(numbers["n_top_contacts"] - expected["n_top_contacts"]) <= near
                n_top += expected["n_top_contacts"]
    assert n_top > 100


def test_the_output_of_a_layer_is_that_of_the_build() -> None:
    pack = Pack((40,), torch.device("cpu"))
    q, k, v = random_layer(40, seed=1)
    contacts = (find_contacts(folded(38, seed=1)),)
    built = reduce_tiled(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=0.3)
    layer = ReduceToHeadContacts(contacts)(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=0.3)
    torch.testing.assert_close(layer.output, built.output)
    last = ReduceToHeadContacts(contacts)(LayerInputs(q, k, None, pack=pack, scaling=0.5), theta=0.3)
    assert last.output is None
    torch.testing.assert_close(last.heads, layer.heads)


def test_attention_that_is_no_number_gives_none() -> None:
    attention = np.full((30, 30), 1 / 30, np.float32)
    contacts = [find_contacts(folded(30, seed=1)), find_contacts(np.full((30, 3), np.nan))]
    assert np.isfinite(measure_head(attention, contacts, theta=0.3)).all()
    attention[3, 4] = np.nan
    assert np.isnan(measure_head(attention, contacts, theta=0.3)).all()


def test_a_chain_without_a_residue_counts_nothing() -> None:
    nothing = measure_head(np.full((30, 30), 0.5, np.float32), [find_contacts(np.full((30, 3), np.nan))], theta=0.3)
    assert nothing.tolist() == [[0.0] * len(MEASURES)]
