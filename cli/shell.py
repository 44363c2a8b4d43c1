"""The SQL shell: a prompt with history and completion in a terminal, or a script from stdin."""

import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from attlas.cli.asking import SqlFormat, write_rows
from attlas.cli.output import SPREADSHEET_FORMATS, fold_width, note, print_lines

if TYPE_CHECKING:
    from attlas.queries.atlas import Atlas

PROMPT = "attlas> "
PROMPT_MORE = "   ...> "
HISTORY_LINES = 2_000


@dataclass
class Session:
    """An atlas, with the settings of the shell."""

    atlas: "Atlas"
    mode: SqlFormat
    timeout_s: float | None
    """Seconds after which a query is stopped; None: no limit."""
    is_defused: bool = False
    """True: answers in CSV and TSV are safe for spreadsheets."""
    is_timed: bool = False
    typed: str = ""
    """The beginning of a statement that is not complete yet."""
    is_over: bool = False

    def process_line(self, line: str) -> None:
        """Process a line: run the statements that it completes, or the command."""
        from attlas.queries.engine.shell import WORDS, Input

        word = line.strip().removesuffix(";").strip()
        command = WORDS.get(word, word)
        if not self.typed and command.startswith("."):
            self._command(command.split())
        elif self.typed and ";" not in line:
            self.typed += f"{line}\n"  # a statement of many thousand lines is parsed once
        else:
            parsed = Input.of(f"{self.typed}{line}\n")
            self.typed = parsed.unfinished
            for statement in parsed.statements:
                self.run(statement)

    def run(self, statement: str) -> None:
        """Run one statement and print its answer."""
        from attlas.queries.asking.never_matching import never_matching_notes

        started = time.monotonic()
        is_defused = self.is_defused and self.mode in SPREADSHEET_FORMATS
        write_rows(self.atlas.stream(statement, timeout_s=self.timeout_s), self.mode, None, is_defused=is_defused)
        for remark in never_matching_notes(self.atlas, statement):
            note(remark)
        if self.is_timed:
            print(f"{time.monotonic() - started:.3f} s", file=sys.stderr)

    def _command(self, words: list[str]) -> None:
        from attlas.queries.engine.shell import COMMANDS, functions_lines, help_lines, schema_lines, tables_lines
        from attlas.schema import QuestionError

        match words:
            case [".quit"]:
                self.is_over = True
            case [".help"]:
                print_lines(help_lines())
            case [".tables"]:
                print_lines(tables_lines(self.atlas.manifest, fold_width()))
            case [".functions"]:
                print_lines(functions_lines(fold_width()))
            case [".schema"]:
                print_lines(schema_lines(self.atlas.manifest, None, fold_width()))
            case [".schema", table]:
                print_lines(schema_lines(self.atlas.manifest, table, fold_width()))
            case [".mode", mode] if mode in list_shell_modes():
                self.mode = cast(SqlFormat, mode)
            case [".timer", ("on" | "off") as switch]:
                self.is_timed = switch == "on"
            case [".timeout", seconds] if seconds.replace(".", "", 1).isdecimal():
                self.timeout_s = float(seconds) or None
            case _:
                spellings = [command for command in COMMANDS if command.split()[0] == words[0]]
                raise QuestionError(
                    f"There is no command {' '.join(words)}.", expected=", ".join(spellings or COMMANDS)
                )


def run_shell(
    atlas: "Atlas", mode: SqlFormat, *, output: Path | None, timeout_s: float | None, is_defused: bool = False
) -> None:
    """Run the statements of stdin: a terminal gets a prompt, a script runs to its end or to the first error.

    Raises:
        QuestionError: the answers would go to one file or into a format that is no text; also an error of a script.
    """
    from attlas.schema import QuestionError

    if output is not None or mode not in list_shell_modes():
        expected = f"answers on stdout, as {', '.join(list_shell_modes())}"
        raise QuestionError("Without a QUERY there may be many answers.", expected=expected, hint="give a QUERY")
    session = Session(atlas, mode, timeout_s, is_defused)
    if sys.stdin.isatty():
        _run_prompt(session)
    else:
        _run_script(session, _script_lines())


def list_shell_modes() -> list[str]:
    """Return the formats that a shell prints."""
    from attlas.queries.formats import BINARY

    return [mode for mode in get_args(SqlFormat) if mode not in BINARY]


def _script_lines() -> Iterator[str]:
    """Yield the lines of stdin: marked UTF-16, or UTF-8 with a surrogate for each byte that is none.

    Raises:
        InputError: it is broken UTF-16.
    """
    from attlas.intake.text import UTF16_MARKS, utf16_error

    stdin = cast(io.BufferedReader, sys.stdin.buffer)
    encoding = "utf-16" if stdin.peek(2).startswith(UTF16_MARKS) else "utf-8-sig"
    try:
        yield from io.TextIOWrapper(stdin, encoding=encoding, errors="surrogateescape")
    except UnicodeDecodeError as error:
        raise utf16_error("standard input", error) from error


def _run_script(session: Session, lines: Iterable[str]) -> None:
    n_lines = 0
    for line in lines:
        n_lines += 1
        session.process_line(line.removesuffix("\n"))
        if session.is_over:
            return
    if session.typed:
        session.run(session.typed)  # the last `;` may be missing
    if not n_lines:
        note("stdin is empty: there is no statement")


def _run_prompt(session: Session) -> None:
    from attlas.queries.engine.shell import banner_lines

    remember = _start_line_editing()
    for line in banner_lines(str(session.atlas.root), session.atlas.manifest):
        print(line, file=sys.stderr)
    while not session.is_over:
        try:
            line = _read_line(session)
            remember()
            _process_line(session, line)
        except EOFError:
            print(file=sys.stderr)
            return
        except KeyboardInterrupt:
            print(file=sys.stderr)
            session.typed = ""


def _read_line(session: Session) -> str:
    prompt = PROMPT_MORE if session.typed else PROMPT
    return input(prompt if sys.stdout.isatty() else "")  # else the prompt would be in the file


def _process_line(session: Session, line: str) -> None:
    """Process a line; an error is printed, and the shell continues."""
    from attlas.schema import Fault

    try:
        session.process_line(line)
    except KeyboardInterrupt:
        note("stopped")
    except Fault as error:
        note(str(error))


def _start_line_editing() -> Callable[[], None]:
    """Start editing, completion and history of lines; return a function that saves the last line in the history."""
    try:
        import readline
    except ImportError:  # Windows
        return lambda: None
    from attlas.queries.engine.shell import completions

    def complete(word: str, n: int) -> str | None:
        names = completions(word, readline.get_line_buffer())
        return names[n] if n < len(names) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n`!@#$%^&*()-=+[{]}|;:'\",<>/?")
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    try:
        path = _open_history()
        readline.read_history_file(path)
        readline.set_history_length(HISTORY_LINES)
        readline.write_history_file(path)  # with that many lines
    except OSError as error:
        note(f"the history of this shell is not kept: {error}")
        return lambda: None
    n_kept = readline.get_current_history_length()

    def remember() -> None:
        nonlocal n_kept
        n_now = readline.get_current_history_length()
        if n_now > n_kept:  # at once, and behind what other shells have added
            readline.append_history_file(n_now - n_kept, path)
        n_kept = n_now

    return remember


def _open_history() -> Path:
    """Return the path of the history, a file that only its owner may read; create it if it does not exist."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = state / "attlas" / "sql_history"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))
    path.chmod(0o600)
    return path
