"""The verbs that use labelled residues: evaluate sites, evaluate candidates."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attlas.cli.output import OUTPUT_NAMES, AsJson, note, print_json, print_lines, refuse_url, refuse_url_to_write, sink
from attlas.cli.progress import say
from attlas.cli.workshop import Dir, workshop

if TYPE_CHECKING:
    from attlas.intake.rejects import Account
    from attlas.pipeline.evaluating.evaluation import LabelledAtlas
    from attlas.pipeline.evaluating.rivals import Rival

LEAST_DRAWS = 1000
"""Draws of families: with fewer than 400 no p value, adjusted for ten comparisons, could be below 0.05."""

TruthFile = Annotated[
    Path,
    typer.Option(
        "--truth",
        metavar="FILE",
        help="Table of accession and positions, `;` between them, counted from 1; letters are checked: H57;D102.",
        show_default=False,
    ),
]
GroupsFile = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        metavar="FILE",
        help="Table of accession and family, held out whole; default: clusters of 40 % identity.",
    ),
]
TrainDir = Annotated[
    Path | None,
    typer.Option("--train", metavar="OTHER", help="Atlas to fit on, without the groups that both share."),
]
TrainTruth = Annotated[
    Path | None, typer.Option("--train-truth", metavar="FILE", help="The truth of that atlas, as --truth.")
]
RivalFile = Annotated[
    tuple[str, Path] | None,
    typer.Option(
        "--rival",
        metavar="NAME FILE",
        help="Compare with another prediction: accession, position, and a probability if there is one.",
        show_default=False,
    ),
]
RivalTraining = Annotated[
    Path | None,
    typer.Option(
        "--rival-training",
        metavar="FILE",
        help="Accessions on which the rival was trained: equal sequences count. Without it the overlap is `unknown`.",
    ),
]
JsonFile = Annotated[
    Path | None, typer.Option(*OUTPUT_NAMES, metavar="FILE", help="Write all numbers to this file, as JSON, too.")
]
Seed = Annotated[int, typer.Option(help="Seed of the folds and of the draws of families.")]
Draws = Annotated[int, typer.Option(min=LEAST_DRAWS, metavar="N", help="Draws of families for the intervals.")]
Threads = Annotated[int, typer.Option(min=1, metavar="N", help="Threads of the model.")]

Label = Annotated[str, typer.Option("--type", metavar="TYPE", help="What the labels are, as in `features`.")]
PerProtein = Annotated[
    int,
    typer.Option(
        "--first",
        min=1,
        metavar="N",
        help="Residues of each protein that are kept, in addition to those from homology.",
    ),
]
CardFile = Annotated[
    Path | None, typer.Option(*OUTPUT_NAMES, metavar="FILE", help="Write the model card to this file, as JSON, too.")
]

app = typer.Typer(
    help="Judge a claim against labelled residues, or rank others.", no_args_is_help=True, rich_markup_mode=None
)


def add_verbs(parent: typer.Typer) -> None:
    """Add the verbs to the command line."""
    parent.add_typer(app, name="evaluate")


@app.command("sites")
def sites(
    directory: Dir,
    truth: TruthFile,
    groups: GroupsFile = None,
    train: TrainDir = None,
    train_truth: TrainTruth = None,
    rival: RivalFile = None,
    rival_training: RivalTraining = None,
    seed: Seed = 0,
    draws: Draws = 10_000,
    threads: Threads = 1,
    output: JsonFile = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether attention adds to other predictors of sites.

    Predictors of labelled residues are fitted on some families and scored on others: letter, window, homology transfer,
    embedding, all of these, and each with HA sites or all attention added. It reports the differences per protein, with
    intervals over families, the power of the set, and a verdict in one sentence.

    Proteins that the truth does not name take no part. A protein with a position that cannot be used is left out.
    """
    for path in (directory, *([train] if train is not None else [])):
        refuse_url(path)
    if output is not None:
        refuse_url_to_write(output)
    _refuse_halves(train=train, train_truth=train_truth, rival=rival, rival_training=rival_training)

    with workshop():
        from attlas.pipeline.evaluating.evaluation import evaluate
        from attlas.pipeline.evaluating.results import describe
        from attlas.pipeline.evaluating.rivals import read_rival

        atlas = _open_labelled_atlas(Path(directory), truth)
        train_atlas = None
        if train is not None and train_truth is not None:
            train_atlas = _open_labelled_atlas(train, train_truth)

        rivals: list[Rival] = []
        if rival is not None:
            rivals = [read_rival(*rival, atlas.proteins, training=rival_training)]
            _tell_left_out(rival[1].name, rivals[0].account)
            if (training := rivals[0].training_list) is not None:
                _tell_left_out(training.name, training.account)

        evaluation = evaluate(
            atlas,
            groups=groups,
            train=train_atlas,
            rivals=rivals,
            seed=seed,
            n_draws=draws,
            n_threads=threads,
            say=say,
        )

    if output is not None:
        _write_json(output, evaluation.to_json())
    if as_json:
        print_json(evaluation.to_json())
    else:
        print_lines(describe(evaluation))


