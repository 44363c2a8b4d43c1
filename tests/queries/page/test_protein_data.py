"""The data of a page say what the other answers of the atlas say, for every outcome of a protein."""

import base64
import json
import re
import shutil
from pathlib import Path

import gemmi
import numpy as np
import pytest
from helpers import structure_case
from helpers.annotated import Shown, place
from helpers.synthetic import SyntheticProtein, write_atlas
from helpers.table_files import add_rows

from attlas.queries import Atlas
from attlas.queries.answers.one_id import answer_id
from attlas.queries.page.protein_data import STATISTICS, protein_data
from attlas.schema import LINKS, EnvironmentFault, InputError, QuestionError
from attlas.schema.settings import Computation

pytestmark = pytest.mark.slow

KEYS = [
    "format", "provenance", "model", "protein", "sites", "received", "heads", "links", "features", "families",
    "contacts", "tracks", "variants", "structure", "thinned",
]  # fmt: skip


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return structure_case.write_case(tmp_path_factory.mktemp("structure"))


def as_plain(data: dict) -> dict:
    return json.loads(json.dumps(data, allow_nan=False))


@pytest.mark.parametrize("id", ["P04637", "P0DP23", "Q00001", "Q00002", "Q00003", "Q00004", "Q00005", "EVIL1"])
def test_the_data_repeat_what_show_answers(page_atlas: Atlas, id: str) -> None:
    data = as_plain(protein_data(page_atlas, id))
    (answer,) = answer_id(page_atlas, id)
    shown = as_plain(answer.to_json(page_atlas.manifest))
    assert list(data) == KEYS
    for name in ("provenance", "protein", "sites", "features", "families"):
        assert data[name] == shown[name]


def test_attention_received_is_that_of_the_table_layer_by_layer(page_atlas: Atlas) -> None:
    data = protein_data(page_atlas, "P04637")
    rows = page_atlas.residues("P04637").to_pylist()
    values = np.frombuffer(base64.b64decode(data["received"]["data"]), "<f2").reshape(page_atlas.n_layers, len(rows))
    assert data["received"]["encoding"] == "float16-base64"
    np.testing.assert_array_equal(values.T, np.array([row["received"] for row in rows], np.float16))


def test_statistics_of_heads_are_those_of_the_table_layer_by_layer(page_atlas: Atlas) -> None:
    data = protein_data(page_atlas, "P04637")
    rows = page_atlas.heads("P04637").to_pylist()
    assert [(row["layer"], row["head"]) for row in rows] == [(layer, head) for layer in range(4) for head in range(2)]
    assert list(data["heads"]["statistics"]) == list(STATISTICS)
    for name in STATISTICS:
        assert np.array_equal(np.float32(data["heads"]["statistics"][name]), np.float32([row[name] for row in rows]))


def test_every_statistic_of_the_heads_says_what_it_is(page_atlas: Atlas) -> None:
    data = protein_data(page_atlas, "P04637")
    assert list(data["model"]["statistics"]) == list(data["heads"]["statistics"])
    docs = page_atlas.sql("SELECT column_name, doc FROM docs WHERE table_name = 'heads'").to_pylist()
    assert data["model"]["statistics"].items() <= {row["column_name"]: row["doc"] for row in docs}.items()


def test_links_and_contacts_are_those_of_the_tables(page_atlas: Atlas) -> None:
    data = protein_data(page_atlas, "P0DP23")
    query = "SELECT layer, head, i, j, weight FROM links WHERE accession = 'P0DP23' ORDER BY layer, head, i, j"
    rows = page_atlas.sql(query).to_pylist()
    links = data["links"]
    pairs = list(zip(*(links[name] for name in ("layer", "head", "i", "j")), strict=True))
    assert pairs == [(row["layer"], row["head"], row["i"], row["j"]) for row in rows]
    assert len(pairs) > 10
    assert np.array_equal(np.float32(links["weight"]), np.float32([row["weight"] for row in rows]))

    contacts = page_atlas.sql("FROM contacts WHERE accession = 'P0DP23' ORDER BY i, j").to_pylist()
    assert list(zip(data["contacts"]["i"], data["contacts"]["j"], strict=True)) == [(r["i"], r["j"]) for r in contacts]


def test_links_say_what_they_were_chosen_by(tmp_path: Path) -> None:
    write_atlas(tmp_path / "atlas", [SyntheticProtein("P1", "MKVLAAGIVGLC"), SyntheticProtein("P2", "M" * 99)])
    settings = {"floor": 0.1, "per_residue": 5, "max_length": 50}
    computation = Computation(settings=settings, computed_from={"sequences": "0" * 64})
    rows = [{"sequence_id": 0, "layer": 1, "head": 0, "i": 2, "j": 9, "weight": 0.25}]
    add_rows(tmp_path / "atlas", LINKS, rows, "links", computation.metadata(LINKS))
    with Atlas.open(tmp_path / "atlas") as atlas:
        links = protein_data(atlas, "P1")["links"]
        assert protein_data(atlas, "P2")["links"] is None
    assert links == {
        "floor": 0.1, "per_residue": 5, "layer": [1], "head": [0], "i": [2], "j": [9], "weight": [0.25],
    }  # fmt: skip


