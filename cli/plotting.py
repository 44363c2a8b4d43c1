"""The verb that draws one protein: plot."""

from pathlib import Path
from typing import Annotated

import typer

from attlas.cli.output import ID_FORMS, OUTPUT_NAMES, AtlasDir, note, sink


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(plot)


def plot(
    directory: AtlasDir,
    id: Annotated[str, typer.Argument(metavar="ID", help=ID_FORMS, show_default=False)],
    output: Annotated[
        Path,
        typer.Option(*OUTPUT_NAMES, metavar="FILE", help="File to write: .svg, .png or .pdf.", show_default=False),
    ],
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="profile, heads or links.")] = "profile",
    layer: Annotated[
        int | None,
        typer.Option("--layer", help="Layer of the profile, or of the head, from 0; default: that of convergence."),
    ] = None,
    head: Annotated[
        int | None,
        typer.Option("--head", help="Head of the links, from 0; default: that whose links touch the sites most."),
    ] = None,
    statistic: Annotated[
        str | None, typer.Option("--statistic", metavar="NAME", help="Statistic of the heads; default: n_edges.")
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option("--track", metavar="NAME", help="Draw this track below the profile; may be given several times."),
    ] = None,
) -> None:
    """Draw a protein, for a paper.

    A profile is the attention that residues receive, with sites, ranks, known features, and tracks that are named.
    Heads are a map of one statistic. Links are what one head links, if `attlas links` was run.
    """
    from attlas.queries.atlas import Atlas
    from attlas.queries.plots import draw_plot, figure_bytes, format_of

    format = format_of(output)
    with Atlas.open(directory) as atlas:
        accession = atlas.find_accession(id, note=note)
        figure = draw_plot(atlas, accession, kind, layer=layer, head=head, statistic=statistic, tracks=track or ())
    data = figure_bytes(figure, format)
    with sink(output, is_text=False) as file:
        file.write(data)
