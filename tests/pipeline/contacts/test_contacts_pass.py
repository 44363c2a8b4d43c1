"""The pass for contacts: its tables against transformers and brute force; resumed, repeated, refused like a build."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from helpers.annotation_case import annotate_from
from helpers.building import (
    assert_whole,
    build_here,
    command,
    digests,
    leftovers,
    random_proteins,
    start,
    wait_for,
    write_fasta,
)
from helpers.contact_oracles import (
    LIMITS,
    add_coordinates,
    corrected,
    eager_layers,
    folded,
    head_sums,
    pairs_of,
    top_precision,
)
from helpers.dask_workers import open_scheduler
from helpers.example_proteins import read_sequences
from helpers.passes_here import add_contacts_here, refuse_to_compute
from helpers.sealed_atlas import ask_rows, digest_table, list_files, query_rows, remove_plan
from helpers.tiny_esm import save_tiny_esm, save_vocabulary
from safetensors.torch import load_file, save_file
from transformers import EsmModel, EsmTokenizer

from attlas.pipeline.contacts import contact_head, memory
from attlas.pipeline.contacts.memory import predict_contact_bytes
from attlas.pipeline.directory import read_plan
from attlas.pipeline.workers import runners
from attlas.schema import AtlasPaths, EnvironmentFault, InputError, PlanError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
STRUCTURE = ROOT / "examples" / "1r4z.cif.gz"
LIPASE = "P37957"


@pytest.fixture(scope="module")
def proteins() -> dict[str, str]:
    """A lipase with a structure, and five shorter proteins, one of them of seven residues."""
    sequences = read_sequences(ROOT / "examples" / "proteins.fasta")
    short = sorted(sequences, key=lambda accession: len(sequences[accession]))[:4]
    return {LIPASE: sequences[LIPASE], "SEVEN": "MKTAYIA", **{accession: sequences[accession] for accession in short}}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, weights: Path, proteins: dict[str, str]) -> Path:
    folder = tmp_path_factory.mktemp("contacts")
    build_here(write_fasta(folder / "p.fasta", proteins), folder / "atlas", weights)
    annotate_from(folder / "atlas", STRUCTURE)
    add_contacts_here(folder / "atlas")
    return folder / "atlas"


def test_the_stored_pairs_are_the_best_of_transformers_own_prediction(real: Path, weights: Path, proteins) -> None:
    """In one padded batch; what is not stored is below the least that is."""
    model = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager").eval()
    tokens = EsmTokenizer.from_pretrained(weights)(list(proteins.values()), return_tensors="pt", padding=True)
    with torch.inference_mode():
        maps = model.predict_contacts(tokens["input_ids"], tokens["attention_mask"]).numpy()
    for (accession, sequence), eager_map in zip(proteins.items(), maps, strict=True):
        n = len(sequence)
        rows = query_rows(real, f"SELECT i, j, probability FROM contacts WHERE accession = '{accession}' ORDER BY i, j")
        i, j = (np.array([row[name] for row in rows], int) - 1 for name in "ij")
        probabilities = np.array([row["probability"] for row in rows])
        np.testing.assert_allclose(probabilities, eager_map[i, j], rtol=0, atol=1e-4)
        for nearest, farthest in LIMITS.values():
            is_in_range = (j - i >= nearest) & (j - i <= farthest)
            upper = np.triu(np.ones((n, n), bool), nearest) & ~np.triu(np.ones((n, n), bool), min(farthest, n) + 1)
            assert is_in_range.sum() >= min(upper.sum(), 2 * n)
            left = upper.copy()
            left[i[is_in_range], j[is_in_range]] = False
            if left.any():
                assert eager_map[:n, :n][left].max() < min(probabilities[is_in_range].min() + 1e-4, 0.3 + 1e-4)


def lipase_places(real: Path, chain: str, atom: str) -> np.ndarray:
    places = np.full((212, 3), np.nan)
    for row in query_rows(real, f"FROM coordinates WHERE accession = '{LIPASE}' AND chain = '{chain}'"):
        places[row["position"] - 1] = [row[f"{atom}_{axis}"] for axis in "xyz"]
    return places


@pytest.mark.thorough
def test_single_heads_against_a_real_structure_are_those_counted_by_hand(real: Path, weights: Path, proteins) -> None:
    stored = {
        (row["chain"], row["layer"], row["head"]): row
        for row in query_rows(real, f"FROM head_contacts WHERE accession = '{LIPASE}'")
    }
    assert {key[0] for key in stored} == {"A", "B"}
    assert len(stored) == 2 * 6 * 20
    for chain, heads in (("A", range(3, 20, 8)), ("B", (10,))):
        places = lipase_places(real, chain, "ca")
        for layer, attention in enumerate(eager_layers(weights, proteins[LIPASE])):
            for head in heads:
                row, expected = stored[chain, layer, head], head_sums(attention[head], places, 0.3)
                for name in ("n_edges", "n_contact_edges"):
                    assert abs(row[name] - expected[name]) <= expected["near"]
                for name in ("n_pairs", "n_contact_pairs", "n_top", "n_long_pairs", "n_long_contacts"):
                    assert row[name] == expected[name]
                for name in ("mass", "contact_mass", *(("edge_mass", "contact_edge_mass") * (not expected["near"]))):
                    assert row[name] == pytest.approx(expected[name], rel=2e-4, abs=1e-4)
                scores = corrected(attention[head])
                ranked = np.sort([scores[pair] for pair in pairs_of(places, "long")])[::-1]
                last = ranked[expected["n_top"] - 1]
                near = (np.abs(ranked - last) < 1e-6 + 1e-5 * abs(last)).sum() - 1
                assert abs(row["n_top_contacts"] - expected["n_top_contacts"]) <= near
    assert max(row["n_top_contacts"] / row["n_top"] for row in stored.values()) > 0.3


@pytest.mark.thorough
def test_precision_told_by_sql_is_that_of_the_whole_map(real: Path, weights: Path, proteins) -> None:
    model = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager").eval()
    tokens = EsmTokenizer.from_pretrained(weights)(proteins[LIPASE], return_tensors="pt")
    with torch.inference_mode():
        scores = model.predict_contacts(tokens["input_ids"], tokens["attention_mask"])[0].numpy()
    for atom in ("ca", "cb"):
        rows = ask_rows(real, "contact_precision_by_structure", atom=atom, structures="all")
        assert len(rows) == 2 * 9
        for row in rows:
            expected = top_precision(scores, lipase_places(real, row["chain"], atom), row["range"], row["cut"])
            assert row["n_pairs"] == row["n_asked"] == expected[0]
            assert abs(row["n_contacts"] - expected[1]) <= 1  # two probabilities of one value but for the last bits
            assert row["background"] == pytest.approx(expected[3] / expected[2], abs=6e-5)


def test_the_table_says_what_it_was_asked(real: Path) -> None:
    assert_whole(real)
    digests = {table: digest_table(real, table) for table in ("sequences", "coordinates")}
    metadata = pq.read_schema(list_files(real, "contacts")[0]).metadata
    assert json.loads(metadata[b"attlas.settings"]) == {
        "settings": {"floor": 0.3, "max_length": None},
        "computed_from": {"sequences": digests["sequences"]},
    }
    metadata = pq.read_schema(list_files(real, "head_contacts")[0]).metadata
    assert json.loads(metadata[b"attlas.settings"]) == {
        "settings": {"theta": 0.3, "atom": "ca", "max_length": None},
        "computed_from": digests,
    }
    assert query_rows(real, "SELECT count(*) AS n FROM contacts WHERE accession = 'SEVEN'") == [{"n": 1}]


SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQA"


@pytest.fixture
def small(tmp_path: Path, tiny_esm: Path) -> Path:
    """An atlas of a tiny model: two accessions of a sequence, proteins of 1 to 8 residues, one skipped."""
    proteins = {"A1": SEQUENCE, "A2": SEQUENCE, "B1": "MGDVEKGKKIFIMKCSQC" * 2, "C1": "MK*LV"}
    proteins |= {f"S{n}": SEQUENCE[1 : n + 1] for n in range(1, 9)}
    build_here(write_fasta(tmp_path / "p.fasta", proteins), tmp_path / "atlas", tiny_esm)
    return tmp_path / "atlas"


def test_without_structures_only_the_probabilities_are_told(small: Path) -> None:
    outcome = add_contacts_here(small)
    assert (outcome.n_chains, outcome.failed, outcome.longer) == (0, (), ())
    assert not outcome.manifest.files.of_tables(["head_contacts"])
    assert_whole(small)
    counts = {
        row["accession"]: row["n"]
        for row in query_rows(small, "SELECT accession, count(*) AS n FROM contacts GROUP BY ALL")
    }
    assert counts["A1"] == counts["A2"]
    assert {accession: n for accession, n in counts.items() if accession.startswith("S")} == {"S7": 1, "S8": 3}


def test_a_structure_of_one_accession_is_its_own(small: Path) -> None:
    add_coordinates(small, {("A2", "x.cif", "A"): folded(34, seed=1)})
    assert add_contacts_here(small).n_chains == 1
    assert query_rows(small, "SELECT DISTINCT accession, source, chain FROM head_contacts") == [
        {"accession": "A2", "source": "x.cif", "chain": "A"}
    ]


def test_a_chain_without_a_long_range_pair_and_tiny_ones_have_rows_of_nothing(small: Path) -> None:
    places = folded(36, seed=2)
    places[20:] = np.nan
    add_coordinates(small, {("B1", "b.cif", "Q"): places, ("S3", "s.cif", "A"): folded(3, seed=1)})
    assert (add_contacts_here(small).failed, assert_whole(small).version) == ((), 4)
    rows = query_rows(
        small, "SELECT DISTINCT accession, n_pairs, n_top, n_top_contacts, n_long_pairs FROM head_contacts"
    )
    assert sorted(tuple(row.values()) for row in rows) == [("B1", 400, 0, 0, 0), ("S3", 9, 0, 0, 0)]


def test_asked_again_nothing_changes(small: Path) -> None:
    add_coordinates(small, {("A1", "x.cif", "A"): folded(34, seed=1)})
    earlier = add_contacts_here(small)
    before = digests(small)
    assert add_contacts_here(small, progress=refuse_to_compute) == earlier
    assert digests(small) == before


def test_new_structures_leave_the_probabilities_as_they_are(small: Path) -> None:
    add_coordinates(small, {("A1", "x.cif", "A"): folded(34, seed=1)})
    add_contacts_here(small)
    before = digests(small)
    add_coordinates(small, {("B1", "y.cif", "A"): folded(36, seed=3)}, name="more")
    computed: list[int] = []
    add_contacts_here(
        small, progress=lambda plan, shards: computed.extend(s.n_sequences for s in shards) or (lambda event: None)
    )
    after = digests(small)
    assert sum(computed) == 2  # A1 and B1 once more, nobody else
    assert {path: sha for path, sha in after.items() if path.startswith("contacts/")} == {
        path: sha for path, sha in before.items() if path.startswith("contacts/")
    }
    assert {path for path in before if path.startswith("head_contacts/")}.isdisjoint(after)
    assert {row["accession"] for row in query_rows(small, "SELECT DISTINCT accession FROM head_contacts")} == {
        "A1",
        "B1",
    }
    assert_whole(small)


def test_another_floor_or_atom_takes_the_place_of_its_own_table_alone(small: Path) -> None:
    add_coordinates(small, {("A1", "x.cif", "A"): folded(34, seed=1)}, cb=np.array([9.0, 0, 0]))
    add_contacts_here(small)
    earlier = digests(small)
    add_contacts_here(small, floor=0.01)
    assert {p for p in earlier if "head_contacts/" in p} < set(digests(small))
    assert {p for p in earlier if p.startswith("contacts/")}.isdisjoint(digests(small))
    add_contacts_here(small, floor=0.01, atom="cb")
    assert {p for p in earlier if "head_contacts/" in p}.isdisjoint(digests(small))
    assert_whole(small)


def test_a_floor_keeps_every_pair_above_it(small: Path) -> None:
    add_contacts_here(small, floor=1e-9)
    (row,) = query_rows(small, "SELECT count(*) AS n FROM contacts WHERE accession = 'A1'")
    assert row["n"] == sum(range(1, 34 - 5))


@pytest.mark.thorough
def test_a_pass_that_was_stopped_goes_on_and_ends_the_same(tmp_path: Path, tiny_esm: Path) -> None:
    out = tmp_path / "larger"
    build_here(write_fasta(tmp_path / "r.fasta", random_proteins([700] * 8)), out, tiny_esm)
    add_coordinates(out, {(f"P{i:05d}", "x.cif", "A"): folded(700, seed=i) for i in (0, 3, 7)})
    add_contacts_here(out)
    whole = digests(out)
    for kind in ("contacts", "head-contacts"):
        receipts = sorted((out / "receipts").glob(f"{kind}-*.json"))
        assert len(receipts) > 1
        lost = json.loads(receipts[0].read_text())
        receipts[0].unlink()
        (out / lost["files"][0]["path"]).unlink()
        computed: list[int] = []
        add_contacts_here(
            out,
            progress=lambda plan, shards, into=computed: into.extend(s.index for s in shards) or (lambda event: None),
        )
        assert computed == [lost["index"]]
        assert digests(out) == whole
    assert_whole(out)


@pytest.mark.thorough
def test_a_killed_command_goes_on_with_workers_and_ends_as_one_in_this_process(
    tmp_path: Path, tiny_esm: Path, attlas
) -> None:
    source = write_fasta(tmp_path / "r.fasta", random_proteins([500] * 12))
    for name in ("killed", "whole"):
        build_here(source, tmp_path / name, tiny_esm)
        add_coordinates(tmp_path / name, {("P00005", "x.cif", "A"): folded(500, seed=5)})
    add_contacts_here(tmp_path / "whole")
    out = tmp_path / "killed"
    process = start(command("contacts", out, "--workers", 0))
    wait_for(lambda: list((out / "receipts").glob("contacts-*.json")), what="a first receipt")
    process.kill()
    process.communicate()
    assert list_files(out, "contacts") == []
    with open_scheduler(2) as address:
        again = attlas("contacts", out, "--scheduler", address)
    assert again.code == 0, again.err
    assert "heads against 1 chain of" in again.out
    assert digests(out) == digests(tmp_path / "whole")
    assert leftovers(out) == []


@pytest.mark.parametrize(
    ("options", "message"), [({"floor": 0.0}, "floor"), ({"floor": 1.5}, "floor"), ({"atom": "n"}, "atom")]
)
def test_what_cannot_be_asked_is_refused(small: Path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        add_contacts_here(small, **options)


def test_a_release_has_no_plan(small: Path) -> None:
    remove_plan(small)
    with pytest.raises(PlanError, match=r"no plan|other files"):
        add_contacts_here(small)


@pytest.fixture
def headless(tmp_path: Path, tiny_esm: Path) -> Path:
    """An atlas of a model without a contact head."""
    model = tmp_path / "model"
    model.mkdir()
    for path in tiny_esm.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    kept = {name: tensor for name, tensor in load_file(tiny_esm / "model.safetensors").items() if "contact" not in name}
    save_file(kept, model / "model.safetensors", metadata={"format": "pt"})
    build_here(write_fasta(tmp_path / "p.fasta", {"A1": SEQUENCE}), tmp_path / "atlas", model)
    return tmp_path / "atlas"


def test_a_model_without_a_contact_head_is_refused_and_the_atlas_stays(headless: Path) -> None:
    before = digests(headless)
    with pytest.raises(EnvironmentFault, match=r"(?s)no contact head.*--heads-only"):
        add_contacts_here(headless)
    assert digests(headless) == before


def test_without_a_contact_head_single_heads_are_held_against_structures(headless: Path, attlas) -> None:
    with pytest.raises(InputError, match="No protein has a structure"):
        add_contacts_here(headless, is_heads_only=True)
    add_coordinates(headless, {("A1", "x.cif", "A"): folded(34, seed=1)})
    outcome = attlas("contacts", headless, "--workers", 0, "--heads-only")
    assert (outcome.code, outcome.out.strip()) == (0, f"{headless}: heads against 1 chain of structures, by CA")
    assert "head_contact_precision" in outcome.err
    assert_whole(headless)
    assert list_files(headless, "contacts") == []
    assert query_rows(headless, "SELECT count(*) AS n FROM head_contacts")[0]["n"] > 0


@pytest.mark.thorough
def test_heads_of_an_esmc_model_are_held_against_a_structure_as_by_its_eager_path(tmp_path: Path) -> None:
    import torch
    from transformers import EsmcConfig, EsmcModel

    torch.manual_seed(0)
    shape = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 3}
    model = EsmcModel(EsmcConfig(vocab_size=64, attn_implementation="eager", **shape)).eval()
    for name, weight in model.named_parameters():
        if "norm" in name and weight.ndim == 1:
            torch.nn.init.normal_(weight, std=3)  # else attention is flat and no pair an edge
    model.save_pretrained(tmp_path / "model")
    save_vocabulary(tmp_path / "model")
    build_here(write_fasta(tmp_path / "p.fasta", {"A1": SEQUENCE}), tmp_path / "atlas", tmp_path / "model")
    places = folded(len(SEQUENCE), seed=1)
    add_coordinates(tmp_path / "atlas", {("A1", "x.cif", "A"): places})
    add_contacts_here(tmp_path / "atlas", is_heads_only=True)
    tokens = EsmTokenizer.from_pretrained(tmp_path / "model")(SEQUENCE, return_tensors="pt")
    with torch.inference_mode():
        layers = model(**tokens, output_attentions=True).attentions
    rows = {(row["layer"], row["head"]): row for row in query_rows(tmp_path / "atlas", "FROM head_contacts")}
    assert len(rows) == 9
    assert sum(row["n_contact_edges"] for row in rows.values()) > 0
    for (layer, head), row in rows.items():
        expected = head_sums(layers[layer][0, head, 1:-1, 1:-1].double().numpy(), places, 0.3)
        assert expected["near"] == 0
        assert {name: row[name] for name in ("n_edges", "n_contact_edges", "n_pairs", "n_contact_pairs")} == {
            name: expected[name] for name in ("n_edges", "n_contact_edges", "n_pairs", "n_contact_pairs")
        }
        assert row["contact_mass"] == pytest.approx(expected["contact_mass"], abs=1e-4)


def test_heads_alone_are_as_beside_the_contact_head(small: Path) -> None:
    add_coordinates(small, {("A1", "x.cif", "A"): folded(34, seed=1)})
    add_contacts_here(small, is_heads_only=True)
    alone = digests(small)
    add_contacts_here(small)
    both = digests(small)
    assert {path: sha for path, sha in both.items() if path.startswith("head_contacts/")} == {
        path: sha for path, sha in alone.items() if path.startswith("head_contacts/")
    }
    again = add_contacts_here(small, is_heads_only=True, progress=refuse_to_compute)
    assert list(again.manifest.files.of_tables(["contacts"])) != []


def test_what_is_not_finite_is_named_and_the_others_go_on(small: Path, monkeypatch, attlas) -> None:
    true = contact_head.ReduceToContacts.probabilities

    def spoiled(self) -> list[np.ndarray]:
        return [
            probabilities * np.nan if len(probabilities) == len(SEQUENCE) else probabilities
            for probabilities in true(self)
        ]

    monkeypatch.setattr(contact_head.ReduceToContacts, "probabilities", spoiled)
    outcome = attlas("contacts", small, "--workers", 0)
    assert outcome.code == 3
    assert "1 failed, because the model's attention is not finite: A1 (34 residues)" in outcome.err
    assert {row["accession"] for row in query_rows(small, "SELECT DISTINCT accession FROM contacts")} == {
        "B1",
        "S7",
        "S8",
    }
    assert_whole(small)


def test_a_pass_that_computes_nothing_finite_of_the_known_protein_blames_no_sequence(
    small: Path, monkeypatch, attlas
) -> None:
    """The attention of the model is as it was: the reduction of the pass alone is broken on this device."""
    true = contact_head.ReduceToContacts.probabilities
    monkeypatch.setattr(
        contact_head.ReduceToContacts, "probabilities", lambda self: [maps * np.nan for maps in true(self)]
    )
    outcome = attlas("contacts", small, "--workers", 0)
    assert outcome.code == 1, outcome.out
    assert "computes nothing finite in this pass" in outcome.err
    assert_whole(small)
    assert list_files(small, "contacts") == []


@pytest.mark.thorough
def test_chains_on_which_attention_is_not_finite_are_named(tmp_path: Path, attlas) -> None:
    """Half precision may overflow in one pass and not in the other; here the embedding of O is made no number since."""
    good = save_tiny_esm(tmp_path / "model")
    build_here(write_fasta(tmp_path / "p.fasta", {"A": SEQUENCE, "B": SEQUENCE + "O"}), tmp_path / "atlas", good)
    add_coordinates(tmp_path / "atlas", {(name, "x.cif", "A"): folded(34, seed=1) for name in "AB"})
    _, _, encoder = runners.load_plan_and_model(str(tmp_path / "atlas"), 1)
    encoder.model.embeddings.word_embeddings.weight.data[encoder.vocabulary.token_ids("O")[1]] = float("nan")
    outcome = attlas("contacts", tmp_path / "atlas", "--workers", 0)
    runners._load_encoder.cache_clear()
    assert outcome.code == 3
    assert "2 failed" in outcome.err
    assert "B (35 residues), B (chain A of x.cif)" in outcome.err
    assert {
        row["accession"] for row in query_rows(tmp_path / "atlas", "SELECT DISTINCT accession FROM head_contacts")
    } == {"A"}


def test_the_command_says_what_it_did_and_what_is_missing(small: Path, attlas) -> None:
    outcome = attlas("contacts", small, "--workers", 0, "--max-length", 35)
    assert outcome.code == 0
    assert "heads against 0 chains of structures" in outcome.out
    assert "no structure yet: `attlas annotate" in outcome.err
    assert "1 longer than --max-length, left out: B1 (36 residues)" in outcome.err
    add_coordinates(small, {("A1", "x.cif", "A"): folded(34, seed=1), ("B1", "y.cif", "A"): folded(36, seed=1)})
    outcome = attlas("contacts", small, "--workers", 0, "--max-length", 35)
    assert "heads against 1 chain of structures" in outcome.out
    assert "attlas ask" in outcome.err


def test_what_does_not_fit_is_refused_by_name_before_anything_is_computed(small: Path, monkeypatch) -> None:
    predicted = max(shard.predicted_bytes for shard in read_plan(AtlasPaths(small)).shards)
    monkeypatch.setattr(
        memory,
        "measure_available_bytes",
        lambda device: predicted + predict_contact_bytes([*range(1, 9), 34], 1024, floor=0.3),
    )
    before = digests(small)
    with pytest.raises(EnvironmentFault, match=r"(?s)maps of pairs.*B1: 36 residues.*--max-length"):
        add_contacts_here(small, progress=refuse_to_compute)
    assert digests(small) == before
    assert add_contacts_here(small, max_length=35).longer == ("B1 (36 residues)",)
