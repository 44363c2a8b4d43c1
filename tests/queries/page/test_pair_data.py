"""The data of a pair's page are those of the tables of pairs, and what cannot be shown is refused with its reason."""

import base64
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import Run
from helpers.pair_case import write_complexes
from helpers.pdb_case import Chain, pdb

from attlas.queries import Atlas
from attlas.queries.page.pair_data import STATISTICS, pair_data
from attlas.queries.page.pair_thinning import thin_pair
from attlas.queries.page.thinning import zipped_bytes
from attlas.schema import InputError, QuestionError

pytestmark = pytest.mark.slow

Case = tuple[Path, dict[str, str]]


@pytest.fixture
def case(pair_atlas: Case) -> Case:
    return pair_atlas


@pytest.fixture(scope="module")
def atlas(pair_atlas: Case):
    with Atlas.open(pair_atlas[0]) as opened:
        yield opened


def read_halves(values: dict[str, str], n_layers: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(values["data"]), "<f2").reshape(n_layers, -1)


def rows_of(atlas: Atlas, table: str, where: str) -> list[dict]:
    return atlas.sql(f"FROM {table} WHERE {where}").to_pylist()


def test_attention_received_is_that_of_the_table(atlas: Atlas, case: Case) -> None:
    data = pair_data(atlas, "P0", "P1", form="linker")
    for place, accession in enumerate(("P0", "P1"), start=1):
        shown = data["proteins"][place - 1]
        assert shown["protein"]["accession"] == accession
        assert shown["protein"]["sequence"] == case[1][accession]
        rows = rows_of(atlas, "pair_residues", f"accession = '{accession}' AND form = 'linker' ORDER BY position")
        for name in ("received_across", "received_within"):
            expected = np.array([row[name] for row in rows], np.float16)
            np.testing.assert_array_equal(read_halves(shown[name], atlas.n_layers).T, expected)
    assert [feature["type"] for feature in data["proteins"][0]["features"]] == ["Active site"]


def test_both_copies_of_a_protein_paired_with_itself_have_their_own_numbers(atlas: Atlas) -> None:
    data = pair_data(atlas, "P2", "P2")
    for place in (1, 2):
        where = f"accession = 'P2' AND partner = 'P2' AND place = {place} AND form = 'gap' ORDER BY position"
        rows = rows_of(atlas, "pair_residues", where)
        expected = np.array([row["received_across"] for row in rows], np.float16)
        shown = read_halves(data["proteins"][place - 1]["received_across"], atlas.n_layers)
        np.testing.assert_array_equal(shown.T, expected)
    assert "mirror" in data["heads"][0]["statistics"]


def test_heads_are_those_of_the_table_by_direction_and_order(atlas: Atlas) -> None:
    data = pair_data(atlas, "P0", "P1")
    assert data["pair"] == {
        "accession": "P0", "partner": "P1", "label": "binder", "score": 0.1, "form": "gap", "forms": ["gap", "linker"],
    }  # fmt: skip
    names = [(block["place"], block["chain_order"]) for block in data["heads"]]
    assert sorted(names) == [(place, order) for place in (1, 2) for order in ("forward", "mean", "reverse")]
    for block in data["heads"]:
        where = f"form = 'gap' AND place = {block['place']} AND chain_order = '{block['chain_order']}'"
        rows = rows_of(atlas, "pair_heads", f"{where} AND 'P0' IN (accession, partner) ORDER BY layer, head")
        # Neither is a copy of the other: no head mirrors anything.
        assert list(block["statistics"]) == [name for name in STATISTICS if name != "mirror"]
        for name, values in block["statistics"].items():
            assert np.float32(values).tolist() == [row[name] for row in rows]


def test_links_and_contacts_are_those_of_the_tables(atlas: Atlas) -> None:
    data = pair_data(atlas, "P0", "P1", form="gap")
    for name, table in (("links", "pair_links"), ("contacts", "pair_contacts")):
        rows = rows_of(atlas, table, "form = 'gap' AND 'P0' IN (accession, partner)")
        columns = [column for column in data[name] if column not in ("floor", "per_residue")]
        shown = list(zip(*(data[name][column] for column in columns), strict=True))
        assert len(shown) > 50
        assert Counter(map(as_stored, shown)) == Counter(tuple(row[column] for column in columns) for row in rows)
    assert (data["links"]["floor"], data["links"]["per_residue"]) == (0.001, 1)


def as_stored(row: tuple) -> tuple:
    return tuple(float(np.float32(value)) if isinstance(value, float) else value for value in row)


def test_known_contacts_of_both_directions_are_one_with_the_nearest_distance(atlas: Atlas) -> None:
    contacts = pair_data(atlas, "P0", "P1")["known_contacts"]
    assert contacts == {"i": [4, 9], "j": [5, 30], "distance": [6.0, None], "sources": ["P0.tsv", "P1.tsv"]}
    assert pair_data(atlas, "P2", "P2")["known_contacts"]["i"] == []


def test_a_pair_is_shown_as_its_file_has_it_whichever_protein_is_named_before(atlas: Atlas) -> None:
    assert pair_data(atlas, "P1", "P0") == pair_data(atlas, "P0", "P1")


