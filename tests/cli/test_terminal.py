"""Every verb on a terminal: no text of an atlas, of a file or of the command line is executed as a code."""

import os
import pty
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.annotated import annotate, annotate_at_random
from helpers.building import build_command
from helpers.handmade import HAND, hand, write_handmade
from rich.console import Console
from rich.progress import Progress

from attlas.cli.main import app, main
from attlas.cli.progress import say
from attlas.cli.terminal import guard_terminals, unguarded
from attlas.schema import AtlasPaths

EVIL = "\x1b[31mEVIL\x1b]0;title\x07\x9b5m\u202e"
COLOURS_OF_CARDS = re.compile(rb"\x1b\[(0|1|2|1;33)m")
CODE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]")
"""Control characters, C0 but the ends of lines and C1, and those that turn the direction of text."""
VERBS = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
OnTerminal = Callable[..., bytes]


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> OnTerminal:
    """Return a function that runs another with stdout and stderr on a terminal, and returns the bytes printed to it."""

    def run(call: Callable[[], object]) -> bytes:
        reading_end, writing_end = pty.openpty()
        pieces: list[bytes] = []
        reader = threading.Thread(target=_read_to_end, args=(reading_end, pieces))
        reader.start()
        with monkeypatch.context() as patch:
            for name in ("stdout", "stderr"):
                patch.setattr(sys, name, os.fdopen(os.dup(writing_end), "w", buffering=1, encoding="utf-8"))
            os.close(writing_end)
            streams = [sys.stdout, sys.stderr]
            try:
                call()
            except SystemExit:
                pass
            finally:
                for stream in (sys.stdout, sys.stderr, *streams):
                    stream.flush()
                for stream in streams:
                    stream.close()
        reader.join(timeout=10)
        os.close(reading_end)
        return b"".join(pieces)

    return run


def _read_to_end(terminal: int, pieces: list[bytes]) -> None:
    try:
        while piece := os.read(terminal, 1 << 16):
            pieces.append(piece)
    except OSError:  # the other end is closed
        return


