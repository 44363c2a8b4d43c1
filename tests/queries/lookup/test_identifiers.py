"""Every form of an id, and what is said about one that names nothing or too much."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.reading_case import HOSTILE, P53, random_sequence
from helpers.synthetic import SyntheticProtein, write_atlas
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attlas.queries import Atlas
from attlas.schema import QuestionError

MD5 = hashlib.md5(P53.encode()).hexdigest()
CRC64 = MD5[:16].upper()  # as the synthetic atlas has it
MOUSE, HUMAN = 10090, 9606
MANY_UNKNOWN = [f"unknown {i}" for i in range(20)]
"""Beside them an id is read as one of many."""
TRICKY = [
    SyntheticProtein("P60709", random_sequence(60, 1), "ACTB_HUMAN", "ACTB", "Homo sapiens", HUMAN, sequence_version=1),
    SyntheticProtein("P60710", random_sequence(60, 2), "ACTB_MOUSE", "ACTB", "Mus musculus", MOUSE, sequence_version=1),
    SyntheticProtein("XP_1", random_sequence(60, 3), gene="ACTB", organism="Danio rerio"),
    SyntheticProtein("P02340", random_sequence(60, 4), "P53_MOUSE", "Tp53", "Mus musculus", MOUSE, sequence_version=4),
    SyntheticProtein("Q8WZ42", random_sequence(3000, 5), "TITIN_HUMAN", "TTN", "Homo sapiens", HUMAN),
    SyntheticProtein("P11111-2", random_sequence(60, 6), "ONLY_HUMAN", "ONLY1", "Homo sapiens", HUMAN),
    SyntheticProtein("WP_012345.1", random_sequence(60, 7)),
    SyntheticProtein("WP_012345", random_sequence(60, 8), sequence_version=2),
    SyntheticProtein("AF-P60709-F2", random_sequence(60, 9)),
    SyntheticProtein("H1", random_sequence(60, 10), gene="HOXA@", taxon_id=HUMAN),
    SyntheticProtein("H2", random_sequence(60, 11), gene="HOXA", taxon_id=HUMAN),
    SyntheticProtein("W1", random_sequence(60, 12), gene="F56D2.1", taxon_id=6239),
]


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    root: Path = tmp_path_factory.mktemp("ids") / "atlas"
    write_atlas(root, TRICKY)
    with Atlas.open(root) as opened:
        yield opened


@pytest.mark.parametrize(
    ("id", "accession"),
    [
        ("P04637", "P04637"),
        ("P04637-2", "P04637-2"),
        ("sp|P04637|P53_HUMAN", "P04637"),
        ("sp|P04637-2|P53_HUMAN", "P04637-2"),
        ("tr|P04637", "P04637"),
        ("gi|129369|sp|P04637|P53_HUMAN", "P04637"),
        (">sp|P04637|P53_HUMAN Cellular tumor antigen p53 OS=Homo sapiens", "P04637"),
        (">P04637", "P04637"),
        ("> P04637 some words", "P04637"),
        ("  P04637\t", "P04637"),
        ("UniProtKB:P04637", "P04637"),
        ("uniprot:P04637-2", "P04637-2"),
        ("UniProtKB/Swiss-Prot:P04637", "P04637"),
        ("UniProtKB:P53_HUMAN", "P04637"),
        ("AF-P04637-F1", "P04637"),
        ("AF-P04637-F1-model_v4", "P04637"),
        ("AF-P04637-F1-model_v6.cif.gz", "P04637"),
        ("AF-P04637-F1-predicted_aligned_error_v4.json", "P04637"),
        ("AF-P04637-2-F1", "P04637-2"),
        ("AlphaFoldDB:AF-P04637-F1", "P04637"),
        ("P53_HUMAN", "P04637"),
        ("CALM1", "P0DP23"),
        ("CALM1@9606", "P0DP23"),
        ("CALM1@homo sapiens", "P0DP23"),
        (MD5, "P04637"),
        (MD5.upper(), "P04637"),
        (f"md5:{MD5}", "P04637"),
        (CRC64, "P04637"),
        (CRC64.lower(), "P04637"),
        (f"CRC-{CRC64}", "P04637"),
        (f"CRC64-{CRC64}", "P04637"),
        (f"CRC64:{CRC64}", "P04637"),
        (HOSTILE.accession, HOSTILE.accession),
    ],
)
def test_each_form_of_an_id_finds_its_protein(atlas: Atlas, id: str, accession: str) -> None:
    assert atlas.protein(id)["accession"].to_pylist() == [accession]
    assert atlas.sites(id)["accession"].unique().to_pylist() == [accession]


@pytest.mark.parametrize(
    ("id", "accession"),
    [
        ("P02340.4", "P02340"),
        ("sp|P02340.4|P53_MOUSE", "P02340"),
        ("UniProtKB:P02340.4", "P02340"),
        ("WP_012345.1", "WP_012345.1"),  # an accession that holds a dot
        ("WP_012345.2", "WP_012345"),
        (">WP_012345.1 MULTISPECIES: hypothetical protein [Bacteria]", "WP_012345.1"),
        ("AF-P60709-F2", "AF-P60709-F2"),  # the atlas's own words come first
        ("AF-P60709-F1", "P60709"),
        ("AF-Q8WZ42-F1", "Q8WZ42"),
        ("HOXA@", "H1"),
        ("HOXA@9606", "H2"),
        ("ACTB@9606", "P60709"),
        ("ACTB@10090", "P60710"),
        ("ACTB@Mus musculus", "P60710"),
        ("ACTB@Danio rerio", "XP_1"),
        ("F56D2.1", "W1"),  # a gene that holds a dot
        ("ONLY1", "P11111-2"),
    ],
)
def test_what_looks_like_two_forms_is_read_as_the_atlas_has_it(tricky: Atlas, id: str, accession: str) -> None:
    assert tricky.protein(id)["accession"].to_pylist() == [accession]
    among_many = tricky.matches([id, *MANY_UNKNOWN])[0]
    assert tricky.protein_rows(among_many.rows)["accession"].to_pylist() == [accession]


@pytest.mark.parametrize(
    ("id", "why"),
    [
        ("P02340.3", "P02340 is here in sequence version 4, which is another sequence"),
        ("sp|P02340.5|P53_MOUSE", "P02340 is here in sequence version 4, which is another sequence"),
        ("Q8WZ42.4", "Q8WZ42 is here without a sequence version, so it may be another sequence"),
        ("P60709-1", "P60709 is here, but an isoform may be another sequence"),
        ("AF-P60709-2-F1", "P60709 is here, but an isoform may be another sequence"),
        ("AF-Q8WZ42-F2", "Q8WZ42 is here as a whole; its fragment 2 counts residues from 1 again"),
        ("AF-Q8WZ42-F14-model_v4.pdb", "Q8WZ42 is here as a whole; its fragment 14 counts residues from 1 again"),
        ("Tp53@9606", "gene Tp53 is here of taxon 10090, not of 9606"),
        ("Tp53@" + "9" * 5000, "gene Tp53 is here of taxon 10090, not of " + "9" * 5000),
        ("ACTB@7955", "gene ACTB is here of Danio rerio, taxon 10090, taxon 9606, not of 7955"),
    ],
)
def test_what_is_nearly_here_is_refused_with_what_is(tricky: Atlas, id: str, why: str) -> None:
    for match in (tricky.match(id), tricky.matches([id, *MANY_UNKNOWN])[0]):
        assert (match.rows, match.candidates, match.why) == ((), (), why)
        assert why in (match.reason or "")
    with pytest.raises(QuestionError, match="is not in this atlas") as caught:
        tricky.sites(id)
    assert f"found:    {why}" in str(caught.value)


def test_a_digest_answers_for_every_accession_of_the_sequence(atlas: Atlas) -> None:
    md5 = atlas.protein("P0DP23")["md5"][0].as_py()
    assert atlas.protein(md5)["accession"].to_pylist() == ["P0DP23", "P0DP24"]
    assert atlas.sites(md5)["accession"].unique().to_pylist() == ["P0DP23", "P0DP24"]


def test_an_isoform_is_never_answered_by_the_canonical_sequence(atlas: Atlas) -> None:
    with pytest.raises(
        QuestionError, match=r"P04637-3 is not in this atlas.\n(.*\n)*.*similar ids here: P04637, P04637-2"
    ):
        atlas.sites("P04637-3")
    assert atlas.residues("P04637-2").num_rows == 341


def test_the_canonical_sequence_is_never_answered_by_an_isoform(tricky: Atlas) -> None:
    assert tricky.match("P11111").rows == ()
    assert tricky.match("P11111").close == ("P11111-2",)
    with pytest.raises(
        QuestionError, match=r"ONLY_HUMAN names 1 protein of this atlas.\n.*only isoforms of this entry"
    ):
        tricky.protein("ONLY_HUMAN")


def test_a_gene_of_several_proteins_names_them(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"TP53 names 2 proteins of this atlas.\n  - P04637\n  - P04637-2"):
        atlas.protein("TP53")


def test_a_gene_of_several_organisms_is_met_with_how_to_ask_for_one(tricky: Atlas) -> None:
    match = tricky.match("ACTB")
    assert match.candidates == ("P60709", "P60710", "XP_1")
    assert match.in_taxa == ("ACTB@9606", "ACTB@10090")
    with pytest.raises(QuestionError, match="or for that of one organism: ACTB@9606, ACTB@10090"):
        tricky.protein("ACTB")


@pytest.mark.parametrize(("taxon", "accession"), [(9606, "P60709"), ("10090", "P60710"), ("danio rerio", "XP_1")])
def test_a_taxon_says_whose_gene_is_meant_and_nothing_else(tricky: Atlas, taxon: int | str, accession: str) -> None:
    (gene, entry, other) = tricky.matches(["ACTB", "P53_MOUSE", "ACTB@10090"], taxon=taxon)
    named = [tricky.protein_rows(match.rows)["accession"].to_pylist() for match in (gene, entry, other)]
    assert named == [[accession], ["P02340"], ["P60710"]]
    assert tricky.match("ACTB", taxon=taxon) == gene


@pytest.mark.parametrize(
    ("id", "close"),
    [
        ("p04637", "P04637"),
        ("CALM_HUMAN", "CALM1_HUMAN"),
        ("calm1", "CALM1"),
        ("P53_HUMAM", "P53_HUMAN"),
        ("TP53_HUMAN", "P53_HUMAN"),
        ("P53", "P53_HUMAN"),
        ("sp|P04637-9|P53_HUMAN", "P04637-2"),
    ],
)
def test_an_unknown_id_is_met_with_similar_ones(atlas: Atlas, id: str, close: str) -> None:
    assert close in atlas.match(id).close
    assert atlas.match(id).fault().what.endswith(" is not in this atlas.")


@pytest.mark.parametrize("id", ["", "  ", "\t"])
def test_an_empty_id_is_called_so(atlas: Atlas, id: str) -> None:
    with pytest.raises(QuestionError, match=r"^An empty id is not in this atlas\."):
        atlas.protein(id)


def test_letter_case_is_mentioned_where_it_is_all_that_differs(atlas: Atlas) -> None:
    assert str(atlas.match("p04637").fault()).endswith("similar ids here: P04637, P04637-2; letter case counts")
    assert "letter case" not in str(atlas.match("P04637-9").fault())


def test_an_accession_without_its_version_is_met_with_the_one_that_has_it(tmp_path: Path) -> None:
    write_atlas(tmp_path / "atlas", [SyntheticProtein("WP_7.1", random_sequence(40, 1))])
    with Atlas.open(tmp_path / "atlas") as atlas:
        assert atlas.match("WP_7").close == ("WP_7.1",)


@pytest.mark.parametrize(
    "id",
    [
        "",
        " ",
        ">",
        "nothing-like-it",
        "sp||",
        "a" * 10_000,
        "P." * 5_000,
        "' OR 1=1 --",
        "\x00",
        "@",
        "a@",
        "\udcff",
        "AF--F1",
    ],
)
def test_an_id_like_no_other_is_simply_not_there(atlas: Atlas, id: str) -> None:
    assert (atlas.match(id).rows, atlas.match(id).candidates) == ((), ())
    assert atlas.matches([id, *MANY_UNKNOWN])[0].rows == ()


@pytest.mark.parametrize("id", ["\x1b[31mP04637", "nope\x07\x9b31m", "x" * 10_000, "TP53\n@9606"])
def test_a_message_repeats_an_id_short_and_without_control_characters(atlas: Atlas, id: str) -> None:
    message = str(atlas.match(id).fault())
    assert all(line.isprintable() for line in message.splitlines())
    assert len(message.splitlines()[0]) < 120


def test_candidates_and_similar_ids_of_hostile_names_are_printable(tmp_path: Path) -> None:
    evil = [SyntheticProtein(f"E\x1b[{i}m", random_sequence(40, i), "EVIL\x07_X", "GEN\x1b[2J") for i in range(2)]
    write_atlas(tmp_path / "atlas", evil)
    with Atlas.open(tmp_path / "atlas") as atlas:
        for id in ("GEN\x1b[2J", "gen\x1b[2j", "EVIL\x07_X"):
            message = str(atlas.match(id).fault())
            assert "\\x1b" in message or "\\x07" in message
            assert all(line.isprintable() for line in message.splitlines())


def test_many_candidates_are_named_up_to_ten_and_counted(tmp_path: Path) -> None:
    write_atlas(
        tmp_path / "atlas", [SyntheticProtein(f"A{i:02}", random_sequence(40, i), gene="MANY") for i in range(25)]
    )
    with Atlas.open(tmp_path / "atlas") as atlas:
        assert (atlas.match("MANY").reason or "").endswith("A08, A09 and 15 more")
        assert "and 15 more (25 in all)" in str(atlas.match("MANY").fault())


names = st.sampled_from(["P04637", "P04637-2", "P53_HUMAN", "TP53", "CALM1", "nope", "p04637", MD5, "Q00003", "H;=&%"])
wrapped = st.sampled_from(
    ["{}", "sp|{}|X", ">{} text", "UniProtKB:{}", "AF-{}-F1", "{}.1", "{}@9606", " {}", "{}-2", "CRC-{}"]
)


@pytest.mark.thorough
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ids=st.lists(st.one_of(st.builds(lambda w, n: w.format(n), wrapped, names), st.text(max_size=8)), min_size=11))
def test_many_ids_are_read_as_each_of_them_is(atlas: Atlas, ids: list[str]) -> None:
    for match, batch_match in zip([atlas.match(id) for id in ids], atlas.matches(ids), strict=True):
        assert replace(match, close=()) == replace(batch_match, close=())
        assert (
            match.close[: len(batch_match.close)] == batch_match.close
        )  # misspellings are looked for in the first ten only
