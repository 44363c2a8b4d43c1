"""The verb that writes the page of a protein or of a pair: page."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attlas.cli.output import ID_FORMS, OUTPUT_NAMES, AtlasDir, note

if TYPE_CHECKING:
    from attlas.queries.page.protein_page import ProteinPage

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
            metavar="FILE|DIR",
            help="PDB or mmCIF file (or compressed) to draw, or a folder with one named after the protein; default: "
            "what the atlas is annotated with.",
            show_default=False,
        ),
    ] = None,
    chain: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Chain of the structure; default: every chain of FILE that fits.", show_default=False
        ),
    ] = None,
    partner: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Write the page of the pair of ID and this protein.", show_default=False),
    ] = None,
    partner_chain: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Chain of the partner; default: found by its letters.", show_default=False),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--form",
            metavar="FORM",
            help="How the pair was joined; default: the first that was computed.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the page of a protein, or of a pair: one HTML file.

    It shows sites, features, attention received in every layer, heads, links and the structure, and needs no network.
    With --partner it shows what two proteins of `attlas pairs` attend to in each other.
    Words of a name do for an ID where only one protein has them.
    """
    from attlas.queries.atlas import Atlas

    if partner is None and (form or partner_chain):
        raise typer.BadParameter("they are of a pair: give --partner", param_hint="--form and --partner-chain")

    with Atlas.open(directory) as atlas:
        accession = atlas.find_accession(id, note=note, takes_members=True)
        html_page: ProteinPage
        if partner is None:
            html_page = atlas.page(accession, structure=structure, chain=chain)
            file_name = accession
        else:
            other = atlas.find_accession(partner, note=note, takes_members=True)
            html_page = atlas.pair_page(
                accession, other, form=form, structure=structure, chain=chain, partner_chain=partner_chain
            )
            file_name = f"{accession}-{other}"

    path = html_page.write(output or Path(f"{NOT_IN_FILE_NAMES.sub('_', file_name)}.html"))
    n_bytes = len(html_page.html.encode())
    print(f"{path}: {html_page.name}, {n_bytes / 1e3:,.0f} kB, {html_page.n_bytes_zipped / 1e3:,.0f} kB gzipped")

    drawn = html_page.data["structure"]
    for text in (*(drawn["notes"] if structure and drawn else ()), *html_page.notes):
        note(text)
