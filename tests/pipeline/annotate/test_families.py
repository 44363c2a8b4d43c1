"""An identifier tells its database, and words that are none are not guessed at."""

import pytest

from attlas.pipeline.annotate.families import _DATABASES, _IDENTIFIERS, database_of, database_word, family_word

pytestmark = pytest.mark.slow

EXAMPLES = {
    "Pfam": "PF00069",
    "InterPro": "IPR000719",
    "PANTHER": "PTHR24350:SF1",
    "CDD": "cd00614",
    "SMART": "SM00220",
    "PROSITE": "PS50011",
    "SUPFAM": "SSF56112",
    "Gene3D": "3.30.200.20",
    "FunFam": "G3DSA:1.10.510.10:FF:000571",
    "NCBIfam": "NF012345",
    "PRINTS": "PR00109",
    "HAMAP": "MF_01815",
    "PIRSF": "PIRSF001434",
    "SFLD": "SFLDF00300",
    "AntiFam": "ANF00001",
    "ProDom": "PD000001",
}


@pytest.mark.parametrize("database", EXAMPLES)
def test_an_identifier_tells_its_database(database: str) -> None:
    assert database_of(EXAMPLES[database]) == database
    assert database_of(EXAMPLES[database].lower()) == database


def test_every_database_of_families_has_an_identifier_that_tells_it() -> None:
    assert {spellings[0] for spellings in _DATABASES} == set(_IDENTIFIERS.values()) == set(EXAMPLES)


def test_words_and_identifiers_that_are_none_are_not_guessed_at() -> None:
    assert [database_word(text) for text in ("GO", "DisProt", "", "Pfam-A")] == [None] * 4
    assert [database_of(text) for text in ("PF0069", "PF000690", "1.10", "P0DP23", "")] == [None] * 5
    assert (family_word("G3DSA:1.10.238.10"), database_word("prositeprofiles")) == ("1.10.238.10", "PROSITE")
