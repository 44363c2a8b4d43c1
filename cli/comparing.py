"""The verb that sets an atlas beside a table of sites from elsewhere: compare."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from attlas.cli.asking import Format, choose_format, write_rows
from attlas.cli.output import AtlasDir, Output, note, sink

By = Annotated[
    Literal["all", "protein"], typer.Option(help="all: pooled numbers with intervals; protein: a row per protein.")
]
Base = Annotated[
    int | None,
    typer.Option(
        metavar="0|1",
        help="Number of the first residue in FILE; default: found from letters, a 0 or a last residue; else required.",
        show_default=False,
    ),
]
Layers = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Table of protein and layer of convergence, 0-based, if it is not in FILE."),
]
Within = Annotated[int, typer.Option(metavar="N", help="Residues within which two sites are near.", min=0)]
RejectedFile = Annotated[
    Path | None, typer.Option("--rejected", metavar="FILE", help="Write every record left out, with why, as TSV.")
]


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(compare)


def compare(
    directory: AtlasDir,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Sites as CSV, TSV, JSON, GFF3 or Parquet, a row per site or a list per protein; `-` reads stdin; or "
            "another atlas.",
            show_default=False,
        ),
    ],
    base: Base = None,
    by: By = "all",
    within: Within = 3,
    layers: Layers = None,
    rejected: RejectedFile = None,
    format: Format = None,
    output: Output = None,
) -> None:
    """Compare sites with a published table or another atlas.

    A table has columns such as accession and position (or a list of positions), and may have residue, rank and layer.
    Every position is checked against the stored sequence; what does not fit is left out, named and counted.
    """
    from attlas.queries.atlas import Atlas
    from attlas.queries.comparing.comparison import compare as compare_sites
    from attlas.queries.formats import write_tsv

    table_format = choose_format(format, output)
    with Atlas.open(directory) as atlas:
        comparison = compare_sites(atlas, file, base=base, layers=layers, near=within)

    if rejected is not None:
        with sink(rejected, is_text=True) as account:
            write_tsv(comparison.rejected.to_reader(), account)
    for text in comparison.notes:
        note(text)
    if comparison.rejected.num_rows and rejected is None:
        note("--rejected FILE writes every record left out, with why")
    answer = comparison.proteins if by == "protein" else comparison.pooled
    write_rows(answer.to_reader(), table_format, output)
