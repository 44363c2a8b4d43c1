"""Pages of an answer: they end before they are too large."""

import json

import pytest

from attlas.assistant.answers import MOST_ROW_BYTES, cut_page

pytestmark = pytest.mark.slow


def test_an_answer_ends_before_it_is_too_large() -> None:
    rows = [["x" * 900]] * 200
    page = cut_page(["text"], rows, offset=0, limit=200)
    assert 50 < len(page.rows) < 60
    assert (page.next_offset, page.n_total) == (len(page.rows), None)
    assert len(json.dumps(page.rows)) <= MOST_ROW_BYTES + 10 * len(page.rows)