def test_what_is_no_pair_is_refused_with_its_reason(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match="P0 and P3 are no pair of this atlas"):
        pair_data(atlas, "P0", "P3")
    with pytest.raises(QuestionError, match=r"pair of P2 and P3 was not computed(.|\n)*115 residues"):
        pair_data(atlas, "P2", "P3")
    with pytest.raises(QuestionError, match=r"not joined in the form ends(.|\n)*gap, linker"):
        pair_data(atlas, "P0", "P1", form="ends")
    with pytest.raises(QuestionError, match="P9"):
        pair_data(atlas, "P0", "P9")


def test_an_atlas_without_pairs_names_the_command_that_adds_them(page_atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"no table pairs(.|\n)*attlas pairs DIR PAIRS"):
        pair_data(page_atlas, "P04637", "P0DP23")


def test_of_several_copies_the_two_chains_that_touch_are_drawn(atlas: Atlas, case: Case, tmp_path: Path) -> None:
    path = write_complexes(tmp_path / "c.pdb", case[1]["P0"], case[1]["P1"])
    structure = pair_data(atlas, "P0", "P1", structure=path)["structure"]
    assert [(chain["place"], chain["chain"]) for chain in structure["chains"]] == [(1, "C"), (2, "D")]
    assert [len(chain["positions"]) for chain in structure["chains"]] == [30, 42]
    assert set(re.findall(r"^ATOM.{17}(.)", structure["text"], re.MULTILINE)) == {"C", "D"}

    # The chains are named as the caller names the proteins, and shown as the file of pairs has them.
    structure = pair_data(atlas, "P1", "P0", structure=path, chains=("B", "A"))["structure"]
    assert [(chain["place"], chain["chain"]) for chain in structure["chains"]] == [(1, "A"), (2, "B")]


def test_a_structure_with_one_chain_for_both_is_refused(atlas: Atlas, case: Case, tmp_path: Path) -> None:
    path = tmp_path / "one.pdb"
    path.write_text(pdb([Chain("A", case[1]["P2"])]))
    with pytest.raises(InputError, match=r"one\.pdb has one chain, A, for both P2 and P2"):
        pair_data(atlas, "P2", "P2", structure=path)


def test_thinned_data_keep_the_strongest_link_of_each_head_and_say_what_went(atlas: Atlas, case: Case) -> None:
    data = pair_data(atlas, "P0", "P1", max_bytes=None)
    # As many links as of proteins a hundred times longer, most of them weak.
    n = len(data["links"]["weight"])
    lists = {name: values * 40 for name, values in data["links"].items() if isinstance(values, list)}
    lists["weight"] = [weight / (1 + k // n) for k, weight in enumerate(lists["weight"])]
    data["links"] = {**data["links"], **lists}
    thinned = thin_pair(data, max_bytes=zipped_bytes(data) // 2)

    kept, n_all = len(thinned["links"]["weight"]), len(lists["weight"])
    assert kept < n_all
    assert (
        f"The page has the {kept:,} links of most attention of {n_all:,}; the table pair_links has all."
        in (thinned["thinned"])
    )
    heads = {name: set(zip(d["links"]["layer"], d["links"]["head"], strict=True))
             for name, d in (("whole", data), ("thinned", thinned))}  # fmt: skip
    assert heads["thinned"] == heads["whole"]
    assert max(thinned["links"]["weight"]) == max(lists["weight"])

    smallest = thin_pair(data, max_bytes=1)
    assert {block["chain_order"] for block in smallest["heads"]} == {"mean"}
    assert smallest["proteins"][0]["received_within"] is None
    assert smallest["proteins"][0]["received_across"] is not None


def test_the_page_is_one_file_with_the_pair_in_its_title(atlas: Atlas, tmp_path: Path) -> None:
    page = atlas.pair_page("P0", "P1")
    html = page.write(tmp_path / "pair.html").read_text()
    assert "<title>P0 and P1 · attlas</title>" in html
    assert not re.search(r'(?:src|href)="(?!data:)', html.split('id="attlas-data"')[0])
    data = re.search(r'id="attlas-data">(.*?)</script>', html)
    assert data is not None
    assert json.loads(data[1]) == json.loads(json.dumps(page.data))
    assert repr(page) == "<PairPage P0 and P1; write('FILE.html') writes it>"


def test_the_verb_writes_the_page_and_says_how_large_it_is(attlas: Run, case: Case, tmp_path: Path) -> None:
    path = tmp_path / "pair.html"
    complexes = write_complexes(tmp_path / "c.pdb", case[1]["P0"], case[1]["P1"])
    options = ("--structure", complexes, "--chain", "D", "--partner-chain", "C", "--form", "linker", "-o", path)
    done = attlas("page", case[0], "P1", "--partner", "P0", *options)
    assert done.code == 0
    assert re.fullmatch(rf"{path}: P0 and P1, \d+ kB, \d+ kB gzipped\n", done.out)
    assert "c.pdb chain C: 30 residues onto 1-30 of P0 (100% of 30)" in done.err
    assert "<title>P0 and P1 · attlas</title>" in path.read_text()


def test_options_of_a_pair_need_a_partner(attlas: Run, case: Case) -> None:
    done = attlas("page", case[0], "P0", "--form", "gap")
    assert done.code == 2
    assert "they are of a pair: give --partner" in " ".join(done.err.split())
