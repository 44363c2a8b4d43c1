"""The verb that finds proteins by words: find."""

from typing import Annotated

import typer

from attlas.cli.asking import Format, choose_format, write_rows
from attlas.cli.output import AtlasDir, Output, SafeForSpreadsheets, note, refuse_unsafe_format


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(find)


def find(
    directory: AtlasDir,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORD...",
            help="Words of a name, gene, entry name or organism, in any letter case; or a PDB id of a structure.",
            show_default=False,
        ),
    ],
    format: Format = None,
    output: Output = None,
    safe_for_spreadsheets: SafeForSpreadsheets = False,
) -> None:
    """Find proteins by what they are called, best fit first.

    For example: `attlas find DIR dna polymerase`.
    """
    from attlas.queries.atlas import Atlas
    from attlas.queries.store import hit_table
    from attlas.queries.text import printable
    from attlas.schema import QuestionError

    file_format = choose_format(format, output)
    if safe_for_spreadsheets:
        refuse_unsafe_format(file_format)

    text = " ".join(words)
    with Atlas.open(directory) as atlas:
        search = atlas.search(text)
        for line in search.notes:
            note(line)
        if not search.hits:
            message = f"No protein of this atlas is called {printable(text)!r}."
            raise QuestionError(message, hint=atlas.suggest(text))
        write_rows(hit_table(search).to_reader(), file_format, output, is_defused=safe_for_spreadsheets)
