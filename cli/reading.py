"""The verbs of the reading room: show, sql, export, info."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, cast, get_args

import typer

if TYPE_CHECKING:
    from attlas.queries.answers import Answer
    from attlas.queries.exports import Export
    from attlas.schema import Manifest, QuestionError

ExportFormat = Literal["gff3", "csv", "jsonl", "parquet"]
SqlFormat = Literal["table", "csv", "json", "parquet"]
TERMINAL_ROWS = 40
"""Rows of an SQL answer shown in a terminal; a pipe or a file gets all of them."""

AtlasDir = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the atlas.", show_default=False)]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; default: stdout.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FORMATS_HELP = f"{', '.join(get_args(ExportFormat))}."
ID_FORMS = "Accession, sp|ACCESSION|NAME, entry name, gene, or MD5 or CRC64 of a sequence."


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(show)
    app.command()(sql)
    app.command()(export)
    app.command()(info)


def show(
    directory: AtlasDir,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help=ID_FORMS, show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Show proteins: layer of convergence, high-attention sites, and the profile along the sequence."""
    from attlas.queries.answers import answers
    from attlas.queries.atlas import Atlas

    with Atlas.open(directory) as atlas:
        found = [answer for id in dict.fromkeys(ids) for answer in answers(atlas, id)]
        if as_json:
            _print_json([answer.to_json(atlas.manifest) for answer in found])
        else:
            _print_cards(found, atlas.manifest)
    faults = [answer.fault for answer in found if answer.fault is not None]
    if faults:
        raise _together(faults, n_asked=len(found))


def sql(
    directory: AtlasDir,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="One SELECT; `-` reads it from stdin.", show_default=False)
    ],
    format: Annotated[SqlFormat | None, typer.Option(help="Default: table, or by the name of FILE.")] = None,
    output: Output = None,
) -> None:
    """Ask an atlas one SELECT over proteins, sequences, sites, residues and heads.

    `FROM docs` lists every column with its unit and meaning.
    """
    from attlas.queries.atlas import Atlas
    from attlas.queries.formats import write_csv, write_json, write_parquet, write_text
    from attlas.queries.text import terminal_width

    chosen = _sql_format(format, output)
    is_terminal = output is None and sys.stdout.isatty()
    with Atlas.open(directory) as atlas:
        rows = atlas.stream(sys.stdin.read() if query == "-" else query)
        with _sink(output, is_text=chosen != "parquet") as sink:
            if chosen == "table":
                width, limit = (terminal_width(), TERMINAL_ROWS) if is_terminal else (None, None)
                is_cut = write_text(rows, sink, width=width, limit=limit)
            else:
                {"csv": write_csv, "json": write_json, "parquet": write_parquet}[chosen](rows, sink)
                is_cut = False
    if is_cut:
        _note(f"the first {TERMINAL_ROWS} rows; there are more: --format csv, json or parquet with -o FILE gives all")


def export(
    directory: AtlasDir,
    format: Annotated[ExportFormat, typer.Argument(metavar="FORMAT", help=FORMATS_HELP, show_default=False)],
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help=f"{ID_FORMS} Default: all.")] = None,
    output: Output = None,
) -> None:
    """Write high-attention sites as GFF3, CSV, JSON lines or Parquet, for all proteins or some."""
    from attlas.queries.atlas import Atlas
    from attlas.queries.exports import EXPORTS

    chosen = EXPORTS[format]
    with Atlas.open(directory) as atlas:
        matches = [atlas.match(id) for id in dict.fromkeys(ids or [])]
        faults = [match.fault() for match in matches if not match.rows]
        if faults and len(faults) == len(matches):
            raise _together(faults, n_asked=len(matches))
        rows = [row for match in matches for row in match.rows]
        proteins = atlas.protein_rows(rows).to_pylist() if ids else None
        accessions = None if proteins is None else [protein["accession"] for protein in proteins]
        with _sink(output, is_text=chosen.is_text) as sink:
            chosen.write(atlas, accessions, sink)
        _note_absent(chosen, atlas.manifest, proteins)
    if faults:
        raise _together(faults, n_asked=len(matches))


def info(
    directory: AtlasDir,
    columns: Annotated[bool, typer.Option("--columns", help="Describe every column: type, unit, meaning.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what an atlas holds and how it was computed: model, rule, versions, counts, sizes."""
    from attlas.queries import description
    from attlas.queries.atlas import Atlas

    manifest = Atlas.open(directory).manifest
    if as_json:
        _print_json(description.columns_to_json(manifest) if columns else description.to_json(manifest))
    else:
        _print_lines(description.column_lines(manifest) if columns else description.info_lines(manifest))


def _print_cards(found: "Sequence[Answer]", manifest: "Manifest") -> None:
    from attlas.queries.card import COLOURED, PLAIN, card
    from attlas.queries.text import terminal_width

    is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    style = COLOURED if is_coloured else PLAIN
    cards = [card(answer, manifest.run, width=terminal_width(), style=style) for answer in found if answer.protein]
    if cards:
        _print_lines("\n\n".join(cards).splitlines())


def _print_lines(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()  # before anything goes to stderr


def _print_json(values: object) -> None:
    sys.stdout.buffer.write(json.dumps(values, ensure_ascii=False, indent=1).encode() + b"\n")
    sys.stdout.buffer.flush()


def _note(text: str) -> None:
    print(f"attlas: {text}", file=sys.stderr)


@contextmanager
def _sink(output: Path | None, *, is_text: bool) -> Iterator[BinaryIO]:
    """Yield where to write: stdout, a file that is there whole or not at all, or a device or pipe as it is."""
    from attlas.schema import QuestionError
    from attlas.schema.publish import publishing

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
        raise QuestionError("Parquet is not for a terminal.", hint="give a file with -o FILE, or pipe it")
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def _sql_format(format: SqlFormat | None, output: Path | None) -> SqlFormat:
    from attlas.schema import QuestionError

    suffix = output.suffix[1:].lower() if output is not None else ""
    if format is not None or suffix in ("", "txt"):
        return format or "table"
    if suffix not in get_args(SqlFormat):
        raise QuestionError(
            f"The name {output} does not tell a format.", expected=", ".join(get_args(SqlFormat)), hint="give --format"
        )
    return cast(SqlFormat, suffix)


def _together(faults: "Sequence[QuestionError]", *, n_asked: int) -> "QuestionError":
    """Return one error for all ids without an answer."""
    from attlas.schema import QuestionError

    if len(faults) == 1:
        return faults[0]
    hint = "accession, sp|ACCESSION|NAME, entry name, gene, MD5 or CRC64 of the sequence; letter case counts"
    return QuestionError(
        f"{len(faults):,} of {n_asked:,} ids have no answer.", offenders=[fault.what for fault in faults], hint=hint
    )


def _note_absent(chosen: "Export", manifest: "Manifest", proteins: list[dict[str, object]] | None) -> None:
    """Say on stderr which proteins a format of sites alone leaves out: nothing is dropped in silence."""
    if chosen.has_all_proteins:
        return
    if proteins is None:
        n_out = manifest.counts.n_skipped + manifest.counts.n_failed
        text = f"{n_out:,} proteins not computed, and those computed without sites, have no row in this format"
    else:
        absent = [str(protein["accession"]) for protein in proteins if not protein["n_sites"]]
        if not absent:
            return
        text = f"{len(absent):,} proteins have no row in this format: {', '.join(absent[:10])}"
    _note(f"{text}; `jsonl` names every protein with its outcome")
