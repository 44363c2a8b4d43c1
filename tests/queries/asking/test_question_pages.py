"""The pages of questions: in step with their files, a section and an answer for each, and those of the demo."""

import re
from pathlib import Path

import pytest
from helpers.building import build_here

from attlas.queries import Atlas
from attlas.queries.asking.page import ANSWER, main, page_name, pages
from attlas.queries.asking.question import TOPICS
from attlas.queries.asking.questions import questions

ROOT = Path(__file__).resolve().parents[3]


PAGES = ROOT / "docs" / "questions"
"""Written by `queries/asking/page.py`, with the answers of the demo."""


def without_answers(text: str) -> str:
    """Return a page without the answers of the demo atlas, which the files of the questions do not determine."""
    lines, is_answer = [], False
    for line in text.split("\n"):
        is_answer = is_answer or line == ANSWER
        if not is_answer:
            lines.append(line)
        elif line == "```":
            is_answer = False
    return "\n".join(lines)


def test_the_pages_are_in_step_with_the_questions() -> None:
    texts = {path.name: without_answers(path.read_text()) for path in PAGES.glob("*.md")}
    assert texts == pages(None), "see the first lines of docs/questions/index.md for how to renew them"


def test_there_is_a_page_for_each_topic_with_a_section_for_each_question_and_every_link_leads_somewhere() -> None:
    texts = pages(None)
    assert list(texts) == ["index.md", *map(page_name, TOPICS), "functions.md"]
    for topic in TOPICS:
        headings = re.findall("^## (.+)$", texts[page_name(topic)], re.MULTILINE)
        assert headings == [question.name for question in questions() if question.topic == topic]
    for text in texts.values():
        for name, anchor in re.findall(r"\]\(([\w-]+\.md)#?(\w*)\)", text):
            target = texts[name]
            assert not anchor or f"## {anchor}\n" in target or f'<a id="{anchor}">' in target


def test_the_pages_are_written_into_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--write", str(tmp_path / "docs" / "questions")])
    written = {path.name: path.read_text() for path in (tmp_path / "docs" / "questions").iterdir()}
    assert written == pages(None)
    assert capsys.readouterr().out == ""
    main([])
    assert capsys.readouterr().out == "\n".join(pages(None).values())


def test_the_pages_have_an_answer_to_every_question() -> None:
    written = {path.name: path.read_text() for path in PAGES.glob("*.md")}
    assert written
    for topic in TOPICS:
        sections = re.split(r"^## ", written[page_name(topic)], flags=re.MULTILINE)[1:]
        needy = {question.name for question in questions() if question.needs}
        for section in sections:
            if section.splitlines()[0] in needy:
                assert "\nNeeds `" in section
                continue
            (answer,) = re.findall(r"^```text\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
            assert len(answer.splitlines()) >= 2


def test_the_answers_on_the_page_are_those_of_the_demo(
    is_thorough: bool, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_thorough:
        pytest.skip("builds the demo atlas again: --thorough")
    monkeypatch.chdir(ROOT)
    build_here("examples/proteins.fasta", tmp_path / "demo", weights)
    with Atlas.open(tmp_path / "demo") as demo:
        built = [section for text in pages(demo).values() for section in re.split("^## ", text, flags=re.MULTILINE)]
    written_pages = [(PAGES / name).read_text() for name in pages(None)]
    written = [section for text in written_pages for section in re.split("^## ", text, flags=re.MULTILINE)]
    differing = [a.splitlines()[0] for a, b in zip(built, written, strict=True) if a != b]
    # One has the time; a pair at 0.3 to the last bit is an edge with one number of threads and none with another.
    assert set(differing) <= {"provenance", "edge_heads"}
