"""What is stated of a release: texts that can be printed, and the ways to its URL."""

import pytest

from attlas.queries.release import Statement
from attlas.schema import InputError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"title": " "}, "a line of text"),
        ({"citation": "two\nlines"}, "a line of text"),
        ({"creators": ("fine", "\x1b[31m")}, "a line of text"),
        ({"url": "ftp://x"}, "no URL of a release"),
        ({"url": "hf://models/x"}, "no URL of a release"),
    ],
)
def test_a_statement_that_cannot_be_printed_is_refused(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Statement(**values)


@pytest.mark.parametrize(
    ("url", "web", "hub"),
    [
        (None, None, None),
        ("https://example.org/a/", "https://example.org/a", None),
        ("hf://datasets/org/name", "https://huggingface.co/datasets/org/name/resolve/main", "org/name"),
        ("hf://datasets/org/name/v1/", "https://huggingface.co/datasets/org/name/resolve/main/v1", "org/name"),
        (
            "https://huggingface.co/datasets/org/name/resolve/main",
            "https://huggingface.co/datasets/org/name/resolve/main",
            "org/name",
        ),
    ],
)
def test_the_ways_to_a_url_follow_from_it(url: str | None, web: str | None, hub: str | None) -> None:
    statement = Statement(url=url)
    assert (statement.web_url, statement.hub_name) == (web, hub)
