"""Every form of an id, and what is said about one that names nothing or too much."""

import hashlib

import pytest
from conftest import HOSTILE, P53

from attlas.queries import Atlas
from attlas.schema import QuestionError

MD5 = hashlib.md5(P53.encode()).hexdigest()


@pytest.mark.parametrize(
    ("asked", "accession"),
    [
        ("P04637", "P04637"),
        ("P04637-2", "P04637-2"),
        ("sp|P04637|P53_HUMAN", "P04637"),
        ("sp|P04637-2|P53_HUMAN", "P04637-2"),
        ("tr|P04637", "P04637"),
        ("P53_HUMAN", "P04637"),
        ("CALM1", "P0DP23"),
        (MD5, "P04637"),
        (MD5.upper(), "P04637"),
        (MD5[:16].upper(), "P04637"),
        (HOSTILE.accession, HOSTILE.accession),
    ],
)
def test_each_form_of_an_id_finds_its_protein(atlas: Atlas, asked: str, accession: str) -> None:
    assert atlas.protein(asked)["accession"].to_pylist() == [accession]


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


def test_a_gene_of_several_proteins_names_them(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"TP53 names 2 proteins of this atlas.\n  - P04637\n  - P04637-2"):
        atlas.protein("TP53")


@pytest.mark.parametrize(
    ("asked", "close"),
    [("p04637", "P04637"), ("CALM_HUMAN", "CALM1_HUMAN"), ("calm1", "CALM1"), ("P53_HUMAM", "P53_HUMAN")],
)
def test_an_unknown_id_is_met_with_similar_ones(atlas: Atlas, asked: str, close: str) -> None:
    assert close in atlas.match(asked).close
    with pytest.raises(QuestionError, match=f"{asked} is not in this atlas"):
        atlas.protein(asked)


@pytest.mark.parametrize("asked", ["", "nothing-like-it", "sp||", "a" * 5000, "' OR 1=1 --", "\x00"])
def test_an_id_like_no_other_is_simply_not_there(atlas: Atlas, asked: str) -> None:
    assert atlas.match(asked).rows == ()
