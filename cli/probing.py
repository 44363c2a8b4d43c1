"""The verb that sums the attention of labelled residues: probe."""

from pathlib import Path
from typing import Annotated

import typer

from attlas.cli.output import refuse_unbuilt
from attlas.cli.progress import build_progress, say
from attlas.cli.workshop import Dir, Scheduler, Workers, workshop

Types = Annotated[
    list[str] | None,
    typer.Option(
        "--features",
        metavar="TYPE",
        help="Type of feature to probe, such as 'Active site'; may be repeated; default: all.",
    ),
]
Theta = Annotated[float, typer.Option(help="Attention from which on a pair of residues counts as an edge.")]
Periods = Annotated[
    list[int] | None,
    typer.Option(
        "--period",
        metavar="N",
        help="Distance between repeats, residues: sum what residues give to those N before and after them, too; may be "
        "repeated.",
        min=1,
    ),
]
AminoAcids = Annotated[bool, typer.Option(help="Probe the amino acids too.")]


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(probe)


def probe(
    directory: Dir,
    features: Types = None,
    theta: Theta = 0.3,
    amino_acids: AminoAcids = True,
    period: Periods = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Sum the attention that labelled residues receive, by head.

    It fills the tables `labels`, `head_features` and `head_max_sites`; with `--period` also `head_periods`.

    Labels are the features of `attlas annotate` and the amino acids. It costs about as much as the build. After a stop,
    the same command continues.
    """
    refuse_unbuilt(directory)
    with workshop():
        from attlas.pipeline.probe.adding import add_probe
        from attlas.schema import LABELS

        with build_progress() as progress:
            manifest = add_probe(
                Path(directory),
                theta=theta,
                types=features,
                is_by_letter=amino_acids,
                periods=period or (),
                progress=progress,
                n_workers=workers,
                scheduler=scheduler,
            )
    n_labels = manifest.of_table(LABELS).n_rows
    print(f"{directory}: {n_labels:,} labels on {manifest.counts.n_ok:,} proteins probed, theta {theta}")
    say(f"ask: attlas ask {directory} best_heads")
