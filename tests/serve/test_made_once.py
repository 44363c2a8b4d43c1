"""What is made once: an error is told before it is tried again, and a value is kept."""

from types import SimpleNamespace
from typing import cast

import pytest

from attlas.serve import made_once
from attlas.serve.current_atlas import Edition
from attlas.serve.made_once import MadeOnce

pytestmark = pytest.mark.slow


def test_an_error_is_told_to_who_looks_again_and_later_it_is_tried_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    edition = cast("Edition", SimpleNamespace(digest="a"))
    attempts: list[Edition] = []

    def make(edition: Edition) -> str:
        attempts.append(edition)
        if len(attempts) == 1:
            raise ValueError("no figure")
        return "report"

    report = MadeOnce(make)
    for _ in range(3):
        with pytest.raises(ValueError, match="no figure"):
            report.begin(edition).result(10)
    assert len(attempts) == 1

    monkeypatch.setattr(made_once, "ERROR_S", -1.0)
    assert [report.begin(edition).result(10) for _ in range(2)] == ["report", "report"]
    assert len(attempts) == 2


def test_a_value_is_discarded_two_editions_later() -> None:
    discarded: list[str] = []
    report = MadeOnce(lambda edition: f"report of {edition.digest}", discard=discarded.append)
    for digest, expected in (("a", []), ("b", []), ("c", ["report of a"]), ("d", ["report of a", "report of b"])):
        edition = cast("Edition", SimpleNamespace(digest=digest))
        assert [report.begin(edition).result(10) for _ in range(2)] == [f"report of {digest}"] * 2
        assert discarded == expected
