"""Contacts by fused heads: chosen by brute force, predicted by NumPy in float64, refused by name."""

import json
import random
from pathlib import Path
from statistics import mean

import duckdb
import numpy as np
import pytest
import torch
import transformers
from helpers.architectures import SIZES, load, save_bert_vocabulary, save_random_model
from helpers.building import assert_whole, build_here, digests, random_proteins, write_fasta
from helpers.contact_oracles import LIMITS, add_coordinates, corrected, eager_layers, folded, top_precision
from helpers.passes_here import add_contacts_here, refuse_to_compute
from helpers.sealed_atlas import list_files, query_rows, read_manifest, read_settings

from attlas.pipeline.contacts.choosing_heads import ChoiceSettings, choose_heads, rank_heads
from attlas.pipeline.contacts.contact_head import predict_probabilities
from attlas.pipeline.contacts.fused_heads import predict_fused_maps
from attlas.pipeline.contacts.head_choice import Head
from attlas.queries import Atlas
from attlas.schema import InputError

pytestmark = pytest.mark.slow

LENGTHS = [76, 80, 84, 88, 92, 40]
"""The last one is too short to rank heads."""


@pytest.fixture(scope="module")
def proteins() -> dict[str, str]:
    return random_proteins(LENGTHS)


@pytest.fixture(scope="module")
def places(proteins: dict[str, str]) -> dict[str, np.ndarray]:
    """The C-alpha atoms of each protein, a few of them missing."""
    chains = {name: folded(len(sequence), seed=i, step=1.6) for i, (name, sequence) in enumerate(proteins.items())}
    chains[min(chains)][10:12] = np.nan
    return chains


@pytest.fixture(scope="module")
def atlas_dir(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path, proteins, places) -> Path:
    folder = tmp_path_factory.mktemp("fused")
    build_here(write_fasta(folder / "p.fasta", proteins), folder / "atlas", tiny_esm)
    add_coordinates(folder / "atlas", {(name, "x.cif", "A"): chain for name, chain in places.items()})
    return folder / "atlas"


@pytest.fixture(scope="module")
def maps(tiny_esm: Path, proteins) -> dict[str, np.ndarray]:
    """The corrected map of every head on every protein, (L, H, N, N), float64, by transformers' eager attention."""
    return {
        name: np.array([[corrected(attention) for attention in layer] for layer in eager_layers(tiny_esm, sequence)])
        for name, sequence in proteins.items()
    }


# Scores


@pytest.mark.parametrize("heads", [[(1, 2)], [(0, 3), (1, 0), (1, 2)], [(i, j) for i in range(2) for j in range(4)]])
def test_the_fused_score_is_the_mean_of_the_corrected_maps(tiny_esm: Path, proteins, maps, heads) -> None:
    encoder = load(tiny_esm)
    scores = predict_fused_maps(encoder, list(proteins.values()), [Head(*head) for head in heads])
    for name, score in zip(proteins, scores, strict=True):
        expected = np.mean([maps[name][head] for head in heads], axis=0)
        np.testing.assert_allclose(score, expected, rtol=0, atol=1e-5)
    assert np.ptp(scores[0].numpy()) > 0.1


def test_the_contact_head_is_as_before_beside_the_fused_heads(tiny_esm: Path, proteins) -> None:
    """A sum with the contact head's own weights is what its sigmoid takes."""
    encoder = load(tiny_esm)
    sequence = next(iter(proteins.values()))
    (probabilities,) = predict_probabilities(encoder, [sequence])
    tokens = torch.from_numpy(encoder.vocabulary.token_ids(sequence))[None]
    model = transformers.EsmModel.from_pretrained(tiny_esm, add_pooling_layer=False, attn_implementation="eager").eval()
    with torch.inference_mode():
        expected = model.predict_contacts(tokens, torch.ones_like(tokens))[0].numpy()
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-4)


def test_heads_that_a_model_lacks_are_no_mean(tiny_esm: Path) -> None:
    encoder = load(tiny_esm)
    with pytest.raises(ValueError, match="lacks"):
        predict_fused_maps(encoder, ["MKTAYIAK"], [Head(2, 0)])
    with pytest.raises(ValueError, match="no head"):
        predict_fused_maps(encoder, ["MKTAYIAK"], [])
    assert predict_fused_maps(encoder, [], [Head(0, 0)]) == []


# Choosing


def precision_by_hand(scores: np.ndarray, chain: np.ndarray) -> float:
    n_pairs, n_contacts, _, _ = top_precision(scores, chain, "long", "L/2")
    return n_contacts / n_pairs


