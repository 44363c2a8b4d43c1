"""The verb that fits probing classifiers: fit."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attlas.cli.asking import Format, choose_format, write_rows
from attlas.cli.output import Output, refuse_url
from attlas.cli.progress import say
from attlas.cli.workshop import Dir, workshop

if TYPE_CHECKING:
    from attlas.pipeline.fitting.fitting import Fit
    from attlas.pipeline.fitting.settings import Report

Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--labels",
        metavar="LABEL",
        help="Type of feature, track:NAME, or contacts, as pairs; may be repeated; default: every type of feature that "
        "enough families have.",
    ),
]
By = Annotated[str, typer.Option("--by", metavar="RULE", help="What is held out: family, cluster40 or none.")]
Clusters = Annotated[
    Path | None,
    typer.Option(
        "--clusters",
        metavar="FILE",
        help="Table of accession and cluster, for --by cluster40; without it they are computed.",
    ),
]
Database = Annotated[
    str | None, typer.Option("--database", metavar="NAME", help="Hold out the families of this database alone.")
]
Folds = Annotated[int, typer.Option("--folds", min=3, metavar="N", help="Folds of the cross-validation.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the folds and of the controls.")]
RandomWeights = Annotated[
    bool, typer.Option("--random-weights", help="Fit a model of the same shape and random weights, too.")
]


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(fit)


def fit(
    directory: Dir,
    labels: Labels = None,
    by: By = "family",
    clusters: Clusters = None,
    database: Database = None,
    folds: Folds = 5,
    seed: Seed = 1,
    random_weights: RandomWeights = False,
    format: Format = None,
    output: Output = None,
) -> None:
    """Fit linear probes of labels on families held out.

    The rows of the table `fits` say what they reach, for every label, layer and kind of input: letters, attention
    received, the output of the layer, both. -o writes them to a file, too. Another fit replaces them.

    The model runs twice over the proteins that carry a label, and nothing is stored for each residue. Beside every
    probe stand a control task, permuted labels and, with --random-weights, a model that was never trained. Negatives
    come only from proteins that are annotated for the label. The same command goes on after a stop.
    """
    refuse_url(directory)
    file_format = choose_format(format, output)
    with workshop():
        from attlas.pipeline.fitting.adding import add_fits
        from attlas.pipeline.fitting.settings import FitSettings

        settings = FitSettings(
            labels=tuple(labels) if labels else None,
            by=by,
            clusters=clusters,
            database=database,
            n_folds=folds,
            seed=seed,
            has_random_weights=random_weights,
        )
        with _reporting() as report:
            fitted = add_fits(Path(directory), settings, report=report)
    _say_outcome(directory, fitted)
    if output is not None or format is not None:
        write_rows(fitted.table.to_reader(), file_format, output)


@contextmanager
def _reporting() -> "Iterator[Report]":
    """Yield a function that prints each tenth of a pass on stderr."""
    last: dict[str, int] = {}

    def report(text: str, n_done: int, n_total: int) -> None:
        tenth = 10 * n_done // max(n_total, 1)
        if tenth > last.get(text, 0):
            last[text] = tenth
            say(f"{text}: {n_done:,} of {n_total:,} residues")

    yield report
    sys.stderr.flush()


def _say_outcome(directory: Path, fitted: "Fit") -> None:
    """Say on stderr what was fitted, what was left out, and what to ask; stdout is for the rows."""
    from attlas.queries.text import counted

    grouping = fitted.grouping
    alone = f"; {grouping.n_alone:,} of none, each by itself" if grouping.n_alone else ""
    say(f"{fitted.n_sequences:,} sequences; held out together: {grouping.method}{alone}")
    for text in fitted.left_out:
        say(f"left out, {text}")
    say(f"{directory}: {counted(fitted.table.num_rows, 'row')} of fits")
    say(f"ask: attlas ask {directory} probe_layers")
