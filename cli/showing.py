"""The verbs that look things up: show, info."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attlas.cli.asking import TERMINAL_ROWS, SqlFormat, choose_format
from attlas.cli.output import (
    ID_FORMS,
    AsJson,
    AtlasDir,
    IdsFile,
    Output,
    SafeForSpreadsheets,
    join_faults,
    note,
    print_json,
    print_lines,
    read_ids,
    refuse_unsafe_format,
    sink,
)
from attlas.cli.terminal import unguarded

if TYPE_CHECKING:
    import pyarrow as pa

    from attlas.queries.answers.one_id import Answer, NoAnswer
    from attlas.queries.atlas import Atlas
    from attlas.schema import Manifest

Extent = Literal["auto", "whole", "none"]
BATCH_ROWS = 16_384


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(show)
    app.command()(info)


def show(
    directory: AtlasDir,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help=ID_FORMS, show_default=False)] = None,
    ids_file: IdsFile = None,
    taxon: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Organism of a gene name: NCBI taxon id, or name.", show_default=False),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Profiles of these layers in a card: 3,5 or 8-16 or all.", show_default=False
        ),
    ] = None,
    sequence: Annotated[
        Extent | None, typer.Option(help="The sequence in a card; auto: of a long sequence, the lines with sites.")
    ] = None,
    format: Annotated[
        SqlFormat | None,
        typer.Option(help="Print a table instead of cards. Default with --ids: table, or by the ending of -o FILE."),
    ] = None,
    output: Output = None,
    safe_for_spreadsheets: SafeForSpreadsheets = False,
    unmatched: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write ids without a protein to this file, with the reason; they are no error then."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """Show proteins and their high-attention sites.

    A card has the layer of convergence, the sites, the profile along the sequence and the sequence.

    Each ID is shown as a card. `--ids FILE` (or `--format`, `-o`) prints a table instead, for thousands of ids: the id
    comes first, then its outcome, its protein, and a row for each site.
    """
    from attlas.queries.atlas import Atlas

    is_table = format is not None or output is not None or unmatched is not None or safe_for_spreadsheets
    _refuse_mixed(is_table, as_json, is_of_cards=layers is not None or sequence is not None)
    all_ids = _clean_ids(read_ids(ids, ids_file))
    with Atlas.open(directory) as atlas:
        if is_table or (ids_file is not None and not as_json and layers is None and sequence is None):
            file_format = choose_format(format, output)
            if safe_for_spreadsheets:
                refuse_unsafe_format(file_format)
            _show_table(atlas, all_ids, taxon, file_format, output, unmatched, is_defused=safe_for_spreadsheets)
        else:
            _show_cards(atlas, all_ids, taxon, layers, sequence, as_json)


def info(
    directory: AtlasDir,
    columns: Annotated[bool, typer.Option("--columns", help="Describe every column: type, unit, meaning.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what an atlas holds and how it was computed.

    Prints model, rule, versions, counts and sizes, and the settings of the tables that were added.
    """
    from attlas.queries import description
    from attlas.queries.atlas import Atlas
    from attlas.queries.lookup.settings import settings_of_tables

    atlas = Atlas.open(directory)
    manifest = atlas.manifest
    if columns and as_json:
        print_json(description.columns_to_json(manifest))
    elif columns:
        _print_fitting(description.column_lines(manifest))
    elif as_json:
        print_json(description.to_json(manifest, settings_of_tables(atlas.root, manifest)))
    else:
        _print_fitting(description.info_lines(manifest, settings_of_tables(atlas.root, manifest)))


def _refuse_mixed(is_table: bool, as_json: bool, *, is_of_cards: bool) -> None:
    if is_table and as_json:
        raise typer.BadParameter("it prints cards; a table in JSON is --format json", param_hint="--json")
    if is_table and is_of_cards:
        raise typer.BadParameter("they are of cards, not of a table", param_hint="--layers and --sequence")


def _clean_ids(ids: list[str] | None) -> list[str]:
    """Return every id once, in order, as valid Unicode: arguments that are no UTF-8 have lone surrogates."""
    if not ids:
        raise typer.BadParameter("Missing argument: give ids, or a file of them with --ids FILE", param_hint="ID")
    valid_ids = [id.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for id in ids]
    distinct_ids = list(dict.fromkeys(valid_ids))
    if len(distinct_ids) < len(valid_ids):
        from attlas.queries.text import counted

        n = len(valid_ids) - len(distinct_ids)
        note(f"{counted(n, 'id')} of {len(valid_ids):,} repeated; each is answered once")
    return distinct_ids