def test_tracks_and_variants_are_those_of_the_protein_itself(page_atlas: Atlas) -> None:
    data = protein_data(page_atlas, "P0DP23")
    rows = page_atlas.sql("FROM tracks WHERE accession = 'P0DP23' ORDER BY name, source, position").to_pylist()
    assert [(track["name"], track["unit"], track["source"]) for track in data["tracks"]] == [
        ("rate", "1/s", "rate.csv"),
        ("score", "", "score.csv"),
    ]
    values = [
        (track["name"], at, np.float32(value))
        for track in data["tracks"]
        for at, value in zip(track["positions"], track["values"], strict=True)
    ]
    assert values == [(row["name"], row["position"], np.float32(row["value"])) for row in rows]

    rows = page_atlas.sql("FROM variants WHERE accession = 'P0DP23' ORDER BY position").to_pylist()
    assert [(v["position"], v["from"], v["to"], np.float32(v["value"])) for v in data["variants"]] == [
        (row["position"], row["residue"], row["substitute"], np.float32(row["value"])) for row in rows
    ]
    assert [track["name"] for track in protein_data(page_atlas, "P0DP24")["tracks"]] == ["score"]


def test_a_protein_that_a_pass_left_out_has_no_contacts_rather_than_none(page_atlas: Atlas) -> None:
    assert protein_data(page_atlas, "P04637")["contacts"] is None
    assert protein_data(page_atlas, "Q00002")["contacts"] == {"i": [], "j": [], "probability": []}


def test_an_atlas_without_added_tables_has_null_in_their_place(atlas: Atlas) -> None:
    data = protein_data(atlas, "P04637")
    assert {name for name in KEYS if data[name] is None} == {
        "links", "features", "families", "contacts", "tracks", "variants", "structure",
    }  # fmt: skip


@pytest.mark.parametrize(("id", "status"), [("Q00003", "skipped"), ("Q00004", "failed")])
def test_a_protein_that_was_not_computed_says_why_and_has_no_numbers(page_atlas: Atlas, id: str, status: str) -> None:
    data = protein_data(page_atlas, id)
    assert (data["protein"]["status"], bool(data["protein"]["reason"])) == (status, True)
    numbers = [name for name in KEYS if name not in ("format", "provenance", "model", "protein", "thinned")]
    assert [name for name in numbers if data[name] is not None] == []


def test_an_id_of_several_proteins_is_refused_with_the_candidates(page_atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"TP53 names 2 proteins[\s\S]*P04637-2"):
        protein_data(page_atlas, "TP53")


def test_the_trace_is_the_annotated_chain_with_the_most_residues(page_atlas: Atlas, tmp_path: Path) -> None:
    structure_case.write_atlas(tmp_path / "atlas", structure_case.PROTEINS)
    letters = structure_case.SEQUENCE
    shown = [
        Shown(structure_case.ACCESSION, source, chain, at, letters[at - 1], (float(at), -at / 8, 0.5), None)
        for source, chain, positions in (("a.cif", "A", range(1, 9)), ("b.cif", "BB", range(3, 40)))
        for at in positions
    ]
    place(tmp_path / "atlas", shown)
    with Atlas.open(tmp_path / "atlas") as atlas:
        structure = protein_data(atlas, structure_case.ACCESSION)["structure"]
        other_structure = protein_data(atlas, structure_case.ACCESSION, chain="A")["structure"]
        with pytest.raises(QuestionError, match=r"has a chain C[\s\S]*A, BB"):
            protein_data(atlas, structure_case.ACCESSION, chain="C")

    assert (structure["kind"], structure["name"], structure["n_mapped"]) == ("trace", "b.cif chain BB", 37)
    assert structure["notes"][0] == "37 of 60 residues"
    drawn = gemmi.read_pdb_string(structure["text"])
    (chain,) = drawn[0]
    assert [(residue.seqid.num, residue["CA"][0].pos.tolist()) for residue in chain] == [
        (at, [at, round(-at / 8, 3), 0.5]) for at in range(3, 40)
    ]
    assert gemmi.one_letter_code([residue.name for residue in chain]) == letters[2:39]
    assert structure["chains"][0]["positions"] == list(range(3, 40))
    assert (other_structure["name"], other_structure["n_mapped"]) == ("a.cif chain A", 8)


