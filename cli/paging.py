"""The verb that writes the page of a protein: page."""

import re
from pathlib import Path
from typing import Annotated

import typer

from attlas.cli.output import ID_FORMS, OUTPUT_NAMES, AtlasDir, note
from attlas.cli.showing import match_names

NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._-]")


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(page)


def page(
    directory: AtlasDir,
    id: Annotated[str, typer.Argument(metavar="ID", help=ID_FORMS, show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(*OUTPUT_NAMES, metavar="FILE", help="File to write; default: ACCESSION.html.", show_default=False),
    ] = None,
    structure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="PDB or mmCIF file (or compressed) to draw; default: what the atlas is annotated with.",
            show_default=False,
        ),
    ] = None,
    chain: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Chain of the structure; default: every chain of FILE that fits.", show_default=False
        ),
    ] = None,
) -> None:
    """Write the page of a protein: one HTML file to look at.

    It shows sites, features, attention received in every layer, heads, links and the structure, and needs no network.
    Words of a name do for an ID where only one protein has them.
    """
    from attlas.queries.atlas import Atlas

    with Atlas.open(directory) as atlas:
        (match,), faults = match_names(atlas, [atlas.match(id)])
        if faults:
            raise faults[0]
        accession = atlas.protein_rows(match.rows[:1], ["accession"])["accession"][0].as_py()
        protein_page = atlas.page(accession, structure=structure, chain=chain)

    path = protein_page.write(output or Path(f"{NOT_IN_FILE_NAMES.sub('_', accession)}.html"))
    n_bytes = len(protein_page.html.encode())
    print(f"{path}: {accession}, {n_bytes / 1e3:,.0f} kB, {protein_page.n_bytes_zipped / 1e3:,.0f} kB gzipped")

    drawn = protein_page.data["structure"]
    for text in (*(drawn["notes"] if structure and drawn else ()), *protein_page.notes):
        note(text)