@pytest.mark.thorough
def test_heads_are_ranked_by_their_mean_precision_on_the_drawn_proteins(atlas_dir: Path, maps, places) -> None:
    result = choose_heads(atlas_dir, ChoiceSettings(n_best=5, n_proteins=3, seed=7))
    long_enough = sorted(name for name, chain in places.items() if np.isfinite(chain).all(1).sum() >= 75)
    assert long_enough != sorted(places)
    names = [protein.accession for protein in result.choice.proteins]
    assert names == [long_enough[i] for i in sorted(random.Random(7).sample(range(len(long_enough)), 3))]
    assert result.n_judges == len(long_enough) - 3

    precisions = {
        (layer, head): mean(precision_by_hand(maps[name][layer, head], places[name]) for name in names)
        for layer in range(2)
        for head in range(4)
    }
    assert max(precisions.values()) > 0
    ranked = sorted(precisions, key=lambda at: (-precisions[at], at))[:5]
    assert [(head.layer, head.head) for head in result.choice.heads] == ranked
    assert [head.precision for head in result.choice.heads] == pytest.approx(
        [precisions[at] for at in ranked], abs=1e-6
    )


def test_another_seed_draws_other_proteins_and_the_same_seed_the_same(atlas_dir: Path) -> None:
    choices = [
        choose_heads(atlas_dir, ChoiceSettings(n_proteins=2, n_best=3, seed=seed)).choice for seed in (0, 0, 1, 2)
    ]
    assert choices[0] == choices[1]
    assert len({choice.proteins for choice in choices}) > 1


