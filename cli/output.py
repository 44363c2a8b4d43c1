"""Shared by the verbs that read: options, ids from a file, the output, and one error for many ids."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TextIO

import typer

from attlas.cli.terminal import printable_text

if TYPE_CHECKING:
    from attlas.schema import QuestionError

# A text: `Path` would make one slash of the two in a URL.
AtlasDir = Annotated[str, typer.Argument(metavar="DIR", help="Directory of the atlas, or its URL.", show_default=False)]
OUTPUT_NAMES = ("--output", "-o", "--out")
"""Names of the option for the file or folder that a verb writes."""
Output = Annotated[Path | None, typer.Option(*OUTPUT_NAMES, metavar="FILE", help="File to write; default: stdout.")]
SafeForSpreadsheets = Annotated[
    bool,
    typer.Option(
        "--safe-for-spreadsheets",
        help="In CSV and TSV put an apostrophe before texts with =, +, - or @, which spreadsheets would run.",
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
    "GENE@TAXON, or MD5 or CRC64 of a sequence; else words of a name that only one protein has."
)


def read_ids(arguments: Sequence[str] | None, file: str | None) -> list[str] | None:
    """Return the ids of the command line, then those of the file, in order; None without both.

    Blank lines and lines that begin with `#` are skipped; in a line of several columns the first is the id.

    Raises:
        InputError: the file cannot be read.
        QuestionError: the file has no id.
    """
    from attlas.queries.lookup.id_file import read_ids as read_id_file
    from attlas.schema import QuestionError

    if file is None:
        return list(arguments) if arguments else None

    ids = read_id_file(file)
    if not ids and not arguments:
        raise QuestionError(f"There is no id in {file}.", expected="one id per line")
    return [*(arguments or []), *ids]


def refuse_url(directory: Path) -> None:
    """Refuse a URL that was parsed as a path, with one slash instead of two.

    Raises:
        QuestionError: the path was a URL.
    """
    from attlas.schema import QuestionError

    scheme, _, address = str(directory).partition(":/")
    if address and scheme.isalnum() and not directory.exists():
        hint = "download the release and give its folder; `show`, `sql`, `ask`, `export` and `verify` read a URL"
        raise QuestionError(f"{scheme}://{address} is a URL.", expected="a directory", hint=hint)


def refuse_unbuilt(directory: Path) -> None:
    """Refuse, before the libraries of a build are loaded, a place that no pass can run over: a URL, or a release.

    Raises:
        QuestionError: the path was a URL.
        PlanError: it is a release.
    """
    from attlas.pipeline.lock import refuse_release
    from attlas.schema import AtlasPaths

    refuse_url(directory)
    refuse_release(AtlasPaths(directory))


def refuse_url_to_write(output: Path) -> None:
    """Refuse the URL of a place to write to, which was parsed as a path. Raises QuestionError."""
    from attlas.schema import QuestionError

    scheme, _, address = str(output).partition(":/")
    if address and scheme.isalnum() and not output.parent.exists():
        hint = "write it here, then upload it, for example with `aws s3 cp`"
        raise QuestionError(f"{scheme}://{address} is a URL.", expected="a path on this machine", hint=hint)


def find_store(place: str) -> str | None:
    """Return the URL of an object store in which an atlas is to be built, None for a directory.

    Raises:
        InputError: it is the URL of something else.
    """
    from attlas.schema import InputError

    scheme, separator, _ = place.partition("://")
    if not separator:
        return None
    if scheme != "s3":
        raise InputError(f"{place} is a URL.", expected="a directory, or s3://BUCKET/PREFIX")
    return place


def print_lines(lines: Iterable[str], *, stream: TextIO | None = None) -> None:
    """Print lines to stdout, or to another stream."""
    stream = stream or sys.stdout
    stream.writelines(f"{line}\n" for line in lines)
    stream.flush()  # before anything goes to stderr


def print_json(values: object) -> None:
    """Print JSON to stdout as UTF-8, in every locale."""
    sys.stdout.buffer.write(json.dumps(values, ensure_ascii=False, indent=1).encode() + b"\n")
    sys.stdout.buffer.flush()


def fold_width() -> int | None:
    """Return the width of tables, which is that of the terminal; None where stdout is no terminal."""
    from attlas.queries.text import terminal_width

    return terminal_width() if sys.stdout.isatty() else None


def note(text: str) -> None:
    """Print a note on stderr, with escape codes of a terminal made visible."""
    print(f"attlas: {printable_text(text)}", file=sys.stderr)


@contextmanager
def sink(output: Path | None, *, is_text: bool) -> Iterator[BinaryIO]:
    """Yield the output: stdout, a file that is published when it is whole, or a device or pipe."""
    from attlas.schema import QuestionError

    if output is not None:
        from attlas.queries.output_file import open_output

        with open_output(output) as file:
            yield file
        return

    if not is_text and sys.stdout.isatty():
        raise QuestionError("This format is not for a terminal.", hint="write a file with -o FILE, or use a pipe")

    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def refuse_unsafe_format(format: str) -> None:
    """Refuse `--safe-for-spreadsheets` for a format in which spreadsheets run no formulas.

    Raises:
        QuestionError: the format is neither CSV nor TSV.
    """
    from attlas.schema import QuestionError

    if format not in SPREADSHEET_FORMATS:
        expected = f"one of {', '.join(SPREADSHEET_FORMATS)}"
        raise QuestionError(f"--safe-for-spreadsheets does nothing for {format}.", expected=expected, found=format)


def join_faults(faults: "Sequence[QuestionError]", *, n_ids: int) -> "QuestionError":
    """Return one error for all ids without an answer."""
    from attlas.schema import QuestionError

    if len(faults) == 1:
        return faults[0]

    from attlas.queries.lookup.identifiers import FORMS

    return QuestionError(
        f"{len(faults):,} of {n_ids:,} ids have no answer.", offenders=[fault.what for fault in faults], hint=FORMS
    )
