"""Records that no tool can have written: each is told apart, and the others are replayed."""

import json
from pathlib import Path
from typing import Any

import pytest

from attlas.assistant.replaying import read_answers, replay_answers
from attlas.assistant.tools import call_tool
from attlas.queries import Atlas

pytestmark = pytest.mark.slow

NESTED_LEVELS = 5_000


@pytest.fixture
def answer(atlas: Atlas) -> dict[str, Any]:
    """Return an answer that agrees."""
    return call_tool(atlas, "sql", {"query": "SELECT 1.5 AS n"}, timeout_s=20)


@pytest.mark.parametrize(
    ("name", "text"), [("rows", "[[1e999]]"), ("arguments", '{"query":1e999}'), ("rows", '[[{"a":[-1e999]}]]')]
)
def test_a_number_beyond_floats_is_no_answer_and_the_next_one_is_replayed(
    atlas: Atlas, answer: dict[str, Any], tmp_path: Path, name: str, text: str
) -> None:
    record = json.dumps(answer | {name: "CHANGED"}).replace('"CHANGED"', text)
    (tmp_path / "a.jsonl").write_text(f"{record}\n{json.dumps(answer)}\n")

    replays = list(replay_answers(atlas, read_answers(tmp_path / "a.jsonl"), timeout_s=20))
    assert [done.outcome for done in replays] == ["cannot be replayed", "agrees"]
    assert replays[0].reason == "it has a number that is too large for JSON"


@pytest.mark.parametrize("name", ["rows", "arguments", "tool"])
def test_values_nested_too_deeply_are_no_answer_and_the_next_one_is_replayed(
    atlas: Atlas, answer: dict[str, Any], name: str
) -> None:
    nested: list[Any] = []
    for _ in range(NESTED_LEVELS):
        nested = [nested]
    changed = {"rows": [nested], "arguments": {"query": nested}, "tool": nested}[name]

    replays = list(replay_answers(atlas, [answer | {name: changed}, answer], timeout_s=20))
    assert [done.outcome for done in replays] == ["cannot be replayed", "agrees"]
    assert replays[0].reason == "its values are nested too deeply"
