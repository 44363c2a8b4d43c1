"""The SQL shell: what it understands, and the real process on a terminal of its own."""

import io
import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from helpers.command_line import Run
from helpers.default_cases import each_nth_by_default
from hypothesis import given
from hypothesis import strategies as st

from attlas.queries.engine.shell import Input, completions

pytestmark = pytest.mark.slow

RUNAWAY = "SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b WHERE (a.range * b.range) % 7 = 3;"


@pytest.mark.parametrize(
    ("text", "statements", "remainder"),
    [
        ("SELECT 1;", ("SELECT 1",), ""),
        ("SELECT 1", (), "SELECT 1"),
        ("SELECT 1; SELECT 2;\n", ("SELECT 1", "SELECT 2"), ""),
        ("SELECT 1; SELECT\n", ("SELECT 1",), " SELECT\n"),
        (";;  ; -- nothing\n/* ; */ ;", (), ""),
        ("SELECT ';' AS a, \";\" FROM t;", ("SELECT ';' AS a, \";\" FROM t",), ""),
        ("SELECT 'it''s;' ;", ("SELECT 'it''s;'",), ""),
        (r"SELECT E'it\'s;';", (r"SELECT E'it\'s;'",), ""),
        (r"SELECT name'\';", (r"SELECT name'\'",), ""),
        ("SELECT $$a;b$$, $x$;$$;$x$;", ("SELECT $$a;b$$, $x$;$$;$x$",), ""),
        ("SELECT $a, $b;", ("SELECT $a, $b",), ""),
        ("SELECT 1 -- a; b\n+ 1;", ("SELECT 1 -- a; b\n+ 1",), ""),
        ("SELECT 1 /* ; \n ; */ + 1;", ("SELECT 1 /* ; \n ; */ + 1",), ""),
        ("SELECT 'open;", (), "SELECT 'open;"),
        ('SELECT 1; SELECT "open;', ("SELECT 1",), ' SELECT "open;'),
        ("SELECT 1 /* open;", (), "SELECT 1 /* open;"),
        ("SELECT 6 / 2 - 1;", ("SELECT 6 / 2 - 1",), ""),
        ("-- only a comment", (), ""),
        ("", (), ""),
    ],
)
def test_statements_end_at_a_semicolon_that_is_one(text: str, statements: tuple[str, ...], remainder: str) -> None:
    assert Input.of(text) == Input(statements, remainder)


@given(st.text(alphabet="a;'\"-/*$\n e\\", max_size=40))
def test_whatever_is_typed_nothing_is_lost_and_lines_make_no_difference(text: str) -> None:
    whole = Input.of(text)
    typed, statements = "", []
    for line in text.splitlines(keepends=True):
        taken = Input.of(typed + line)
        typed, statements = taken.unfinished, [*statements, *taken.statements]
    assert [_bare(s) for s in (*statements, typed)] == [_bare(s) for s in (*whole.statements, whole.unfinished)]
    kept = "".join([*whole.statements, whole.unfinished])
    assert kept.count("a") + _commented(text).count("a") >= text.count("a")


def _bare(statement: str) -> str:
    """Return a statement without the comments and the space before it."""
    return re.sub(r"\A(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", "", statement, flags=re.DOTALL)


def _commented(text: str) -> str:
    return "".join(re.findall(r"--[^\n]*|/\*.*?(?:\*/|\Z)", text, re.DOTALL))


@pytest.mark.parametrize(
    ("word", "line", "expected"),
    [
        ("sit", "SELECT * FROM sit", ["sites", "sites_note"]),
        ("acc", "SELECT acc", ["accession"]),
        ("SEL", "SEL", ["SELECT"]),
        ("sel", "sel", ["self_share", "selectivity", "select"]),
        ("provena", "FROM provena", ["provenance"]),
        (".sc", ".sc", [".schema"]),
        ("sites", ".schema sites", ["sites", "sites_note"]),
        ("", "SELECT ", []),
        ("nothing", "nothing", []),
    ],
)
def test_tab_completes_commands_names_and_keywords(word: str, line: str, expected: list[str]) -> None:
    assert completions(word, line) == expected


def script(atlas_dir: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "attlas.cli.main", "sql", str(atlas_dir), *options]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_a_script_from_stdin_is_answered_statement_by_statement(atlas_dir: Path) -> None:
    done = script(atlas_dir, "SELECT 1 AS a; -- one;\n.mode csv\nSELECT ';' AS b,\n  2 AS c\n;\nSELECT 3 AS d")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "a\n─\n1\nb,c\n;,2\nd\n3\n"


