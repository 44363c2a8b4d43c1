"""What the verbs of the reading room share: options, ids from a file, where answers go, many faults as one."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

if TYPE_CHECKING:
    from attlas.schema import QuestionError

# A text: `Path` would make one slash of the two in a URL.
AtlasDir = Annotated[str, typer.Argument(metavar="DIR", help="Directory of the atlas, or its URL.", show_default=False)]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; default: stdout.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
IdsFile = Annotated[
    str | None,
    typer.Option("--ids", metavar="FILE", help="Ids from a file, one per line; `-` reads stdin.", show_default=False),
]
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

    scheme, _, rest = str(directory).partition(":/")
    if rest and scheme.isalnum() and not directory.exists():
        hint = "download the release, then give its folder; `show`, `sql`, `ask` and `export` read a URL"
        raise QuestionError(f"{scheme}://{rest} is a URL.", expected="a directory", hint=hint)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to stdout."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()  # before anything goes to stderr


def print_json(values: object) -> None:
    """Print JSON to stdout, UTF-8 whatever the locale."""
    sys.stdout.buffer.write(json.dumps(values, ensure_ascii=False, indent=1).encode() + b"\n")
    sys.stdout.buffer.flush()


def note(text: str) -> None:
    """Say something beside the answer, on stderr."""
    print(f"attlas: {text}", file=sys.stderr)


@contextmanager
def sink(output: Path | None, *, is_text: bool) -> Iterator[BinaryIO]:
    """Yield where to write: stdout, a file that is there whole or not at all, or a device or pipe as it is."""
    from attlas.schema import QuestionError
    from attlas.schema.publish import publishing

    if output is not None and output.is_dir():
        raise QuestionError(f"{output} is a directory.", hint="name a file in it")
    if output is not None:
        refuse_inside_atlas(output)
    if output is not None and output.exists() and not output.is_file():
        # A rename would replace a device, a pipe or /dev/stdout by a file.
        with output.open("wb") as file:
            yield file
        return
    if output is not None:
        with publishing(output.resolve()) as beside, beside.open("wb") as file:  # a link stays a link
            yield file
        return
    if not is_text and sys.stdout.isatty():
        raise QuestionError("This format is not for a terminal.", hint="give a file with -o FILE, or pipe it")
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def refuse_inside_atlas(output: Path) -> None:
    """Refuse to write among the files of an atlas, or over them.

    Raises:
        QuestionError: the path lies in the directory of an atlas.
    """
    from attlas.schema import QuestionError

    inside = [folder for folder in output.resolve().parents if (folder / "manifest.json").is_file()]
    if atlas := next((folder for folder in inside if (folder / "proteins").is_dir()), None):
        raise QuestionError(f"{output} lies in the atlas {atlas}.", hint="write to a place outside of it")


def together(faults: "Sequence[QuestionError]", *, n_asked: int) -> "QuestionError":
    """Return one error for all ids without an answer."""
    from attlas.schema import QuestionError

    if len(faults) == 1:
        return faults[0]
    from attlas.queries.lookup.identifiers import FORMS

    hint = f"{FORMS}; letter case counts"
    return QuestionError(
        f"{len(faults):,} of {n_asked:,} ids have no answer.", offenders=[fault.what for fault in faults], hint=hint
    )
