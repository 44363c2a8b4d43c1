"""What the README and the site tell is true: commands run and print what stands below them, Python runs, links lead.

A document's blocks are run in order, the README's in one folder, all pages of the site in another, as a reader would.
What a test cannot have is replaced by name (`helpers/documents.py`): the hub, a proteome of one's own, a GPU.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main
from helpers.documents import (
    LONG_LANGUAGES,
    NEEDS_A_CLUSTER,
    NEEDS_THE_HUB,
    ROOT,
    Block,
    Command,
    TableRow,
    blocks,
    commands,
    difference,
    documents,
    long_commands,
    printed_lines,
    reader_environment,
    reader_folder,
    run,
    table_rows,
)
from helpers.preloaded import open_commands
from typer._click.exceptions import UsageError

from attlas.cli.exporting import PAIR_MATRICES
from attlas.cli.main import app
from attlas.queries.asking.parameters import make_singular
from attlas.queries.asking.questions import question_named, questions
from attlas.queries.exports.catalogue import EXPORTS
from attlas.schema import TABLES, QuestionError

pytestmark = pytest.mark.slow

DOCUMENTS = documents()
EVERY_BLOCK = [block for document in DOCUMENTS for block in blocks(document)]
LONG_BLOCKS = [block for block in EVERY_BLOCK if block.language in LONG_LANGUAGES and [*long_commands(block)]]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
README_WORDS = 1_200
COUNTS_IN_WORDS = {31: "Thirty-one", 32: "Thirty-two", 33: "Thirty-three", 34: "Thirty-four"}
"""At the beginning of a sentence."""


def as_case(block: Block) -> object:
    """Return a block as a test case, by `--thorough`: all take minutes, the README's half of one."""
    return pytest.param(block, id=f"{block.document}:{block.line}", marks=pytest.mark.thorough)


@dataclass(frozen=True)
class Reader:
    """A reader of documents."""

    folder: Path
    commands: Path
    """Folder of the command `attlas`, which need not import (`helpers/preloaded.py`)."""


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory, weights: Path, tiny_esm: Path) -> Iterator[dict[str, Reader]]:
    """Return the reader of each document: one of the README, another of all pages of the site."""
    with ExitStack() as stack:
        reader_list = []
        for name in ("readme", "site"):
            folder = reader_folder(tmp_path_factory.mktemp(name), weights, tiny_esm)
            commands = tmp_path_factory.mktemp("bin")
            reader_list.append(Reader(folder, stack.enter_context(open_commands(commands, reader_environment(folder)))))
        yield {document: reader_list[document != "README.md"] for document in DOCUMENTS}


@pytest.mark.parametrize("block", [as_case(block) for block in EVERY_BLOCK if block.language in ("console", "python")])
def test_a_block_runs_and_prints_what_it_says(block: Block, readers: dict[str, Reader]) -> None:
    folder = readers[block.document].folder
    if block.language == "python":
        (folder / "block.py").write_text(block.text)
        result = run("python -W error block.py", folder)
        assert result.returncode == 0, result.stderr
        return

    for command in commands(block):
        if command.text.startswith(NEEDS_A_CLUSTER):
            assert [name for name in re.findall(r"examples/\S+", command.text) if not (ROOT / name).exists()] == []
            continue
        result = run(command.text, folder, commands=readers[block.document].commands)
        if command.text.startswith(NEEDS_THE_HUB):
            assert (result.returncode, "could not be fetched" in result.stderr) == (1, True), result.stderr
            continue
        assert result.returncode == 0, f"$ {command.text}\n{result.stderr}"

        # Progress and notes go to stderr; a terminal shows both, and a document may show the answer alone.
        whole, answer = printed_lines(result), result.stdout.splitlines()
        differs = difference(command.told, whole) and difference(command.told, answer)
        assert differs is None, f"renew it: make pages\n$ {command.text}\n{differs}\n---\n" + "\n".join(whole)


def test_every_block_of_commands_is_run_or_read() -> None:
    blocks_of_commands = [block for block in EVERY_BLOCK if re.search(r"^(\$ )?attlas ", block.text, re.MULTILINE)]
    assert {block.language for block in blocks_of_commands} <= {"console", *LONG_LANGUAGES}


@pytest.mark.parametrize("block", [pytest.param(block, id=f"{block.document}:{block.line}") for block in LONG_BLOCKS])
def test_the_command_line_knows_the_words_of_a_block_that_takes_long(block: Block) -> None:
    assert [name for name in re.findall(r"examples/\w[\w./]*", block.text) if not (ROOT / name).exists()] == []
    for line in long_commands(block):
        check_words(line)


@pytest.mark.parametrize(
    "line",
    [
        "attlas seek DIR",
        "attlas annotate",
        "attlas show DIR P1 --bogus",
        "attlas ask DIR no_such_question",
        "attlas ask DIR sites_of bogus=1",
        "attlas export DIR no-such-format",
    ],
)
def test_a_line_of_unknown_words_is_refused(line: str) -> None:
    with pytest.raises((KeyError, AssertionError, QuestionError, UsageError)):
        check_words(line)