@pytest.mark.parametrize("words", [("-",), ()], ids=["query", "script"])
def test_stdin_may_be_utf16(
    attlas: Run, atlas_dir: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    stdin = io.BufferedReader(io.BytesIO("SELECT 'é' AS a".encode("utf-16")))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
    done = attlas("sql", atlas_dir, *words, "--format", "csv")
    assert (done.code, done.out, done.err) == (0, "a\né\n", "")


@pytest.mark.thorough
def test_a_script_stops_at_its_first_error(atlas_dir: Path) -> None:
    done = script(atlas_dir, "SELECT 1 AS a; SELEC 2; SELECT 3 AS c;", "--format", "csv")
    assert (done.returncode, done.stdout) == (1, "a\n1\n")
    assert "    SELEC 2\n    ^^^^^\n" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
def test_a_script_may_leave_and_may_be_empty(atlas_dir: Path) -> None:
    done = script(atlas_dir, ".tables\n.quit\nSELECT 1;")
    assert done.returncode == 0
    assert "residues" in done.stdout
    assert "1" not in script(atlas_dir, ".quit\nSELECT 1;").stdout
    assert "there is no statement" in script(atlas_dir, "").stderr


@pytest.mark.thorough
def test_a_long_script_is_no_slower_by_the_line(atlas_dir: Path) -> None:
    lines = ",\n".join(f"'P{i:05d}'" for i in range(20_000))
    started = time.monotonic()
    done = script(atlas_dir, f"SELECT count(*) AS n FROM sites WHERE accession IN (\n{lines}\n);", "--format", "csv")
    assert (done.returncode, done.stdout) == (0, "n\n3\n")  # P04637
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("text", "options", "message"),
    each_nth_by_default(
        [
            (".bogus\n", (), "There is no command .bogus"),
            (".mode excel\n", (), r"expected: .mode table|csv|tsv|json"),
            (".schema nothing\n", (), "There is no table nothing"),
            ("SELECT 1;", ("--format", "parquet"), "Without a QUERY there may be many answers"),
            ("SELECT 1;", ("-o", "x.csv"), "Without a QUERY there may be many answers"),
            ("SELECT '\udcff';", (), "no UTF-8 text"),
        ],
        3,
    ),
)
def test_what_a_script_cannot_do_is_reported(
    atlas_dir: Path, text: str, options: tuple[str, ...], message: str
) -> None:
    command = [sys.executable, "-m", "attlas.cli.main", "sql", str(atlas_dir), *options]
    data = text.encode("utf-8", "surrogateescape")
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert message in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