def _show_cards(
    atlas: "Atlas",
    ids: list[str],
    taxon: str | None,
    layers: str | None,
    sequence: Extent | None,
    as_json: bool,
) -> None:
    from attlas.queries.answers.one_id import answer_match, parse_layers

    shown_layers = () if layers is None else parse_layers(layers, atlas.n_layers)
    matches = [match.of_cluster() for match in atlas.matches(ids, taxon=taxon)]  # the card has the note
    faults = [match.fault() for match in matches if not match.rows]
    if faults and taxon is None:
        result = atlas.match_names(matches, note=note)
        matches, faults = result.matches, result.faults
    answers = (answer for match in matches for answer in answer_match(atlas, match, layers=shown_layers))
    if as_json:
        _print_json_array(answer.to_json(atlas.manifest) for answer in answers)
    else:
        _print_cards(answers, atlas.manifest, sequence or "auto")
    if faults:
        raise join_faults(faults, n_ids=len(matches))


def _print_cards(answers: "Iterable[Answer | NoAnswer]", manifest: "Manifest", sequence: Extent) -> None:
    from attlas.queries.answers.one_id import Answer
    from attlas.queries.cards.card import card
    from attlas.queries.cards.tracks import COLOURED, PLAIN
    from attlas.queries.text import fitting, terminal_width

    is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    style, width = COLOURED if is_coloured else PLAIN, terminal_width()
    separator = ""
    for answer in answers:
        if isinstance(answer, Answer):
            text = separator + card(answer, manifest.run, width=width, style=style, sequence=sequence)
            # A card has colours of its own; the texts of the atlas in it are printable.
            print_lines([fitting(text, sys.stdout.encoding)], stream=unguarded(sys.stdout))
            separator = "\n"


def _print_fitting(lines: Iterable[str]) -> None:
    from attlas.queries.text import fitting

    print_lines(fitting(line, sys.stdout.encoding) for line in lines)


def _print_json_array(values: Iterable[object]) -> None:
    """Print values as one JSON array, one after the other: the profiles of a proteome may not fit into memory."""
    separator = b"[\n"
    for value in values:
        sys.stdout.buffer.write(separator + json.dumps(value, ensure_ascii=False, indent=1).encode())
        separator = b",\n"
    sys.stdout.buffer.write(b"[]\n" if separator == b"[\n" else b"\n]\n")
    sys.stdout.buffer.flush()


def _show_table(
    atlas: "Atlas",
    ids: list[str],
    taxon: str | None,
    format: SqlFormat,
    output: Path | None,
    unmatched_file: Path | None,
    *,
    is_defused: bool,
) -> None:
    from attlas.queries.answers.many_ids import list_unmatched
    from attlas.queries.lookup.identifiers import SHOWN_WIDTH
    from attlas.queries.text import cut, printable
    from attlas.schema import QuestionError

    rows = atlas.lookup(ids, taxon=taxon)
    is_cut = _write_table(rows, format, output, is_defused=is_defused)
    if is_cut:
        note(f"the first {TERMINAL_ROWS} of {rows.num_rows:,} rows; -o FILE or a pipe gives all")
    missing = {printable(id): printable(reason) for id, reason in list_unmatched(rows).items()}
    summary = f"{len(missing):,} of {len(ids):,} ids {'has' if len(missing) == 1 else 'have'} no answer"
    if unmatched_file is not None:
        with sink(unmatched_file, is_text=True) as file:
            file.write("".join(f"{id}\t{reason}\n" for id, reason in missing.items()).encode())
        note(f"{summary}; see {unmatched_file}" if missing else "every id has an answer")
    elif missing:
        offenders = [cut(f"{cut(id, SHOWN_WIDTH)}: {reason}", 4 * SHOWN_WIDTH) for id, reason in missing.items()]
        raise QuestionError(f"{summary}.", offenders=offenders, hint="--unmatched FILE writes them all to a file")


def _write_table(rows: "pa.Table", format: SqlFormat, output: Path | None, *, is_defused: bool) -> bool:
    """Write the table; return whether a terminal got the first rows only."""
    from attlas.queries.answers.many_ids import shorten_for_text
    from attlas.queries.formats import BINARY, WRITERS, write_text
    from attlas.queries.spreadsheets import defuse_formulas

    is_terminal = output is None and sys.stdout.isatty()
    with sink(output, is_text=format not in BINARY) as file:
        if format == "table":
            limit = TERMINAL_ROWS if is_terminal else None
            return write_text(shorten_for_text(rows).to_reader(BATCH_ROWS), file, limit=limit)
        stream = rows.to_reader(BATCH_ROWS)
        WRITERS[format](defuse_formulas(stream) if is_defused else stream, file)
    return False
