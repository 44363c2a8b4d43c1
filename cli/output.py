"""What the verbs of the reading room share: options, ids from a file, where answers go, many faults as one."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

if TYPE_CHECKING:
    from attlas.schema import QuestionError

# A text: `Path` would make one slash of the two in a URL.
AtlasDir = Annotated[str, typer.Argument(metavar="DIR", help="Directory of the atlas, or its URL.", show_default=False)]
OUTPUT_NAMES = ("--output", "-o", "--out")
"""How every verb that writes a file or a folder is told where."""
Output = Annotated[Path | None, typer.Option(*OUTPUT_NAMES, metavar="FILE", help="File to write; default: stdout.")]
SafeForSpreadsheets = Annotated[
    bool,
    typer.Option(
        "--safe-for-spreadsheets",
        help="CSV and TSV with an apostrophe before texts that begin with =, +, - or @: spreadsheets run those.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
IdsFile = Annotated[
    str | None,
    typer.Option("--ids", metavar="FILE", help="Ids from a file, one per line; `-` reads stdin.", show_default=False),
]
SPREADSHEET_FORMATS = ("csv", "tsv")
"""Formats of an answer that a spreadsheet opens and in which it runs formulas."""
ID_FORMS = (
    "Accession (also P04637-2, P04637.4, UniProtKB:P04637), sp|ACCESSION|NAME, AF-ACCESSION-F1, entry name, gene or "
    "GENE@TAXON, or MD5 or CRC64 of a sequence."
)


def read_ids(given: Sequence[str] | None, file: str | None) -> list[str] | None:
    """Return the ids of the command line, then those of the file, in order; None if neither was given.

    Blank lines and lines that begin with `#` are passed over; of a line of several columns the first is the id.

    Raises:
        InputError: the file cannot be read.
        QuestionError: it holds no id.
    """
    from attlas.queries.lookup.id_file import read_ids as read_id_file
    from attlas.schema import QuestionError

    if file is None:
        return list(given) if given else None
    ids = read_id_file(file)
    if not ids and not given:
        raise QuestionError(f"There is no id in {file}.", expected="one id per line")
    return [*(given or []), *ids]


def refuse_url(directory: Path) -> None:
    """Refuse what was a URL before it became a path, which makes one slash of two.

    Raises:
        QuestionError: it is none of a directory.
    """
    from attlas.schema import QuestionError

    scheme, _, address = str(directory).partition(":/")
    if address and scheme.isalnum() and not directory.exists():
        hint = "download the release, then give its folder; `show`, `sql`, `ask`, `export` and `verify` read a URL"
        raise QuestionError(f"{scheme}://{address} is a URL.", expected="a directory", hint=hint)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to stdout."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()  # before anything goes to stderr


def print_json(values: object) -> None:
    """Print JSON to stdout, UTF-8 whatever the locale."""
    sys.stdout.buffer.write(json.dumps(values, ensure_ascii=False, indent=1).encode() + b"\n")
    sys.stdout.buffer.flush()


def fold_width() -> int | None:
    """Return the width into which tables are folded: that of the terminal; None where stdout is none."""
    from attlas.queries.text import terminal_width

    return terminal_width() if sys.stdout.isatty() else None


def note(text: str) -> None:
    """Say something beside the answer, on stderr; names in it may hold escape codes of a terminal."""
    from attlas.queries.text import printable_lines

    print(f"attlas: {printable_lines(text)}", file=sys.stderr)


@contextmanager
def sink(output: Path | None, *, is_text: bool) -> Iterator[BinaryIO]:
    """Yield where to write: stdout, a file that is there whole or not at all, or a device or pipe as it is."""
    from attlas.schema import QuestionError

    if output is not None:
        from attlas.queries.output_file import open_output

        with open_output(output) as file:
            yield file
        return

    if not is_text and sys.stdout.isatty():
        raise QuestionError("This format is not for a terminal.", hint="give a file with -o FILE, or pipe it")

    if is_text and sys.stdout.isatty():
        from attlas.cli.terminal import TerminalText

        yield cast(BinaryIO, TerminalText(sys.stdout.buffer))
    else:
        yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def refuse_unsafe_format(format: str) -> None:
    """Refuse `--safe-for-spreadsheets` for a format that no spreadsheet takes for formulas.

    Raises:
        QuestionError: the format is neither CSV nor TSV.
    """
    from attlas.schema import QuestionError

    if format not in SPREADSHEET_FORMATS:
        expected = f"one of {', '.join(SPREADSHEET_FORMATS)}"
        raise QuestionError(f"--safe-for-spreadsheets does nothing for {format}.", expected=expected, found=format)


def join_faults(faults: "Sequence[QuestionError]", *, n_asked: int) -> "QuestionError":
    """Return one error for all ids without an answer."""
    from attlas.schema import QuestionError

    if len(faults) == 1:
        return faults[0]
    from attlas.queries.lookup.identifiers import FORMS

    hint = f"{FORMS}; letter case counts"
    return QuestionError(
        f"{len(faults):,} of {n_asked:,} ids have no answer.", offenders=[fault.what for fault in faults], hint=hint
    )
