"""What the README and the manual tell is true: commands run and print what stands below them, Python runs, links lead.

A document's blocks are run in order, in one folder, as a reader would. What a test cannot have is replaced by name:
the hub (a tiny model stands in its cache), a proteome of one's own, a GPU.
"""

import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from attlas.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "docs/manual.md")
STAND_INS = {"--device cuda": "--device cpu", "--shards 17-32": "--shards 1-2", "/models/esm2_650M": "models/esm2_650M"}
"""What is typed, and what a machine without a GPU and with a small proteome runs for it."""
FAILS_OFFLINE = "attlas fetch "
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")
IN_BETWEEN = re.compile(r"residues/s, .* left$")
"""Progress before the end: how often it is said depends on the machine."""
TOLERANCE = 0.02
"""Last bits differ between machines; a number in a document is the same number when it is this near, relatively."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: str
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command of a console block and the output told for it."""

    text: str
    told: tuple[str, ...]


def blocks(document: str) -> list[Block]:
    text = (ROOT / document).read_text()
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(document, text.count("\n", 0, match.start()) + 1, match[1], match[2]) for match in found]


def commands(block: Block) -> Iterator[Command]:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        # A command goes on while a quote is open, or after a backslash.
        n = 1
        while lines[n - 1].endswith("\\") or "\n".join(lines[:n]).count('"') % 2:
            n += 1
        yield Command("\n".join(lines[:n]), tuple(lines[n:]))


README_AND_MANUAL = "".join((ROOT / document).read_text() for document in DOCUMENTS)
EVERY_BLOCK = [block for document in DOCUMENTS for block in blocks(document)]


@pytest.fixture(scope="module")
def workplaces(tmp_path_factory: pytest.TempPathFactory, weights: Path, tiny_esm: Path) -> dict[str, Path]:
    """Return a folder per document, as the reader of a clone has it, with the stand-ins."""
    return {document: _workplace(tmp_path_factory.mktemp("reader"), weights, tiny_esm) for document in DOCUMENTS}


def _workplace(folder: Path, weights: Path, tiny_esm: Path) -> Path:
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / ".cache" / "models").mkdir(parents=True)
    (folder / ".cache" / "models" / weights.name).symlink_to(weights)
    (folder / "models").mkdir()
    (folder / "models" / "esm2_650M").symlink_to(tiny_esm)
    snapshot = "hub/models--facebook--esm2_t33_650M_UR50D"
    shutil.copytree(tiny_esm, folder / "hf" / snapshot / "snapshots" / "0123456789abcdef")
    (folder / "hf" / snapshot / "refs").mkdir()
    (folder / "hf" / snapshot / "refs" / "main").write_text("0123456789abcdef")
    records = (ROOT / "tests" / "data" / "human200.fasta").read_text().split(">")[1:9]
    with gzip.open(folder / "proteome.fasta.gz", "wt") as proteome:
        proteome.writelines(f">{record}" for record in records)
    return folder


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    for typed, instead in STAND_INS.items():
        command = command.replace(typed, instead)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": "80",
        "HOME": str(folder),
    }
    run = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert "Traceback" not in run.stderr, run.stderr
    return run


def _differs(told: tuple[str, ...], printed: list[str]) -> str | None:
    """Return the first told line that was not printed, in order; a line `...` stands for any number of lines."""
    rest = iter(printed)
    anywhere = False
    for line in told:
        if line.strip() in ("...", "…"):
            anywhere = True
            continue
        found = next((other for other in rest if _is_same(line, other)), None) if anywhere else next(rest, None)
        if found is None or not _is_same(line, found):
            return f"told:    {line}\nprinted: {found}"
        anywhere = False
    return None


def _is_same(told: str, printed: str) -> bool:
    """Compare two lines: words exactly, numbers nearly, and no number of a line about speed at all."""
    if NUMBER.sub("#", told).split() != NUMBER.sub("#", printed).split():
        return False
    if "residues/s" in told:
        return True
    pairs = zip(map(_value, NUMBER.findall(told)), map(_value, NUMBER.findall(printed)), strict=True)
    return all(abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) for a, b in pairs)


def _value(number: str) -> float:
    return float(number.replace(",", "").rstrip("."))


@pytest.mark.parametrize(
    "block", [block for block in EVERY_BLOCK if block.language in ("console", "python")],
    ids=lambda block: f"{block.document}:{block.line}",
)  # fmt: skip
def test_a_block_runs_and_prints_what_it_says(block: Block, workplaces: dict[str, Path]) -> None:
    folder = workplaces[block.document]
    if block.language == "python":
        (folder / "block.py").write_text(block.text)
        done = _run("python -W error block.py", folder)
        assert done.returncode == 0, done.stderr
        return
    for command in commands(block):
        done = _run(command.text, folder)
        if command.text.startswith(FAILS_OFFLINE):
            assert (done.returncode, "could not be fetched" in done.stderr) == (1, True), done.stderr
            continue
        assert done.returncode == 0, f"$ {command.text}\n{done.stderr}"
        # Progress and notes go to stderr; a terminal shows both, and so do the documents.
        said = [line for line in done.stderr.splitlines() if not IN_BETWEEN.search(line)]
        printed = [*said, *done.stdout.splitlines()]
        differs = _differs(command.told, printed) and _differs(command.told, done.stdout.splitlines())
        assert differs is None, f"$ {command.text}\n{differs}\n---\n" + "\n".join(printed)


@pytest.mark.parametrize("document", [*DOCUMENTS, "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md"])
def test_every_link_to_a_file_leads_there(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    command = [sys.executable, "-m", "typer", "attlas.cli.main", "utils", "docs", "--name", "attlas"]
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "commands.md").read_text().strip() == page.strip(), "renew it: make docs"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_what_each_of_its_options_is_for(name: str) -> None:
    command = COMMANDS[name]
    assert len(command.help) > 20
    assert [option.name for option in command.params if not getattr(option, "help", None)] == []
    assert name in README_AND_MANUAL


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
    assert (_differs(told, printed) is None) is is_right
