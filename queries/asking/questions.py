"""The questions of attlas by name, one SELECT per file of `sql/TOPIC/`, and what `attlas ask` prints of them."""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from attlas.queries.asking.parameters import TYPES
from attlas.queries.asking.question import TOPICS, Question
from attlas.queries.asking.question_file import read_question
from attlas.queries.text import Layout
from attlas.schema import QuestionError

FOLDER = Path(__file__).parents[1] / "sql"
"""Folder of the questions of attlas, with a folder for each topic."""


def questions() -> tuple[Question, ...]:
    """Return every question, by topic and name."""
    return tuple(sorted(_by_name().values(), key=lambda q: (TOPICS.index(q.topic), q.name)))


def question_named(name: str) -> Question:
    """Return a question.

    Raises:
        QuestionError: there is none of that name; names those like it.
    """
    question = _by_name().get(name.replace("-", "_").lower())
    if question is not None:
        return question

    close = get_close_matches(name.lower(), _by_name(), cutoff=0.5)
    hint = f"do you mean {', '.join(close)}? " if close else ""
    raise QuestionError(f"There is no question {name!r}.", hint=f"{hint}`attlas ask DIR` lists them all")


def list_lines() -> Iterator[str]:
    """Yield every question with its title, by topic."""
    width = max(len(question.name) for question in questions())
    for topic in TOPICS:
        yield topic
        yield from (f"  {q.name:<{width}}  {q.title}" for q in questions() if q.topic == topic)
        yield ""
    yield "`attlas ask DIR NAME --describe` tells more of one; `attlas ask DIR NAME PARAMETER=VALUE` asks it."


def describe_lines(question: Question) -> Iterator[str]:
    """Yield the description of a question: its answer, parameters, own columns, grain and source."""
    yield f"{question.name}: {question.title}"
    yield question.answers
    yield ""
    yield f"attlas ask DIR {question.usage}"
    if question.needs:
        yield f"needs {', '.join(question.needs)}: `{question.command}` first"
    if question.example:
        yield f"for example: attlas ask demo-atlas {question.name} {question.example}"

    if question.parameters:
        yield ""
        rows = [(p.name, p.type, p.range, "" if p.is_required else p.default, p.doc) for p in question.parameters]
        yield from Layout.of(("parameter", "type", "range", "default", "what it says"), rows).lines(rows)
        yield ""
        yield from (f"{kind}: {TYPES[kind]}" for kind in dict.fromkeys(p.type for p in question.parameters))

    if question.columns:
        yield ""
        yield from Layout.of(("column", "what it says"), question.columns).lines(question.columns)

    yield ""
    yield f"one row per: {', '.join(question.grain)}"
    if question.decomposes:
        yield "can be asked of parts of an atlas at once: --workers N"
    yield f"source: {question.source}"
    if question.functions:
        yield ""
        calls = [(function.call, function.returns) for function in question.functions]
        yield from Layout.of(("function", "what it returns"), calls).lines(calls)


@cache
def _by_name() -> dict[str, Question]:
    """Return every question by its name.

    Raises:
        QuestionError: a file cannot be read, or its topic is none of `TOPICS`.
    """
    by_name = {path.stem: read_question(path) for path in sorted(FOLDER.glob("*/*.sql"))}
    if unlisted := [f"{name}: {question.topic}" for name, question in by_name.items() if question.topic not in TOPICS]:
        raise QuestionError("Questions have an unknown topic.", expected=", ".join(TOPICS), offenders=unlisted)
    return by_name
