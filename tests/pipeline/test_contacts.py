"""Contacts from attention, against transformers' own prediction, and what is made of them, against brute force."""

from itertools import combinations
from pathlib import Path

import gemmi
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import EsmModel, EsmTokenizer

from attlas.pipeline.attention import Pack, reduce_plain
from attlas.pipeline.encoder import Encoder
from attlas.pipeline.kernels.tiled import reduce_tiled
from attlas.pipeline.model import find_model
from attlas.pipeline.probe import attending, contacts
from attlas.pipeline.probe.contact_pairs import RANGES, Range, pairs_in_range, top_contacts
from attlas.pipeline.probe.contact_precision import precision_at, symmetric_scores
from attlas.pipeline.probe.contacts import ContactHead, ReduceToContacts, contact_probabilities
from attlas.pipeline.probe.head_contacts import PAIR_MEASURES, ReduceToContactEdges, n_eligible
from attlas.pipeline.probe.structure_contacts import chain_coordinates, contacts_of
from attlas.pipeline.proteins import read_proteome
from attlas.schema import EnvironmentFault, InputError

PROTEINS = Path(__file__).parent.parent / "data" / "human200.fasta"
SHORT = ["M", "MK", "MKTAYIAKQR"]
N_HEADS, WIDTH = 3, 8


def make_encoder(directory: Path, dtype: str = "float32") -> Encoder:
    return Encoder(find_model(str(directory)), device="cpu", dtype=dtype, theta=0.3)


def predicted(model: EsmModel, tokenizer: EsmTokenizer, sequences: list[str]) -> list[np.ndarray]:
    """Return transformers' own prediction, of one padded batch."""
    tokens = tokenizer(sequences, return_tensors="pt", padding=True)
    with torch.inference_mode():
        maps = model.predict_contacts(tokens["input_ids"], tokens["attention_mask"])
    return [some[: len(one), : len(one)].numpy() for some, one in zip(maps, sequences, strict=True)]


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
    return contact_probabilities(encoder, sequences)


def test_a_pack_agrees_with_a_padded_batch_of_transformers(eager, sequences, pack_maps) -> None:
    for sequence, ours, theirs in zip(sequences, pack_maps, predicted(*eager, sequences), strict=True):
        assert (ours.shape, ours.dtype) == ((len(sequence), len(sequence)), np.float32)
        print(f"{len(sequence)} residues: largest difference {np.abs(ours - theirs).max():.1e}")
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    assert max(ours.max() for ours in pack_maps[3:]) > 0.3  # there is something to disagree on


@pytest.mark.parametrize("i", range(5))
def test_a_protein_alone_agrees_with_transformers(encoder, eager, sequences, pack_maps, i: int) -> None:
    [ours] = contact_probabilities(encoder, sequences[i : i + 1])
    [theirs] = predicted(*eager, sequences[i : i + 1])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    np.testing.assert_allclose(ours, pack_maps[i], rtol=0, atol=1e-4)


def test_small_probabilities_agree_too(eager, sequences, pack_maps) -> None:
    """To 1e-4 any two maps agree where nothing is in contact: the logits tell them apart."""
    [theirs] = predicted(*eager, sequences[-1:])
    np.testing.assert_allclose(np.log(pack_maps[-1]), np.log(theirs), rtol=0, atol=2e-3)


def test_maps_are_symmetric_to_the_last_bits(pack_maps) -> None:
    for some in pack_maps:
        np.testing.assert_allclose(some, some.T, rtol=1e-6)


def test_a_map_does_not_depend_on_the_blocks_of_its_transpose(encoder, sequences, pack_maps, monkeypatch) -> None:
    monkeypatch.setattr(contacts, "BLOCK", 37)
    for ours, whole in zip(contact_probabilities(encoder, sequences), pack_maps, strict=True):
        np.testing.assert_array_equal(ours, whole)


