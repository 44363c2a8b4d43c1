"""The questions: their list by topic, and a page for each with a form made from its header. Pure."""

import json
from collections.abc import Iterator, Mapping
from html import escape

from attlas.queries.asking.parameters import TYPES, Parameter, make_singular
from attlas.queries.asking.question import TOPICS, Question, missing_tables
from attlas.queries.asking.questions import questions
from attlas.schema import TABLES, Manifest
from attlas.serve.pages.layout import Frame, page, prose, show
from attlas.serve.pages.results import results_html

LONG_TYPES = ("alignment",)
"""Types of values that take many lines."""
INPUT_MODES = {"int": "numeric", "float": "decimal"}


def questions_page(frame: Frame, manifest: Manifest) -> str:
    """Return the list of questions."""
    return page(frame, "Questions", _list_body(manifest), place="/questions")


def question_page(frame: Frame, question: Question, manifest: Manifest, values: Mapping[str, str], place: str) -> str:
    """Return the page of a question. `values` are those of the address; `place` is the atlas, for the command line."""
    body = _question_body(question, manifest, values, place)
    return page(frame, question.title, body, place="/questions")


def _list_body(manifest: Manifest) -> Iterator[str]:
    yield "<h1>Questions</h1>"
    yield "<p>Each is one SELECT with its source; the answer is a table. What this atlas lacks is marked.</p>"

    for topic in TOPICS:
        yield f'<section><h2 id="{show(topic.replace(" ", "-"))}">{show(topic)}</h2><dl class="questions">'
        for question in questions():
            if question.topic == topic:
                missing = missing_tables(question, manifest)
                note = f' <span class="missing">needs {show(question.command)}</span>' if missing else ""
                yield (
                    f'<dt><a href="/questions/{question.name}">{show(question.title)}</a>{note}</dt>'
                    f"<dd>{prose(question.answers)}</dd>"
                )
        yield "</dl></section>"


def _question_body(question: Question, manifest: Manifest, values: Mapping[str, str], place: str) -> Iterator[str]:
    yield f'<p class="crumbs"><a href="/questions">Questions</a> · {show(question.topic)}</p>'
    yield f"<h1>{show(question.title)}</h1><p>{prose(question.answers)}</p>"

    if missing_tables(question, manifest):
        yield (
            f'<p class="missing">This atlas has no rows of {show(" and ".join(question.needs))}: '
            f"<code>{show(question.command)}</code> adds them.</p>"
        )
    else:
        yield _form(question, values, place)
        yield results_html()

    yield "<h2>How it is answered</h2>"
    yield f"<p>One row per {show(', '.join(question.grain))}. Source: {prose(question.source)}</p>"
    if question.columns:
        yield (
            "<dl>"
            + "".join(f"<dt><code>{show(n)}</code></dt><dd>{prose(d)}</dd>" for n, d in question.columns)
            + "</dl>"
        )
    yield f"<details><summary>SQL</summary><pre><code>{escape(question.sql)}</code></pre></details>"


def _form(question: Question, values: Mapping[str, str], place: str) -> str:
    """Return the form: its fields by the parameters, and what the script needs to ask and to label the answer."""
    # As everywhere, `protein=` stands for `proteins=` and the reverse.
    by_singular = {make_singular(name): value for name, value in values.items()}
    values = {p.name: by_singular[key] for p in question.parameters if (key := make_singular(p.name)) in by_singular}
    fields = "".join(_field(parameter, values.get(parameter.name)) for parameter in question.parameters)
    is_ready = all(not parameter.is_required or parameter.name in values for parameter in question.parameters)
    attributes = {
        "data-question": question.name,
        "data-place": place,
        "data-docs": json.dumps(_docs(question)),
        "data-ready": "yes" if is_ready else "no",
        "data-long": " ".join(p.name for p in question.parameters if p.type in LONG_TYPES),
    }

    words = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())

    # Without scripts the answer comes as JSON.
    return (
        f'<form class="ask" action="/api/v1/questions/{question.name}"{words}>{fields}'
        '<p class="buttons"><button class="main">Ask</button></p></form>'
    )


def _docs(question: Question) -> dict[str, str]:
    """Return the meaning of every column that may be in the answer."""
    names = [table for table in TABLES if table.name in question.whole_sql]
    return {column.name: column.doc for table in names for column in table.columns} | dict(question.columns)


def _field(parameter: Parameter, value: str | None) -> str:
    name, text = show(parameter.name), show(parameter.default or "" if value is None else value)
    required = " required" if parameter.is_required else ""
    described = (
        f'id="{name}" name="{name}" aria-describedby="{name}-help" data-default="{show(parameter.default or "")}"'
    )

    if parameter.choices:
        options = "".join(
            f"<option{' selected' if show(choice) == text else ''}>{show(choice)}</option>"
            for choice in parameter.choices
        )
        control = f"<select {described}>{options}</select>"
    elif parameter.type in LONG_TYPES:
        control = f'<textarea {described} rows="6" spellcheck="false"{required}>{text}</textarea>'
    else:
        mode = f' inputmode="{INPUT_MODES[parameter.type]}"' if parameter.type in INPUT_MODES else ""
        control = f'<input {described} value="{text}" autocomplete="off" spellcheck="false"{mode}{required}>'

    kind = (
        "aligned sequences, as FASTA, Stockholm or Clustal" if parameter.type in LONG_TYPES else TYPES[parameter.type]
    )
    kind = kind.replace(", or @FILE with one per line", "")
    limits = f", {parameter.range}" if parameter.range else ""
    return (
        f'<div class="field"><label for="{name}">{name}</label>{control}'
        f'<p id="{name}-help">{prose(parameter.doc)} <span>{show(kind)}{show(limits)}</span></p></div>'
    )
