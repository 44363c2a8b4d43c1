"""Hits of a search: which protein is meant."""

import pytest

from attlas.queries.lookup.hits import Hit, Search, choose_protein


@pytest.mark.parametrize(
    ("fits", "meant"),
    [
        ([], None),
        (["gene"], 0),
        (["gene", "gene"], None),
        (["gene", "whole name", "words"], 0),
        (["words"], 0),
        (["words", "parts of words"], 0),
        (["whole name", "words"], None),
        (["parts of words"], None),
    ],
)
def test_one_protein_is_meant_by_an_identifier_or_by_words_that_no_other_has(
    fits: list[str], meant: int | None
) -> None:
    hits = tuple(Hit(i, f"P{i}", "", "", "", "", fit) for i, fit in enumerate(fits))
    assert choose_protein(Search(hits)) == (None if meant is None else hits[meant])