@pytest.fixture
def printed(on_terminal: OnTerminal, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    """Return a function that returns the bytes that the command `attlas` prints to a terminal."""

    def run(*words: object) -> bytes:
        monkeypatch.setattr(sys, "argv", ["attlas", *map(str, words)])
        return on_terminal(main)

    return run


@pytest.fixture(scope="module")
def evil_atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an atlas with codes in every text that it has, and beside it files to add or to compare."""
    root = tmp_path_factory.mktemp("evil") / "atlas"
    names = {"organism": f"Homo {EVIL}", "description": f"kinase {EVIL}", "gene": f"G{EVIL}", "taxon_id": 9606}
    hands = [
        *HAND,
        hand(f"P{EVIL}", "MKCAACGGHWAC", sites=(3, 6), layer=1, entry_name=f"N{EVIL}_HUMAN", note=EVIL, **names),
        hand("S2", "MK*LVVVVVVV", status="skipped", reason=f"inner {EVIL}", **names),
    ]
    write_handmade(root, hands)
    AtlasPaths(root).plan.write_text("{}")  # else it would be a release, to which nothing is added
    annotate_at_random(root)
    annotate(root, [(f"P{EVIL}", f"Site {EVIL}", 3, 3)])
    for name, text in {
        "features.tsv": f"accession\ttype\tbegin\tend\tnote\nA1\tAct{EVIL}ive\t5\t5\t{EVIL}\nZ{EVIL}\tx\t1\t2\tz\n",
        "families.tsv": f"accession\tdatabase\tfamily\tname\nA1\tPf{EVIL}am\tPF{EVIL}\t{EVIL}\n",
        "track.tsv": f"accession\tposition\tscore\nA1\t5\t0.5\nQ{EVIL}\t6\t0.7\n",
        "sites.tsv": f"accession\tposition\tresidue\nA1\t3\tC\nZ{EVIL}\t6\tK\nA1\t4\t{EVIL}\n",
        "skipped.fasta": f">BAD{EVIL} text\nMKT1AA\n>ok x\nMKTAYIAKQRQISFVKSHFSRQ\n",
    }.items():
        (root.parent / name).write_text(text)
    return root


WORDS = (
    ("annotate", "DIR", "features.tsv"),
    ("annotate", "DIR", "families.tsv"),
    ("annotate", "DIR", "features.tsv", "--json"),
    ("annotate", "DIR", "track.tsv", "--track", "score"),
    ("compare", "DIR", "sites.tsv", "--base", "1"),
    ("compare", "DIR", "sites.tsv", "--base", "1", "--by", "protein", "--format", "csv"),
    ("show", "DIR", f"P{EVIL}"),
    ("show", "DIR", f"P{EVIL}", "--json"),
    ("show", "DIR", "S2", "A1"),
    ("info", "DIR"),
    ("find", "DIR", "kinase"),
    ("ask", "DIR", "feature_types"),
    ("ask", "DIR", "families_of", f"protein=P{EVIL}", "--format", "tsv"),
    ("sql", "DIR", "FROM proteins"),
    ("sql", "DIR", "FROM features", "--format", "json"),
    ("export", "DIR", "gff3"),
    ("export", "DIR", "jsonl"),
    ("status", "DIR"),
    ("verify", "DIR"),
    ("page", "DIR", f"P{EVIL}", "-o", f"page{EVIL}.html"),
)


def _commands(evil_atlas: Path) -> list[list[object]]:
    """Return the words of each command, with the paths of the atlas and of the files beside it."""
    files = {path.name: path for path in evil_atlas.parent.iterdir()} | {"DIR": evil_atlas}
    return [[files.get(word, word) for word in words] for words in WORDS]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(WORDS)), ids=lambda number: " ".join(WORDS[number][::2]).replace(EVIL, ""))
def test_a_terminal_gets_no_code_of_an_atlas_or_a_file(
    printed: Callable[..., bytes], evil_atlas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    words = _commands(evil_atlas)[number]
    text = printed(*words)
    assert b"Traceback" not in text
    if words[0] == "show":
        text = COLOURS_OF_CARDS.sub(b"", text)
    assert CODE.findall(text) == []
    if words[0] not in ("info", "status", "verify"):
        assert b"EVIL" in text or b"kinase" in text


def test_a_dry_run_shows_skipped_proteins_without_their_codes(
    printed: Callable[..., bytes], evil_atlas: Path, tmp_path: Path, tiny_esm: Path
) -> None:
    fasta = evil_atlas.parent / "skipped.fasta"
    text = printed(*build_command(fasta, tmp_path / "atlas", tiny_esm, "--dry-run")[3:])
    assert rb"skipped  BAD\x1b[31mEVIL" in text
    assert CODE.findall(text) == []


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_executes_a_code_of_its_arguments(printed: Callable[..., bytes], tmp_path: Path, verb: str) -> None:
    """Of a folder that is not there, or where usage is wrong, every verb prints what it was given."""
    text = printed(verb, tmp_path / f"no{EVIL}", f"--{EVIL}")
    assert b"EVIL" in text
    assert CODE.findall(text) == []


def test_a_line_about_the_work_has_no_code_while_a_bar_is_shown(on_terminal: OnTerminal) -> None:
    def work() -> None:
        guard_terminals()
        with Progress(console=Console(file=unguarded(sys.stderr))):
            say(f"worker {EVIL} left out")

    text = on_terminal(work)
    assert rb"worker \x1b[31mEVIL" in text
    assert b"\x1b[?25l" in text  # the bar's own codes are executed
    assert b"\x1b[31m" not in text


def test_a_guarded_terminal_keeps_lines_tabs_and_signs_of_any_language(on_terminal: OnTerminal) -> None:
    def work() -> None:
        guard_terminals()
        guard_terminals()  # a second guard changes nothing
        print("Ünïcödé\t█ Ω\nline")
        sys.stdout.buffer.write("bytes Ω\n".encode())
        sys.stdout.buffer.flush()

    assert on_terminal(work).replace(b"\r\n", b"\n").decode() == "Ünïcödé\t█ Ω\nline\nbytes Ω\n"