def test_a_file_is_drawn_by_its_mapped_chains_in_its_own_numbers(case: tuple[Path, Path]) -> None:
    with Atlas.open(case[0]) as atlas:
        structure = protein_data(atlas, structure_case.ACCESSION, structure=case[1])["structure"]

    assert (structure["kind"], structure["format"], structure["name"]) == ("file", "pdb", "case.pdb chains A, B")
    drawn = gemmi.read_pdb_string(structure["text"])
    drawn.merge_chain_parts()
    names = {chain.name: {str(r.seqid): r.name for r in chain} for chain in drawn[0]}
    assert list(names) == ["A", "B"]
    assert "HEM" in names["A"].values()
    assert "HOH" not in names["B"].values()
    for chain in structure["chains"]:
        assert len(chain["positions"]) == len(chain["residues"]) > 50
        for position, residue in zip(chain["positions"], chain["residues"], strict=True):
            letter = gemmi.find_tabulated_residue(names[chain["chain"]][residue]).one_letter_code
            assert letter == structure_case.SEQUENCE[position - 1]
    assert any(re.fullmatch(r"\d+B", residue) for residue in structure["chains"][0]["residues"])
    assert structure["notes"][0] == f"{structure['n_mapped']} of 60 residues"
    assert any("mismatch" in note for note in structure["notes"])


def test_of_a_folder_the_file_named_after_the_protein_is_drawn(case: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copy(case[1], tmp_path / f"AF-{structure_case.ACCESSION}-F1.pdb")
    (tmp_path / "AF-Q99999-F1.pdb").write_text("another protein")
    with Atlas.open(case[0]) as atlas:
        structure = protein_data(atlas, structure_case.ACCESSION, structure=tmp_path)["structure"]
        expected = protein_data(atlas, structure_case.ACCESSION, structure=case[1])["structure"]
    assert structure["text"] == expected["text"]
    assert structure["source"] == f"AF-{structure_case.ACCESSION}-F1.pdb"


def test_one_chain_of_a_file_can_be_chosen(case: tuple[Path, Path]) -> None:
    with Atlas.open(case[0]) as atlas:
        structure = protein_data(atlas, structure_case.ACCESSION, structure=case[1], chain="B")["structure"]
        with pytest.raises(InputError, match="no protein chain Z"):
            protein_data(atlas, structure_case.ACCESSION, structure=case[1], chain="Z")
    assert [chain["chain"] for chain in structure["chains"]] == ["B"]
    drawn = gemmi.read_pdb_string(structure["text"])
    assert [chain.name for chain in drawn[0]] == ["B"]


def test_atoms_that_are_not_drawn_are_not_sent(case: tuple[Path, Path], tmp_path: Path) -> None:
    """Hydrogens, second places of an atom and second models are left out."""
    whole = gemmi.read_structure(str(case[1]))
    residue = whole[0]["B"][3]
    for name, element, altloc in (("HA", "H", "\0"), ("CB", "C", "A"), ("CB", "C", "B")):
        atom = gemmi.Atom()
        atom.name, atom.element, atom.altloc, atom.pos = name, gemmi.Element(element), altloc, gemmi.Position(1, 2, 3)
        residue.add_atom(atom)
    whole.add_model(whole[0].clone())
    whole.renumber_models()
    (tmp_path / "more.pdb").write_text(whole.make_pdb_string())

    with Atlas.open(case[0]) as atlas:
        structure = protein_data(atlas, structure_case.ACCESSION, structure=tmp_path / "more.pdb")["structure"]
    drawn = gemmi.read_pdb_string(structure["text"])
    drawn.merge_chain_parts()
    names = [atom.name for atom in drawn[0]["B"][3]]
    assert len(drawn) == 1
    assert names.count("CB") == 1
    assert "HA" not in names


def test_names_that_pdb_has_no_room_for_are_written_as_mmcif(case: tuple[Path, Path], tmp_path: Path) -> None:
    whole = gemmi.read_structure(str(case[1]))
    whole.rename_chain("B", "Long")
    whole.make_mmcif_document().write_file(str(tmp_path / "long.cif"))
    with Atlas.open(case[0]) as atlas:
        structure = protein_data(atlas, structure_case.ACCESSION, structure=tmp_path / "long.cif")["structure"]
    assert structure["format"] == "mmcif"
    document = gemmi.cif.read_string(structure["text"])
    atoms = document.sole_block().find("_atom_site.", ["auth_asym_id", "auth_seq_id", "auth_comp_id", "Cartn_x"])
    drawn = {(atom[0], atom[1]): atom[2] for atom in atoms}
    assert {chain for chain, _ in drawn} == {"A", "Long"}
    (chain,) = (chain for chain in structure["chains"] if chain["chain"] == "Long")
    letters = [gemmi.find_tabulated_residue(drawn["Long", residue]).one_letter_code for residue in chain["residues"]]
    assert "".join(letters) == structure_case.SEQUENCE


def test_without_gemmi_a_trace_is_drawn_and_a_file_is_refused_with_what_to_install(
    page_atlas: Atlas, case: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gemmi", None)
    assert protein_data(page_atlas, "P04637")["structure"]["kind"] == "trace"
    with pytest.raises(EnvironmentFault, match=r"attlas\[structures\]"):
        protein_data(page_atlas, "P04637", structure=case[1])


def test_a_structure_of_another_protein_is_refused(page_atlas: Atlas, case: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="not of P04637"):
        protein_data(page_atlas, "P04637", structure=case[1])