@app.command("candidates")
def candidates(
    directory: Dir,
    truth: TruthFile,
    label: Label = "Active site",
    n_first: PerProtein = 10,
    seed: Seed = 0,
    threads: Threads = 1,
    output: CardFile = None,
    as_json: AsJson = False,
) -> None:
    """Rank residues of proteins whose sites nobody knows.

    It fills the table `candidate_sites`. A predictor is fitted on the labelled proteins, chosen and calibrated on
    families held out, and applied to all others, except those that a line names which was left out, and those that have
    a feature of the type. These are predictions, no annotations: a probability holds only if the protein has such a
    site, and is left out where it is not calibrated.
    """
    refuse_url(directory)
    if output is not None:
        refuse_url_to_write(output)

    with workshop():
        from attlas.pipeline.evaluating.candidates import add_candidates
        from attlas.pipeline.evaluating.card import describe_card

        atlas = _open_labelled_atlas(Path(directory), truth)
        added = add_candidates(atlas, type=label, n_first=n_first, seed=seed, n_threads=threads, say=say)

    if output is not None:
        _write_json(output, added.card)
    if as_json:
        print_json(added.card)
        return

    print(f"{directory}: {added.n_rows:,} candidate sites of {len(added.others.proteins):,} proteins")
    print_lines(describe_card(added.card))
    say(f"ask: attlas ask {directory} candidate_sites type='{added.card['type']}'")


def _open_labelled_atlas(directory: Path, truth: Path) -> "LabelledAtlas":
    """Open an atlas with the truth of its proteins, and print which lines of the truth are left out."""
    from attlas.pipeline.evaluating.evaluation import open_labelled_atlas

    atlas = open_labelled_atlas(directory, truth)
    _tell_left_out(truth.name, atlas.truth.account)
    return atlas


def _refuse_halves(
    *, train: Path | None, train_truth: Path | None, rival: tuple[str, Path] | None, rival_training: Path | None
) -> None:
    """Refuse an option without the one that it belongs to. Raises InputError."""
    from attlas.schema import InputError

    if (train is None) != (train_truth is None):
        raise InputError("--train and --train-truth go together.", expected="an atlas, and the truth of its proteins")
    if rival is not None and not rival[0].strip():
        raise InputError("--rival has no name.", expected="a name for the prediction, then its file")
    if rival is None and rival_training is not None:
        raise InputError("--rival-training goes with --rival.", found=f"--rival-training {rival_training}")


def _write_json(output: Path, values: object) -> None:
    with sink(output, is_text=True) as file:
        file.write(json.dumps(values, indent=1).encode() + b"\n")


def _tell_left_out(name: str, account: "Account") -> None:
    """Print the lines of a table that were left out, with reasons."""
    for line in account.lines(prefix=f"left out of {name}: "):
        note(line)
