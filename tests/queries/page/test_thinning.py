"""Pages stay small, and say what they lack."""

import base64
import random

import numpy as np
import pytest

from attlas.queries.page.thinning import DATA_BYTES, thin, zipped_bytes

pytestmark = [pytest.mark.slow, pytest.mark.thorough]  # data of titin's size

LONGEST = 34_350
"""Residues of titin."""


def synthetic_data(length: int, *, n_layers: int = 33, n_heads: int = 20, n_chains: int = 1) -> dict:
    """Return data of the size that a real protein has, of random numbers, which do not compress."""
    rng, choose = np.random.default_rng(1), random.Random(1)
    received = rng.random((n_layers, length)).astype("<f2")
    n_links = 5 * length
    lists = {name: rng.integers(1, length + 1, n_links).tolist() for name in ("i", "j")}
    names = ("N", "CA", "C", "O", "CB", "CG")
    lines = [
        f"ATOM  {i % 99_999:>5}  {name:<3} ALA {chain}{at % 9999:>4}    "
        f"{''.join(f'{choose.uniform(-99, 99):8.3f}' for _ in 'xyz')}  1.00  0.00           C"
        for chain in "ABCDEFGH"[:n_chains]
        for at in range(1, length + 1)
        for i, name in enumerate(names)
    ]
    chains = [
        {"chain": name, "positions": list(range(1, length + 1)), "residues": [str(at) for at in range(1, length + 1)]}
        for name in "ABCDEFGH"[:n_chains]
    ]
    return {
        "model": {"n_layers": n_layers, "n_heads": n_heads, "theta": 0.3},
        "protein": {"accession": "T1", "length": length, "sequence": "A" * length, "layer": 12},
        "received": {"encoding": "float16-base64", "data": base64.b64encode(received.tobytes()).decode()},
        "heads": {"statistics": {name: rng.random(n_layers * n_heads).round(6).tolist() for name in "abcdefghijkl"}},
        "links": {
            "floor": 0.1,
            "per_residue": 5,
            "layer": rng.integers(0, n_layers, n_links).tolist(),
            "head": rng.integers(0, n_heads, n_links).tolist(),
            **lists,
            "weight": rng.random(n_links).round(6).tolist(),
        },
        "contacts": {**{k: v[:length] for k, v in lists.items()}, "probability": rng.random(length).round(6).tolist()},
        "structure": {"kind": "file", "format": "pdb", "text": "\n".join(lines), "chains": chains, "n_mapped": length}
        if n_chains
        else None,
        "variants": None,
        "tracks": None,
        "thinned": [],
    }


@pytest.fixture(scope="module")
def titin() -> dict:
    return synthetic_data(LONGEST, n_chains=0)


@pytest.fixture(scope="module")
def thinned_titin(titin: dict) -> dict:
    return thin(titin)


def test_a_small_protein_is_left_as_it_is() -> None:
    data = synthetic_data(300)
    assert thin(data) is data


def test_the_longest_protein_stays_below_the_limit_and_says_what_it_lacks(thinned_titin: dict) -> None:
    assert zipped_bytes(thinned_titin) <= DATA_BYTES
    text = " ".join(thinned_titin["thinned"])
    assert "of 33 layers" in text
    assert "links of most attention of 171,750" in text


def test_thinning_leaves_the_data_it_was_given_alone(titin: dict, thinned_titin: dict) -> None:
    assert titin["thinned"] == []
    assert len(titin["links"]["weight"]) == 5 * LONGEST
    assert len(thinned_titin["links"]["weight"]) < 5 * LONGEST


def test_layers_left_out_are_no_numbers_and_the_others_are_unchanged(titin: dict, thinned_titin: dict) -> None:
    before, after = (
        np.frombuffer(base64.b64decode(data["received"]["data"]), "<f2").reshape(33, LONGEST)
        for data in (titin, thinned_titin)
    )
    kept = [layer for layer in range(33) if not np.isnan(after[layer]).any()]
    assert 12 in kept
    assert 1 < len(kept) < 33
    np.testing.assert_array_equal(before[kept], after[kept])
    assert np.isnan(after[[layer for layer in range(33) if layer not in kept]]).all()
    assert f"of {len(kept)} of 33 layers ({', '.join(map(str, kept))})" in " ".join(thinned_titin["thinned"])


def test_the_links_kept_are_the_strongest_with_one_of_each_head(titin: dict, thinned_titin: dict) -> None:
    whole, links = titin["links"], thinned_titin["links"]
    heads = set(zip(links["layer"], links["head"], strict=True))
    assert heads == set(zip(whole["layer"], whole["head"], strict=True))
    n_kept = len(links["weight"])
    cut = sorted(whole["weight"], reverse=True)[n_kept - len(heads)]
    assert sum(weight < cut for weight in links["weight"]) <= len(heads)


def test_a_page_of_two_thousand_residues_with_one_structure_loses_at_most_side_chains() -> None:
    data = thin(synthetic_data(2_000, n_layers=33))
    assert zipped_bytes(data) <= DATA_BYTES
    assert set(data["thinned"]) <= {"The structure is drawn without the atoms of side chains."}


def test_of_many_chains_some_are_drawn() -> None:
    data = thin(synthetic_data(600, n_chains=8), max_bytes=110_000)
    assert zipped_bytes(data) <= 110_000
    structure = data["structure"]
    assert structure["kind"] == "trace"
    assert {line[21] for line in structure["text"].split("\n")} == {chain["chain"] for chain in structure["chains"]}
    assert any("of its 8 chains" in sentence for sentence in data["thinned"])


def test_a_structure_that_cannot_be_small_is_left_out_with_a_word() -> None:
    data = thin(synthetic_data(2_000, n_layers=2, n_heads=1), max_bytes=60_000)
    assert data["structure"] is None
    assert "The structure is too large for a page and is not drawn." in data["thinned"]


def test_of_many_variants_the_lowest_and_the_highest_stay() -> None:
    data = synthetic_data(100)
    values = np.random.default_rng(2).normal(size=20_000).round(6).tolist()
    variants = [{"source": "a", "name": "s", "position": 1, "from": "A", "to": "V", "value": value} for value in values]
    thinned = thin({**data, "variants": variants}, max_bytes=120_000)
    kept = [variant["value"] for variant in thinned["variants"]]
    n = len(kept) // 2
    assert sorted(kept) == [*sorted(values)[:n], *sorted(values)[-n:]]
    assert f"{2 * n:,} variants of lowest and highest value of 20,000" in " ".join(thinned["thinned"])


def test_of_many_tracks_the_first_stay() -> None:
    values = np.random.default_rng(2).normal(size=5_000).round(6).tolist()
    tracks = [{"name": str(i), "unit": "", "positions": list(range(5_000)), "values": values} for i in range(8)]
    thinned = thin({**synthetic_data(100), "tracks": tracks}, max_bytes=100_000)
    assert 1 <= len(thinned["tracks"]) < 8
    assert f"The page has {len(thinned['tracks'])} of 8 tracks; the table tracks has all." in thinned["thinned"]
