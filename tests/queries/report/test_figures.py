"""Figures of the report: names of their files, and numbers as captions write them; no atlas."""

import re

import pytest
from helpers.report_case import HOSTILE

from attlas.queries.report.figures import make_slug, make_slugs, spell


def test_names_of_files_are_plain_and_differ() -> None:
    assert make_slug("Beta strand") == "beta-strand"
    assert re.fullmatch(r"[a-z0-9-]+", make_slug(HOSTILE))
    assert make_slug("§§§") == "label"
    names = make_slugs(["a b", "a-b", "A B", "§", "%"])
    assert len(set(names)) == 5


@pytest.mark.parametrize("texts", [["x-3", "x", "x!"], ["x", "x!", "x-2", "x-2!"], ["§"] * 4, ["a" * 70, "a" * 71]])
def test_a_number_that_tells_slugs_apart_is_no_slug_of_another(texts: list[str]) -> None:
    names = make_slugs(texts)
    assert len(set(names)) == len(texts)
    assert names[0] == make_slug(texts[0])


@pytest.mark.parametrize("value", [0.3, 1, 1234567, 0.0001234, 2.0, 12345.5])
def test_a_number_is_written_with_every_digit_of_the_row(value: float) -> None:
    assert float(spell(value).replace(",", "")) == value
