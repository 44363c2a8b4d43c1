"""The verbs that look things up: show, info."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from attlas.cli.output import ID_FORMS, AsJson, AtlasDir, print_json, print_lines, together

if TYPE_CHECKING:
    from attlas.queries.answers import Answer
    from attlas.schema import Manifest


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(show)
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
            print_json([answer.to_json(atlas.manifest) for answer in found])
        else:
            _print_cards(found, atlas.manifest)
    faults = [answer.fault for answer in found if answer.fault is not None]
    if faults:
        raise together(faults, n_asked=len(found))


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
        print_json(description.columns_to_json(manifest) if columns else description.to_json(manifest))
    else:
        print_lines(description.column_lines(manifest) if columns else description.info_lines(manifest))


def _print_cards(found: "Sequence[Answer]", manifest: "Manifest") -> None:
    from attlas.queries.card import COLOURED, PLAIN, card
    from attlas.queries.text import terminal_width

    is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    style = COLOURED if is_coloured else PLAIN
    cards = [card(answer, manifest.run, width=terminal_width(), style=style) for answer in found if answer.protein]
    if cards:
        print_lines("\n\n".join(cards).splitlines())