def test_every_layer_counts_the_last_included(tiny_esm: Path) -> None:
    encoder = make_encoder(tiny_esm)
    [before] = contact_probabilities(encoder, SHORT[2:])
    for layer in range(encoder.n_layers):
        changed = make_encoder(tiny_esm)
        some = slice(layer * 4, layer * 4 + 4)  # 4 heads
        changed.model.contact_head.regression.weight.data[:, some] = 0
        [after] = contact_probabilities(changed, SHORT[2:])
        assert np.abs(before - after).max() > 1e-5


def test_the_encoder_goes_on_as_before(encoder, sequences) -> None:
    reduce = encoder.reduce
    [before] = encoder.encode(sequences[3:4])
    contact_probabilities(encoder, sequences[3:4])
    [after] = encoder.encode(sequences[3:4])
    assert encoder.reduce is reduce
    np.testing.assert_array_equal(before.heads, after.heads)


def test_no_sequences_have_no_maps(encoder) -> None:
    assert contact_probabilities(encoder, []) == []


def test_weights_without_a_contact_head_are_refused_rather_than_made_up(tiny_esm: Path, tmp_path: Path) -> None:
    for path in tiny_esm.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    kept = {name: some for name, some in load_file(tiny_esm / "model.safetensors").items() if "contact" not in name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    encoder = make_encoder(tmp_path)
    with pytest.raises(EnvironmentFault, match="no contact head"):
        contact_probabilities(encoder, SHORT)
    assert len(encoder.encode(SHORT)) == 3  # all else goes on


def test_half_precision_weights_predict_nearly_the_same(weights, sequences, pack_maps) -> None:
    ours = contact_probabilities(make_encoder(weights, "bfloat16"), sequences)
    assert ours[-1].dtype == np.float32
    # 8 bits of mantissa through 6 layers: only that nothing is upset.
    assert np.abs(ours[-1] - pack_maps[-1]).mean() < 5e-3


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
    built = reduce_tiled(q, k, v, pack=pack, scaling=0.5, theta=0.3)
    found = []
    for way in (attending.attend_in_cache, attending.attend_in_rows):
        monkeypatch.setattr(attending, "attend_in_cache", way)
        reduce = ReduceToContacts(head, pack.n_residues)
        layer = reduce(q, k, v, pack=pack, scaling=0.5, theta=0.3)
        torch.testing.assert_close(layer.output, built.output)
        torch.testing.assert_close(layer.received, built.received)
        assert layer.heads.shape == (3, N_HEADS, 0)
        found.append(reduce.probabilities())
    for cached, rows in zip(*found, strict=True):
        np.testing.assert_allclose(cached, rows, atol=2e-6)


def test_the_sums_are_those_of_the_definition_in_float64() -> None:
    pack = Pack((30,), torch.device("cpu"))
    q, k, _ = random_layer(30, seed=2)
    weights = [3.0, -2.0, 1.0]
    reduce = ReduceToContacts(ContactHead(torch.tensor([weights]), 0.25), [28])
    reduce(q, k, None, pack=pack, scaling=1.0, theta=0.3)
    scores = np.einsum("hid,hjd->hij", q.double().numpy(), k.double().numpy())
    attention = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    logits = np.full((28, 28), 0.25)
    for weight, some in zip(weights, attention[:, 1:-1, 1:-1], strict=True):
        both = some + some.T
        logits += weight * (both - np.outer(both.sum(0), both.sum(1)) / both.sum())
    np.testing.assert_allclose(reduce.probabilities()[0], 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_a_head_that_gives_residues_nothing_adds_nothing() -> None:
    """All attention of head 0 goes to <cls>, in float32 exactly: transformers divides 0 by 0."""
    pack = Pack((12,), torch.device("cpu"))
    q, k, _ = random_layer(12, seed=3)
    q[0], k[0] = 100, -100
    k[0, 0] = 100
    assert reduce_plain(q, k, None, pack=pack, scaling=1.0, theta=0.3).heads[0, 0].isfinite().all()
    weights = torch.tensor([[5.0, 1.0, -1.0]])
    maps = []
    for some in (weights, weights * torch.tensor([0.0, 1.0, 1.0])):
        reduce = ReduceToContacts(ContactHead(some, 0.0), [10])
        reduce(q, k, None, pack=pack, scaling=1.0, theta=0.3)
        maps.append(reduce.probabilities()[0])
    assert np.isfinite(maps[0]).all()
    np.testing.assert_array_equal(*maps)


def test_asking_before_the_last_layer_or_twice_is_refused() -> None:
    pack = Pack((12,), torch.device("cpu"))
    q, k, v = random_layer(12, seed=4)
    reduce = ReduceToContacts(ContactHead(torch.ones(2, N_HEADS), 0.0), [10])
    reduce(q, k, v, pack=pack, scaling=1.0, theta=0.3)
    with pytest.raises(RuntimeError, match="1 of 2 layers"):
        reduce.probabilities()
    reduce(q, k, None, pack=pack, scaling=1.0, theta=0.3)
    reduce.probabilities()
    with pytest.raises(RuntimeError, match="0 of 2 layers"):
        reduce.probabilities()


# What is kept of a map


def random_map(n: int, seed: int, decimals: int = 8) -> np.ndarray:
    some = np.random.default_rng(seed).random((n, n)).round(decimals)
    return np.triu(some, 1) + np.triu(some, 1).T


def in_range(pair: tuple[int, int], some: Range) -> bool:
    return some.first <= pair[1] - pair[0] <= (10**9 if some.last is None else some.last)


@pytest.mark.parametrize("n", [1, 2, 6, 7, 24, 25, 60])
def test_pairs_in_range_are_those_counted_by_hand(n: int) -> None:
    for some in RANGES.values():
        i, j = pairs_in_range(n, some)
        assert list(zip(i, j, strict=True)) == [pair for pair in combinations(range(n), 2) if in_range(pair, some)]


@pytest.mark.parametrize("n", [1, 2, 6, 7, 12, 25, 26, 80])
@pytest.mark.parametrize("decimals", [8, 1])  # one decimal: ties everywhere
@pytest.mark.parametrize("floor", [0.0, 0.85, 2.0])
def test_kept_are_the_pairs_above_the_floor_and_the_best_of_each_range(n: int, decimals: int, floor: float) -> None:
    some = random_map(n, seed=n, decimals=decimals)
    kept = top_contacts(some, floor=floor)
    expected = set()
    for name, limits in RANGES.items():
        pairs = [pair for pair in combinations(range(n), 2) if in_range(pair, limits)]
        best = sorted(pairs, key=lambda pair: (-some[pair], pair))[: n * (2 if name == "long" else 1)]
        expected |= {*best, *(pair for pair in pairs if some[pair] >= floor)}
    assert [(i - 1, j - 1) for i, j in zip(kept.i, kept.j, strict=True)] == sorted(expected)
    np.testing.assert_array_equal(kept.probability, [np.float32(some[pair]) for pair in sorted(expected)])


def test_a_map_that_is_no_number_is_refused() -> None:
    some = random_map(40, seed=1)
    some[3, 30] = some[30, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        top_contacts(some)


def test_precision_at_l_can_be_told_from_the_pairs_kept() -> None:
    some = random_map(90, seed=5)
    known = contacts_of(np.random.default_rng(6).normal(size=(90, 3)) * 8)
    kept = top_contacts(some, floor=1.0)
    sparse = np.full((90, 90), -1.0)
    sparse[kept.i - 1, kept.j - 1] = kept.probability
    assert precision_at(sparse, known) == precision_at(some.astype(np.float32), known)


# Against a structure


def test_precision_is_that_counted_by_hand() -> None:
    n = 70
    rng = np.random.default_rng(7)
    scores, coordinates = random_map(n, seed=8), rng.normal(size=(n, 3)) * 4
    coordinates[[0, 20, 21, 69]] = np.nan
    known = contacts_of(coordinates)
    found = {(one.range, one.cut): one for one in precision_at(scores, known)}
    assert list(found) == [(name, cut) for name in RANGES for cut in ("L", "L/2", "L/5")]
    for name, limits in RANGES.items():
        pairs = [p for p in combinations(range(n), 2) if in_range(p, limits) and not {0, 20, 21, 69} & {*p}]
        true = {p for p in pairs if np.linalg.norm(coordinates[p[0]] - coordinates[p[1]]) < 8}
        ranked = sorted(pairs, key=lambda pair: -scores[pair])
        for cut, size in (("L", 66), ("L/2", 33), ("L/5", 13)):
            one = found[name, cut]
            assert one.n_contacts == len(true & {*ranked[:size]}) > 0
            assert (one.n_pairs, one.n_known_pairs, one.n_known_contacts) == (size, len(pairs), len(true))
            assert one.precision == one.n_contacts / size
            assert one.background == len(true) / len(pairs)


def test_a_perfect_score_is_right_and_pairs_without_coordinates_do_not_count() -> None:
    known = contacts_of(np.random.default_rng(9).normal(size=(60, 3)) * 4)
    assert {one.precision for one in precision_at(known.is_contact.astype(float), known) if one.cut == "L/5"} == {1.0}
    nothing = contacts_of(np.full((60, 3), np.nan))
    for one in precision_at(random_map(60, seed=1), nothing):
        assert (one.n_pairs, one.n_known_pairs) == (0, 0)
        assert np.isnan(one.precision)
        assert np.isnan(one.background)


def test_scores_of_another_shape_or_without_a_number_are_refused() -> None:
    known = contacts_of(np.zeros((30, 3)))
    with pytest.raises(ValueError, match=r"\(20, 20\).*30 residues"):
        precision_at(random_map(20, seed=1), known)
    with pytest.raises(ValueError, match="not a number"):
        precision_at(np.full((30, 30), np.nan), known)


def test_a_distance_of_eight_angstrom_is_no_contact() -> None:
    known = contacts_of(np.array([[0.0, 0, 0], [7.999, 0, 0], [8.0, 0, 0], [np.nan, 0, 0]]))
    assert known.is_known.tolist() == [True, True, True, False]
    assert known.is_contact.tolist() == [
        [True, True, False, False],
        [True, True, True, False],
        [False, True, True, False],
        [False, False, False, False],
    ]


def test_heads_are_symmetrised_and_corrected_as_transformers_does() -> None:
    from transformers.models.esm.modeling_esm import average_product_correct, symmetrize

    attention = np.random.default_rng(10).random((4, 30, 30))
    expected = average_product_correct(symmetrize(torch.from_numpy(attention))).numpy()
    np.testing.assert_allclose(symmetric_scores(attention), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(
        symmetric_scores(attention, is_corrected=False), attention + attention.transpose(0, 2, 1)
    )
    assert not symmetric_scores(np.zeros((1, 9, 9))).any()


def test_contact_edges_of_every_head_are_those_counted_by_hand_on_real_weights(encoder, eager, sequences) -> None:
    model, tokenizer = eager
    pair = [sequences[3], sequences[2]]
    rng = np.random.default_rng(11)
    places = [np.cumsum(rng.normal(size=(len(one), 3)) * 2.2, axis=0) for one in pair]
    places[0][5:15] = np.nan
    known = tuple(contacts_of(some) for some in places)
    _, ours = encoder.start(pair, reduce=ReduceToContactEdges(known), theta=0.3).stacked()  # (L, P, H, 4)
    assert PAIR_MEASURES == ("edges", "contact_edges", "mass", "contact_mass")
    for p, sequence in enumerate(pair):
        with torch.inference_mode():
            layers = model(**tokenizer(sequence, return_tensors="pt"), output_attentions=True).attentions
        attention = torch.stack(layers)[:, 0, :, 1:-1, 1:-1].numpy()  # (L, H, N, N)
        expected = np.zeros((*attention.shape[:2], 4))
        n_pairs = n_contacts = near_theta = 0
        for i in range(len(sequence)):
            for j in range(len(sequence)):
                if np.isnan(places[p][[i, j]]).any():
                    continue
                is_contact = abs(i - j) >= 6 and np.linalg.norm(places[p][i] - places[p][j]) < 8
                some = attention[:, :, i, j]
                near_theta += (np.abs(some - 0.3) < 2e-6).sum()
                values = np.stack([some >= 0.3, (some >= 0.3) * is_contact, some, some * is_contact], axis=-1)
                expected += values
                n_pairs, n_contacts = n_pairs + 1, n_contacts + is_contact
        assert near_theta == 0
        assert n_eligible(known[p]) == (n_pairs, n_contacts)
        np.testing.assert_array_equal(ours[:, p, :, :2], expected[..., :2])
        np.testing.assert_allclose(ours[:, p, :, 2:], expected[..., 2:], rtol=1e-4, atol=1e-4)
    assert ours[:, 0, :, 1].sum() > 10


SEQUENCE = "MKTAYIAGQRQISFVKSHFSRQLEERLGLIEVQAPILSRV"


def write_pdb(
    path: Path, letters: str, *, absent: range = range(0), first: int = 1, names: dict[int, str] | None = None
) -> dict[int, tuple[float, float]]:
    """Write chain A along x, 3.8 A apart, and return of each place the x of its CA and of its CB (glycine: CA's)."""
    lines: list[str] = []
    found = {}
    usual = gemmi.expand_one_letter_sequence(letters, gemmi.ResidueKind.AA)
    for k in [k for k in range(len(letters)) if k not in absent]:
        x, is_glycine = 3.8 * k, letters[k] == "G"
        atoms = [("N", x - 1.2, 0.5), ("CA", x, 0.0), ("C", x + 1.3, 0.5), ("CB", x + 0.4, 1.5)]
        for atom, at, y in atoms[: 3 if is_glycine else 4]:
            lines.append(atom_line(len(lines), atom, (names or {}).get(k, usual[k]), k + first, at, y))
        found[k] = (x, x if is_glycine else x + 0.4)
    path.write_text("\n".join([*lines, "TER", "END", ""]))
    return found


def atom_line(serial: int, atom: str, residue: str, number: int, x: float, y: float) -> str:
    at = f"{x:8.3f}{y:8.3f}{0.0:8.3f}"
    return f"ATOM  {serial:5d}  {atom:<3s} {residue:>3s} A{number:4d}    {at}  1.00 10.00           {atom[0]}"


@pytest.mark.parametrize(("atom", "which"), [("CA", 0), ("CB", 1)])
def test_coordinates_of_a_broken_tagged_chain_stand_at_the_proteins_residues(tmp_path, atom, which) -> None:
    letters = "HHH" + SEQUENCE[5:35]
    places = write_pdb(tmp_path / "a.pdb", letters, absent=range(12, 18), first=-2)
    chain = chain_coordinates(tmp_path / "a.pdb", chain="A", sequence=SEQUENCE, atom=atom)
    seen = np.flatnonzero(np.isfinite(chain.coordinates[:, 0]))
    assert [i for i in seen if i >= 5] == [k + 2 for k in places if k >= 3]
    for k, at in places.items():
        if k >= 3:
            assert chain.coordinates[k + 2, 0] == pytest.approx(at[which], abs=1e-3)


def test_mutations_and_modified_residues_keep_their_place(tmp_path: Path) -> None:
    mutated = SEQUENCE[:10] + "W" + SEQUENCE[11:]
    write_pdb(tmp_path / "a.pdb", mutated, names={0: "MSE"})
    chain = chain_coordinates(tmp_path / "a.pdb", chain="A", sequence=SEQUENCE)
    assert (chain.n_aligned, chain.n_different) == (40, 1)
    assert np.isfinite(chain.coordinates).all()


def test_a_missing_chain_a_missing_file_and_dna_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    write_pdb(path, SEQUENCE)
    with pytest.raises(InputError, match="no chain Q"):
        chain_coordinates(path, chain="Q", sequence=SEQUENCE)
    with pytest.raises(InputError, match="cannot be read"):
        chain_coordinates(tmp_path / "b.pdb", chain="A", sequence=SEQUENCE)
    lines = [atom_line(k, "P", "DA", k + 1, 6.0 * k, 0.0) for k in range(5)]
    (tmp_path / "c.pdb").write_text("\n".join([*lines, "END", ""]))
    with pytest.raises(InputError, match="no protein"):
        chain_coordinates(tmp_path / "c.pdb", chain="A", sequence=SEQUENCE)