def check_words(line: str) -> None:
    """Read a command line as `attlas` does, without running it; raise where a word of it is not known."""
    line = re.sub(r"\$\([^)]*\)", "", re.sub(r'"\$\([^)]*\)"', "VALUE", line))  # what the shell would put there
    _, verb, *words = shlex.split(re.split(r" [|>] ", line)[0])
    command = COMMANDS[verb]
    while hasattr(command, "commands"):  # `evaluate sites`
        command, words = command.commands[words[0]], words[1:]
    values = command.make_context(verb, words).params

    if verb == "ask" and values["question"]:
        parameters = question_named(values["question"]).parameters
        names = {text.partition("=")[0] for text in values["parameters"] or []}
        assert {*map(make_singular, names)} <= {make_singular(parameter.name) for parameter in parameters}
    if verb == "export":
        assert values["format"] in {None, PAIR_MATRICES, *EXPORTS}


COMING_FROM = "docs/coming-from.md"
COMING_FROM_ROWS = list(table_rows(COMING_FROM))


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{COMING_FROM}:{row.line}") for row in COMING_FROM_ROWS])
def test_the_command_line_knows_the_words_of_a_table_row(row: TableRow) -> None:
    verbs = {line.split()[1] for other in COMING_FROM_ROWS for line in other.code if line.startswith("attlas ")}
    check_row(row, verbs)


def test_the_tables_of_commands_are_read() -> None:
    code = [text for row in COMING_FROM_ROWS for text in row.code]
    assert sum(text.startswith("attlas ") for text in code) >= 20
    assert {"--with-ends", "blosum_correlation", "pymol-links"} <= set(code)


@pytest.mark.parametrize(
    "code", [("attlas seek",), ("attlas ask DIR no_such_question",), ("--bogus",), ("attlas links DIR", "no_such_name")]
)
def test_a_row_of_unknown_words_is_refused(code: tuple[str, ...]) -> None:
    with pytest.raises((KeyError, AssertionError, QuestionError, UsageError)):
        check_row(TableRow(1, code), {"ask"})


def check_row(row: TableRow, verbs: set[str]) -> None:
    """Check the code of a row: commands, options of any of the verbs, and names of questions, formats and tables."""
    options = {option for verb in verbs for parameter in COMMANDS[verb].params for option in parameter.opts}
    names = {question.name for question in questions()} | EXPORTS.keys() | {table.name for table in TABLES}
    for text in row.code:
        if text.startswith("attlas ") and len(text.split()) == 2:  # a verb alone
            assert text.split()[1] in COMMANDS
        elif text.startswith("attlas "):
            check_words(text)
        elif text.startswith("-"):
            assert {word for word in text.split() if word.startswith("-")} <= options
        elif re.fullmatch(r"[a-z]+([_-][a-z]+)+", text):
            assert text in names


@pytest.mark.parametrize("document", [*DOCUMENTS, "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md"])
def test_every_link_to_a_file_leads_there(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("document", ["README.md", "docs/python.md"])
def test_what_to_pandas_needs_is_told_where_it_is_first_called(document: str) -> None:
    # Arrow's own method is called, whose error names the module and no more.
    lines = (ROOT / document).read_text().splitlines()
    begin = next(i for i, line in enumerate(lines) if ".to_pandas()" in line)
    assert "pip install pandas" in "\n".join(lines[begin : begin + 4])


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= README_WORDS


def test_the_readme_and_the_changelog_count_questions_and_formats_right() -> None:
    readme, changelog = ((ROOT / name).read_text() for name in ("README.md", "CHANGELOG.md"))
    counts = f"{len(questions())} questions with names, {len(EXPORTS)} formats of export"
    assert re.findall(r"\d+ questions with names, \d+ formats of export", changelog) == [counts]
    assert re.findall(r"have names, (\d+) of them", readme) == [str(len(questions()))]
    assert re.findall(r"([A-Z]\S+) formats:", readme) == [COUNTS_IN_WORDS[len(EXPORTS)]]


EVERY_PAGE = "".join((ROOT / document).read_text() for document in DOCUMENTS)


def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    command = [sys.executable, "-m", "typer", "attlas.cli.main", "utils", "docs", "--name", "attlas"]
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "commands.md").read_text().strip() == page.strip(), "renew it: make pages"


def test_the_list_of_commands_cuts_no_sentence_short() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "attlas.cli.main", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert "..." not in done.stdout.partition("Commands:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_what_each_of_its_options_is_for(name: str) -> None:
    command = COMMANDS[name]
    assert len(command.help) > 20
    assert [option.name for option in command.params if not getattr(option, "help", None)] == []
    assert f"attlas {name}" in EVERY_PAGE


def test_the_commands_and_their_output_are_told_apart() -> None:
    block = Block("x", 1, "console", '$ attlas sql a "SELECT 1\n  AS x"\nx\n─\n1\n$ attlas show a\n')
    assert [*commands(block)] == [
        Command('attlas sql a "SELECT 1\n  AS x"', ("x", "─", "1")),
        Command("attlas show a", ()),
    ]


@pytest.mark.parametrize(
    ("told", "printed", "is_right"),
    [
        (("a 22.87",), ["a 22.90"], True),
        (("a 22.87",), ["a 24.0"], False),
        (("a 1", "..."), ["a 1", "b", "c"], True),
        (("...", "c"), ["a", "b", "c"], True),
        (("...", "d"), ["a", "b", "c"], False),
        (("a", "b"), ["a"], False),
    ],
)
def test_output_is_compared_word_by_word_and_number_by_number(
    told: tuple[str, ...], printed: list[str], is_right: bool
) -> None:
    assert (difference(told, printed) is None) is is_right
