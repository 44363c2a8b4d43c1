"""The verb that runs pairs of proteins through the model as one input: pairs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attlas.cli.build_report import describe_needs
from attlas.cli.output import print_lines, refuse_unbuilt
from attlas.cli.progress import build_progress, say, say_names
from attlas.cli.workshop import EXIT_FAILURES, Dir, Scheduler, Workers, workshop

if TYPE_CHECKING:
    from attlas.pipeline.pairs.adding import AddedPairs
    from attlas.pipeline.pairs.cost import PairCost
    from attlas.pipeline.pairs.files.rows import PairFileOptions
    from attlas.pipeline.pairs.pair_list import PairList
    from attlas.pipeline.pairs.settings import PairSettings

N_SKIPPED_SHOWN = 10

Order = Literal["both", "forward"]
PairsFile = Annotated[
    Path,
    typer.Argument(
        metavar="PAIRS",
        help="Two accessions a line, then maybe a label and a score, separated by tabs or commas; STRING's "
        "protein.links; PSI-MITAB; or, with --all-against, a list. Plain or compressed.",
        show_default=False,
    ),
]
Aliases = Annotated[
    Path | None,
    typer.Option("--aliases", metavar="FILE", help="STRING's protein.aliases, by which its ids are found."),
]
MinScore = Annotated[
    float | None, typer.Option("--min-score", metavar="N", help="Leave out pairs of a lower score, or of none.")
]
AllAgainst = Annotated[
    Path | None,
    typer.Option("--all-against", metavar="FILE", help="PAIRS is a list of accessions: pair each with each of FILE."),
]
Join = Annotated[
    str | None,
    typer.Option(
        "--join",
        metavar="FORMS",
        help="How two proteins are joined: gap, linker, ends, separators, or several of them with commas. Default: "
        "gap, or linker where the model has no rotary positions.",
    ),
]
OrderOption = Annotated[
    Order, typer.Option("--order", help="Both orders of the two, and their mean; or that of the file alone.")
]
Gap = Annotated[int, typer.Option(min=0, metavar="N", help="Positions without letters, in the form gap.")]
Floor = Annotated[float, typer.Option(help="Attention from which on a weight across may become a link.")]
PerResidue = Annotated[
    int, typer.Option("--per-residue", min=1, metavar="N", help="Links across for each residue of both proteins.")
]
Heads = Annotated[
    str | None,
    typer.Option(
        "--heads",
        metavar="HEADS",
        help="Score contacts by the mean of these heads, too: a file of `attlas contacts --choose-heads`, or heads "
        "such as 5-3,4-17.",
    ),
]
Segments = Annotated[bool, typer.Option("--segments", help="Keep the attention between the ten segments of each, too.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would do and cost; write nothing.")]
MaxLength = Annotated[
    int | None, typer.Option(min=2, metavar="N", help="Skip pairs of more than N residues, with a reason.")
]


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(pairs)


def pairs(
    directory: Dir,
    source: PairsFile,
    aliases: Aliases = None,
    min_score: MinScore = None,
    all_against: AllAgainst = None,
    join: Join = None,
    order: OrderOption = "both",
    gap: Gap = 100,
    floor: Floor = 0.05,
    per_residue: PerResidue = 1,
    heads: Heads = None,
    max_length: MaxLength = None,
    segments: Segments = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dry_run: DryRun = False,
) -> None:
    """Run pairs of proteins through the model as one input.

    It fills the tables `pairs`, `pair_heads`, `pair_residues`, `pair_links` and `pair_contacts`: what two proteins
    attend to in each other. With --segments also `pair_segments`: 20 x 20 numbers of each layer.

    Every line of PAIRS ends as a row of `pairs`: computed, or skipped with its reason, such as an accession that is not
    in the atlas. Each form and order is an input of its own. After a stop, the same command continues; another file, or
    other settings, take the place of what there was.
    """
    refuse_unbuilt(directory)
    with workshop():
        from attlas.pipeline.pairs.files.rows import PairFileOptions
        from attlas.pipeline.pairs.settings import PairSettings

        settings = PairSettings(join, order, gap, floor, per_residue, heads, max_length, segments)
        listed = read_listed_pairs(directory, source, PairFileOptions(aliases, min_score, all_against))
        if dry_run:
            from attlas.pipeline.pairs.cost import predict_pair_cost

            print_lines(
                describe_cost(predict_pair_cost(directory, listed, settings, n_workers=workers, scheduler=scheduler))
            )
            return

    is_cost_announced = all_against is not None
    if add_and_report_pairs(
        directory, listed, settings, workers=workers, scheduler=scheduler, is_cost_announced=is_cost_announced
    ):
        sys.exit(EXIT_FAILURES)


def read_listed_pairs(directory: Path, source: Path, options: "PairFileOptions") -> "PairList":
    """Return the pairs of a file for the atlas in a directory. Raises as `read_pairs`, and where there is no atlas."""
    from attlas.pipeline.pairs.pair_list import read_pairs
    from attlas.pipeline.pairs.planning import read_proteins
    from attlas.schema import AtlasPaths, Manifest

    paths = AtlasPaths(directory)
    Manifest.read(paths)  # an atlas that is not whole is refused before anything is read
    return read_pairs(source, options, names=read_proteins(paths).names)


def add_and_report_pairs(
    directory: Path,
    listed: "PairList",
    settings: "PairSettings",
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    is_cost_announced: bool = False,
) -> bool:
    """Run the pass, and print what became of every line; return whether a pair failed.

    With `is_cost_announced`, the cost is printed before anything is computed.
    """

    def announce(cost: "PairCost") -> None:
        for line in describe_cost(cost):
            say(line)

    with workshop():
        from attlas.pipeline.pairs.adding import add_listed_pairs

        with build_progress() as progress:
            added = add_listed_pairs(
                Path(directory),
                listed,
                settings,
                progress=progress,
                n_workers=workers,
                scheduler=scheduler,
                announce=announce if is_cost_announced else None,
            )
    _report_added(directory, added)
    _report_left_out(listed)
    return bool(added.failed)


def describe_cost(cost: "PairCost") -> list[str]:
    """Return the lines that say the cost of a pass over pairs."""
    from attlas.queries.text import counted

    inputs = f"{counted(cost.n_pairs, 'pair')}, {counted(cost.n_inputs, 'input')} of each"
    return [
        f"pairs    {inputs}; {counted(cost.n_left_out, 'line')} left out",
        f"model    {counted(cost.n_residues, 'residue')} to run through it, in {counted(cost.n_shards, 'shard')}",
        *describe_needs(cost),
    ]


def _report_left_out(listed: "PairList") -> None:
    """Say how many lines named no pair, by reason, where they are too many to be listed."""
    for reason, n in listed.n_left_out.items():
        if n > N_SKIPPED_SHOWN:
            say(f"{n:,} lines skipped: {reason}")
    if n_without_row := sum(listed.n_left_out.values()) - len(listed.left_out):
        say(f"{n_without_row:,} of these lines are counted here alone, without a row in the table pairs")


def _report_added(directory: Path, added: "AddedPairs") -> None:
    from attlas.queries.text import counted

    outcomes = f"{added.n_ok:,} ok, {len(added.skipped):,} skipped, {len(added.failed):,} failed"
    inputs = f"joined by {', '.join(added.forms)}, {'both orders' if len(added.orders) == 2 else 'one order'}"
    rows = f"{counted(added.n_links, 'link')} and {counted(added.n_contacts, 'contact')} across"
    print(f"{directory}: {counted(added.n_lines, 'line')} of pairs: {outcomes}; {inputs}; {rows}")

    for line, reason in added.skipped[:N_SKIPPED_SHOWN]:
        say(f"line {line:,} skipped: {reason}")
    if len(added.skipped) > N_SKIPPED_SHOWN:
        say(f"and {len(added.skipped) - N_SKIPPED_SHOWN:,} more; all of them: SELECT * FROM pairs WHERE status <> 'ok'")
    say_names("failed, because the model's attention is not finite", added.failed)