def test_equal_heads_are_ranked_by_layer_and_head() -> None:
    ranked = rank_heads(np.array([[0.1, 0.5, 0.1], [0.5, 0.0, 0.9]]))
    assert [(head.layer, head.head) for head in ranked] == [(1, 2), (0, 1), (1, 0), (0, 0), (0, 2), (1, 1)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"n_best": 9}, "1 to 8"), ({"n_best": 0}, "1 to 8"), ({"n_best": 1, "n_proteins": 0}, "one protein or more")],
)
def test_a_choice_that_cannot_be_made_is_refused(atlas_dir: Path, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_heads(atlas_dir, ChoiceSettings(**settings))


def test_without_a_structure_no_head_can_be_ranked(atlas_dir: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)No protein has a structure.*75 or more.*attlas annotate"):
        choose_heads(atlas_dir, ChoiceSettings(n_best=1, max_length=70))


# The table


@pytest.mark.thorough
def test_the_stored_pairs_are_the_best_of_the_mean_and_say_what_chose_the_heads(
    atlas_dir: Path, tmp_path: Path, maps, proteins, attlas
) -> None:
    file = tmp_path / "heads.json"
    outcome = attlas("contacts", atlas_dir, "--choose-heads", file, "--best", 3, "--chosen-on", 2)
    assert outcome.code == 0
    assert "3 heads of 8, by P@L/2 on 2 proteins" in outcome.out
    assert f"attlas contacts {atlas_dir} --heads {file}" in outcome.err
    values = json.loads(file.read_text())
    heads = [(head["layer"], head["head"]) for head in values["heads"]]
    choosing = {protein["accession"] for protein in values["proteins"]}
    assert values["weights_sha256"] == read_manifest(atlas_dir).run.weights_sha256

    outcome = attlas("contacts", atlas_dir, "--heads", file, "--workers", 0)
    assert outcome.code == 0
    assert "by the mean of 3 heads; scores, no probabilities" in outcome.out
    assert_whole(atlas_dir)
    assert list_files(atlas_dir, "contacts") == list_files(atlas_dir, "head_contacts") == []
    assert read_settings(atlas_dir, "fused_contacts") == {
        "heads": " ".join(f"{layer}-{head}" for layer, head in heads),
        "chosen_on": ", ".join(sorted(choosing)),
        "max_length": None,
    }

    for name, sequence in proteins.items():
        expected = np.mean([maps[name][head] for head in heads], axis=0)
        rows = query_rows(atlas_dir, f"FROM fused_contacts WHERE accession = '{name}' ORDER BY i, j")
        assert {row["chose_heads"] for row in rows} == {name in choosing}
        i, j = (np.array([row[column] for row in rows], int) - 1 for column in "ij")
        np.testing.assert_allclose([row["score"] for row in rows], expected[i, j], rtol=0, atol=1e-5)
        for min_separation, max_separation in LIMITS.values():
            is_in_range = (j - i >= min_separation) & (j - i <= max_separation)
            pairs = [
                (a, b)
                for a in range(len(sequence))
                for b in range(a + min_separation, min(a + max_separation + 1, len(sequence)))
            ]
            assert is_in_range.sum() == min(len(pairs), 2 * len(sequence))
            stored = {*zip(i[is_in_range].tolist(), j[is_in_range].tolist(), strict=True)}
            others = [expected[pair] for pair in pairs if pair not in stored]
            assert not others or max(others) < min(expected[pair] for pair in stored) + 2e-5


def test_the_same_choice_again_changes_nothing_and_another_takes_its_place(atlas_dir: Path) -> None:
    added = add_contacts_here(atlas_dir, heads="0-1, 1-2")
    assert added.choice is not None
    assert [str(head) for head in added.choice.fused_heads] == ["0-1", "1-2"]
    before = digests(atlas_dir)

    assert add_contacts_here(atlas_dir, heads="0-1,1-2", progress=refuse_to_compute) == added
    assert digests(atlas_dir) == before
    add_contacts_here(atlas_dir, heads="1-2")
    assert {path for path in before if path.startswith("fused_contacts/")}.isdisjoint(digests(atlas_dir))
    assert query_rows(atlas_dir, "SELECT DISTINCT chose_heads FROM fused_contacts") == [{"chose_heads": False}]


@pytest.mark.thorough
def test_info_and_the_duckdb_file_name_the_heads(atlas_dir: Path, tmp_path: Path, attlas) -> None:
    add_contacts_here(atlas_dir, heads="0-1,1-2")
    rows = [line.split() for line in attlas("info", atlas_dir).out.splitlines() if line.startswith("fused_contacts ")]
    assert ["fused_contacts", "heads", "0-1", "1-2"] in rows
    assert ["fused_contacts", "chosen_on", "none"] in rows
    values = json.loads(attlas("info", atlas_dir, "--json").out)["settings"]["fused_contacts"]
    assert values == {"heads": "0-1 1-2", "chosen_on": None, "max_length": None}

    assert attlas("export", atlas_dir, "duckdb", "-o", tmp_path / "a.duckdb").code == 0
    with duckdb.connect(str(tmp_path / "a.duckdb"), read_only=True) as connection:
        facts = dict(connection.sql("FROM provenance").fetchall())
    assert (facts["fused_contacts.heads"], facts["fused_contacts.chosen_on"]) == ("0-1 1-2", "none")


def test_fused_contacts_of_a_protein_are_read_from_python_by_score(atlas_dir: Path, proteins) -> None:
    add_contacts_here(atlas_dir, heads="0-1,1-2")
    with Atlas.open(atlas_dir) as atlas:
        scores = atlas.fused_contacts(min(proteins)).column("score").to_pylist()
    assert len(scores) > 100
    assert scores == sorted(scores, reverse=True)


def test_fused_contacts_stand_beside_those_of_the_contact_head(atlas_dir: Path) -> None:
    add_contacts_here(atlas_dir)
    before = digests(atlas_dir)
    add_contacts_here(atlas_dir, heads="1-1,0-0")
    after = digests(atlas_dir)
    for folder in ("contacts/", "head_contacts/"):
        files = {path: sha for path, sha in before.items() if path.startswith(folder)}
        assert files
        assert files.items() <= after.items()
    assert_whole(atlas_dir)


@pytest.mark.thorough
def test_a_bert_model_without_a_contact_head_has_contacts_by_its_heads(tmp_path: Path, proteins, places) -> None:
    """Ten times the embeddings' spread, so that attention is not flat and the scores differ."""
    save_random_model(transformers.BertConfig(**SIZES), tmp_path / "bert")
    save_bert_vocabulary(tmp_path / "bert")
    build_here(write_fasta(tmp_path / "p.fasta", proteins), tmp_path / "atlas", tmp_path / "bert")
    add_coordinates(tmp_path / "atlas", {(name, "x.cif", "A"): chain for name, chain in places.items()})
    choice = choose_heads(tmp_path / "atlas", ChoiceSettings(n_best=2, n_proteins=3)).choice
    choice.write(tmp_path / "heads.json")
    add_contacts_here(tmp_path / "atlas", heads=str(tmp_path / "heads.json"))

    name = max(proteins)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "bert")
    model = transformers.AutoModel.from_pretrained(tmp_path / "bert", attn_implementation="eager").eval().double()
    with torch.inference_mode():
        tokens = tokenizer(" ".join(proteins[name]), return_tensors="pt")
        layers = [layer[0, :, 1:-1, 1:-1].numpy() for layer in model(**tokens, output_attentions=True).attentions]
    expected = np.mean([corrected(layers[head.layer][head.head]) for head in choice.heads], axis=0)
    rows = query_rows(tmp_path / "atlas", f"FROM fused_contacts WHERE accession = '{name}'")
    assert len(rows) > 100
    for row in rows:
        assert row["score"] == pytest.approx(expected[row["i"] - 1, row["j"] - 1], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--heads", "0-1", "--heads-only"], "give one of them"),
        (["--heads", "0-1", "--choose-heads", "h.json"], "give one of them"),
        (["--heads", "0-1", "--floor", "0.2"], "probability of the contact head"),
        (["--best", "3"], "--choose-heads FILE"),
    ],
)
def test_options_that_exclude_each_other_are_refused(atlas_dir: Path, attlas, options: list[str], message: str) -> None:
    outcome = attlas("contacts", atlas_dir, *options)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.replace("│", " ").split())
