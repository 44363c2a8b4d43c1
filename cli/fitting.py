"""The verb that fits probing classifiers: fit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attlas.cli.asking import Format, choose_format, write_rows
from attlas.cli.build_report import describe_needs
from attlas.cli.output import Output, print_lines, refuse_url
from attlas.cli.progress import build_progress, say
from attlas.cli.workshop import Dir, Scheduler, Workers, workshop

if TYPE_CHECKING:
    from attlas.pipeline.encode import StartProgress
    from attlas.pipeline.fitting.cost import FitCost
    from attlas.pipeline.fitting.fitting import Fit

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
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would do and cost; write nothing.")]


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
    workers: Workers = None,
    scheduler: Scheduler = None,
    dry_run: DryRun = False,
    format: Format = None,
    output: Output = None,
) -> None:
    """Fit linear probes of labels, judged on held-out families.

    The rows of the table `fits` say what they reach, for every label, layer and kind of input: letters, attention
    received, the output of the layer, both. -o writes them to a file, too. Another fit replaces them.

    The model runs twice over the proteins that carry a label, and nothing is stored for each residue. Every probe is
    compared with a control task, permuted labels and, with --random-weights, a model that was never trained. Negatives
    come only from proteins that are annotated for the label. The same command continues after a stop, and gives the
    same rows with any number of workers.
    """
    refuse_url(directory)
    file_format = choose_format(format, output)
    with workshop():
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
        if dry_run:
            from attlas.pipeline.fitting.cost import predict_fit_cost

            print_lines(_describe_cost(predict_fit_cost(Path(directory), settings, n_workers=workers)))
            return

        from attlas.pipeline.fitting.adding import add_fits

        with build_progress() as progress:

            def start(text: str) -> "StartProgress":
                say(text)
                return progress

            fitted = add_fits(Path(directory), settings, start=start, n_workers=workers, scheduler=scheduler)
    _say_outcome(directory, fitted)
    if output is not None or format is not None:
        write_rows(fitted.table.to_reader(), file_format, output)


def _describe_cost(cost: "FitCost") -> list[str]:
    """Return the lines that say the cost of a fit."""
    from attlas.queries.text import counted

    prepared = cost.prepared
    shards, n_residues = prepared.shards, sum(shard.n_residues for shard in prepared.shards)
    models = "the model and one of random weights" if prepared.n_models > 1 else "the model"
    sets = [labels.labels for labels in prepared.residues.sets] if prepared.residues else []
    labels = [label for of_set in sets for label in of_set] + (["contacts"] if prepared.contacts else [])
    return [
        f"labels   {', '.join(labels)}",
        *(f"left out {text}" for text in prepared.left_out),
        f"proteins {counted(prepared.n_sequences, 'sequence')}; held out together: {prepared.grouping.method}",
        f"passes   {models}, twice over {counted(n_residues, 'residue')} in {counted(len(shards), 'shard')}",
        *describe_needs(cost),
        f"solving  at most {cost.solving_bytes / 2**30:.1f} GiB in this process, for one set of labels at a time",
    ]


def _say_outcome(directory: Path, fitted: "Fit") -> None:
    """Say on stderr what was fitted, what was left out, and what to ask; stdout is for the rows."""
    from attlas.queries.text import counted

    grouping = fitted.grouping
    alone = f"; {grouping.n_alone:,} of none, with their relatives or each by itself" if grouping.n_alone else ""
    say(f"{fitted.n_sequences:,} sequences; held out together: {grouping.method}{alone}")
    for text in fitted.left_out:
        say(f"left out, {text}")
    say(f"{directory}: {counted(fitted.table.num_rows, 'row')} of fits")
    say(f"ask: attlas ask {directory} probe_layers")