class Terminal:
    """The shell as a real process on a pseudo-terminal, which turns Ctrl-C into a signal."""

    START = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"

    def __init__(self, atlas_dir: Path, state: Path, *options: str) -> None:
        self.seen = ""
        self._master, slave = pty.openpty()
        command = [sys.executable, "-m", "attlas.cli.main", "sql", str(atlas_dir), *options]
        environment = {**os.environ, "XDG_STATE_HOME": str(state), "TERM": "dumb", "COLUMNS": "100"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.START, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment,
        )
        os.close(slave)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, text: str, *, seconds: float = 30) -> str:
        """Return the text printed up to `text`; fail if that does not come."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self._master], [], [], max(end - time.monotonic(), 0))
            if not ready:
                pytest.fail(f"{text!r} was not printed, but:\n{self.seen}")
            try:
                self.seen += os.read(self._master, 65536).decode().replace("\r\n", "\n")
            except OSError:
                pytest.fail(f"the shell ended without {text!r}:\n{self.seen}")
        before, _, self.seen = self.seen.partition(text)
        return before

    def ended(self) -> int:
        """Return the exit code, once the process has ended."""
        return self.process.wait(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(atlas_dir: Path, tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(atlas_dir, tmp_path / "state") as opened:
        banner = opened.until("attlas> ")
        assert "22 proteins (20 ok, 1 skipped, 1 failed)" in banner
        assert "facebook/esm2_synthetic, 4 layers x 2 heads, rule nayar-2025-05" in banner
        assert "FROM docs" in banner
        yield opened


def test_a_query_over_several_lines_is_answered(terminal: Terminal) -> None:
    terminal.type("SELECT accession, n_sites\n")
    terminal.until("...> ")
    terminal.type("FROM proteins WHERE gene = 'TP53' ORDER BY 1;\n")
    answer = terminal.until("attlas> ")
    assert "accession  n_sites\n─────────  ───────\nP04637           3\nP04637-2         3\n" in answer


def test_an_error_is_shown_and_the_shell_goes_on(terminal: Terminal) -> None:
    terminal.type("SELECT scores FROM sites;\n")
    answer = terminal.until("attlas> ")
    assert "    SELECT scores FROM sites\n           ^^^^^^\n" in answer
    assert "sites: accession" in answer
    assert "Traceback" not in answer
    terminal.type("COPY sites TO 'x';\n")
    assert "An atlas is asked with one SELECT" in terminal.until("attlas> ")
    terminal.type(".bogus\n")
    assert "There is no command .bogus" in terminal.until("attlas> ")
    terminal.type("SELECT 41 + 1 AS n;\n")
    assert "42" in terminal.until("attlas> ")


def test_ctrl_c_stops_a_runaway_and_drops_a_line(terminal: Terminal) -> None:
    terminal.type(f"{RUNAWAY}\n")
    time.sleep(1.5)
    started = time.monotonic()
    terminal.type("\x03")
    assert "attlas: stopped" in terminal.until("attlas> ")
    assert time.monotonic() - started < 5
    terminal.type("SELECT 'never ended\n")
    terminal.until("...> ")
    time.sleep(0.5)  # Python's readline misses a signal between its prompt and its wait
    terminal.type("\x03")
    terminal.until("attlas> ")
    terminal.type("SELECT 41 + 1 AS n;\n")
    assert "42" in terminal.until("attlas> ")


@pytest.mark.thorough
def test_a_time_limit_can_be_set_while_asking(terminal: Terminal) -> None:
    terminal.type(".timeout 0.5\n")
    terminal.until("attlas> ")
    terminal.type(f"{RUNAWAY}\n")
    assert "stopped after 0.5 s, its time limit" in terminal.until("attlas> ")


@pytest.mark.parametrize("leave", each_nth_by_default([".quit\n", "exit;\n", "\\q\n", "\x04"], 3))
def test_it_is_left_by_a_word_or_ctrl_d(terminal: Terminal, leave: str) -> None:
    terminal.type(leave)
    assert terminal.ended() == 0


def test_rows_are_cut_on_a_terminal_and_modes_and_timer_work(terminal: Terminal) -> None:
    terminal.type("SELECT range AS i FROM range(100);\n")
    answer = terminal.until("attlas> ")
    assert "39\n" in answer
    assert "40\n" not in answer.replace("first 40", "")
    assert "the first 40 rows; there are more" in answer
    terminal.type(".mode json\n")
    terminal.until("attlas> ")
    terminal.type(".timer on\n")
    terminal.until("attlas> ")
    terminal.type("SELECT 1 AS a;\n")
    assert re.search(r'\[\n\{"a": 1\}\n\]\n\d\.\d{3} s\n', terminal.until("attlas> "))


def test_tables_schema_help_and_tab(terminal: Terminal) -> None:
    terminal.type(".tables\n")
    assert "A high-attention (HA) site" in terminal.until("attlas> ")
    terminal.type(".schema sites\n")
    answer = terminal.until("attlas> ")
    assert "Rank among the sites of the protein" in " ".join(answer.split())
    assert "heads:" not in answer
    terminal.type(".help\n")
    assert ".timeout SECONDS" in terminal.until("attlas> ")
    terminal.type("SELECT max(ran\t) AS m FROM sit\t_note\x08\x08\x08\x08\x08 LIMIT 1;\n")
    assert "max(rank)" in terminal.until("attlas> ")


@pytest.mark.thorough
def test_the_history_is_kept_for_the_next_time_and_for_nobody_else(atlas_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "state" / "attlas" / "sql_history"
    with Terminal(atlas_dir, tmp_path / "state") as terminal:
        terminal.until("attlas> ")
        terminal.type("SELECT 20 + 3 AS remembered;\n")
        terminal.until("attlas> ")
        terminal.process.kill()  # kept at once, not at the end
        terminal.process.wait()
    assert "SELECT 20 + 3 AS remembered;" in path.read_text().splitlines()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with Terminal(atlas_dir, tmp_path / "state") as second:
        second.until("attlas> ")
        second.type("\x10\n")  # the line before
        assert "23" in second.until("attlas> ")


@pytest.mark.thorough
def test_without_a_place_for_its_history_the_shell_says_so_and_works(atlas_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, no folder")
    with Terminal(atlas_dir, tmp_path / "state") as opened:
        assert "the history of this shell is not kept" in opened.until("attlas> ")
        opened.type("SELECT 41 + 1 AS n;\n")
        assert "42" in opened.until("attlas> ")
