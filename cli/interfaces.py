"""The verbs that judge attention across pairs against known contacts, and against labels: interfaces, binders."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attlas.cli.output import refuse_unbuilt
from attlas.cli.progress import build_progress, say
from attlas.cli.workshop import EXIT_FAILURES, Dir, Scheduler, Workers, workshop

if TYPE_CHECKING:
    from attlas.pipeline.interfaces.adding import AddedInterfaces
    from attlas.pipeline.interfaces.adding_nulls import AddedNulls

Join = Annotated[
    str | None,
    typer.Option("--join", metavar="FORMS", help="gap, linker, ends, separators; default: those of `attlas pairs`."),
]
Gap = Annotated[
    int | None,
    typer.Option(min=0, metavar="G", help="Positions without letters (gap); default: as `attlas pairs` had."),
]
Order = Annotated[
    Literal["both", "forward"], typer.Option(help="both: the mean map of both orders of the two; or forward.")
]
Apc = Annotated[
    Literal["joined", "across"], typer.Option(help="Average product over the joined map, or the block across.")
]
Groups = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Group and protein a line (as mmseqs clusters); default: by alignment."),
]
Identity = Annotated[
    float, typer.Option(metavar="SHARE", help="Identical residues, of the shorter chain, that make chains alike.")
]
Heads = Annotated[str, typer.Option(metavar="K,...", help="Numbers of heads that are fused.")]
Choosing = Annotated[int, typer.Option(min=1, metavar="N", help="Pairs on which heads are chosen.")]
Splits = Annotated[int, typer.Option(min=1, metavar="N", help="Splits into pairs that choose and pairs that judge.")]
Seed = Annotated[int, typer.Option(help="Seed of the shuffled letters and of the splits.")]


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(interfaces)
    app.command()(binders)


def interfaces(
    directory: Dir,
    join: Join = None,
    gap: Gap = None,
    order: Order = "both",
    apc: Apc = "joined",
    groups: Groups = None,
    identity: Identity = 0.3,
    heads: Heads = "3,10",
    choosing: Choosing = 10,
    splits: Splits = 20,
    seed: Seed = 0,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Judge attention across pairs against known contacts.

    It fills the tables `pair_head_contacts`, a row for each head and pair, and `pair_choices`, of fused heads.

    Judged are the pairs of `attlas pairs` that have contacts by `attlas annotate`, beside two nulls: partners swapped
    for those of another homology group, and letters shuffled. Heads are chosen by their mean AUROC on a few pairs and
    judged on pairs of other groups. After a stop, the same command continues.
    """
    refuse_unbuilt(directory)
    with workshop():
        from attlas.pipeline.interfaces.adding import InterfaceSettings, add_interfaces

        settings = InterfaceSettings(
            forms=join,
            gap=gap,
            order=order,
            apc=apc,
            groups=groups,
            identity=identity,
            n_heads=_read_numbers(heads),
            n_choosing=choosing,
            n_splits=splits,
            seed=seed,
        )
        with build_progress() as progress:
            added = add_interfaces(Path(directory), settings, progress=progress, n_workers=workers, scheduler=scheduler)
    _report_added(directory, added, choosing)
    if added.n_failed:
        sys.exit(EXIT_FAILURES)


def binders(
    directory: Dir,
    groups: Groups = None,
    identity: Identity = 0.3,
    seed: Seed = 0,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Compute the nulls of labelled pairs.

    It fills the table `pair_nulls`: what heads say of each labelled pair by chance.

    Of every pair of `attlas pairs` that has a label in its file: with the partner swapped for that of a pair of another
    homology group, of like length, and with the letters of both shuffled; joined as the pairs were. The questions
    `binder_nulls` and `binder_nulls_held_out` hold the labelled pairs against them. After a stop, the same command
    continues.
    """
    refuse_unbuilt(directory)
    with workshop():
        from attlas.pipeline.interfaces.adding_nulls import NullSettings, add_nulls

        settings = NullSettings(groups, identity, seed)
        with build_progress() as progress:
            added = add_nulls(Path(directory), settings, progress=progress, n_workers=workers, scheduler=scheduler)
    _report_nulls(directory, added)
    if added.n_failed:
        sys.exit(EXIT_FAILURES)


def _report_nulls(directory: Path, added: "AddedNulls") -> None:
    """Print which nulls there are, and what to ask."""
    from attlas.queries.text import counted

    pairs, groups = counted(added.n_pairs, "labelled pair"), counted(added.n_groups, "homology group")
    print(f"{directory}: nulls of {pairs} of {groups}: letters shuffled, {added.n_swapped:,} partners swapped")
    if added.n_swapped < added.n_pairs:
        say("no partner is swapped: all pairs are of one homology group")
    if added.n_failed:
        say(f"failed, because the model's attention is not finite: {counted(added.n_failed, 'null')}")
    say(f"ask: attlas ask {directory} binder_nulls binder=LABEL")


def _read_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a text such as `3,10`. Raises InputError."""
    from attlas.schema import InputError

    words = text.replace(",", " ").split()
    if not words or not all(word.isdecimal() for word in words):
        raise InputError("--heads is one number or several.", expected="such as 3,10", found=repr(text))
    return tuple(sorted(set(map(int, words))))


def _report_added(directory: Path, added: "AddedInterfaces", n_choosing: int) -> None:
    """Print what was judged, and what to ask."""
    from attlas.queries.text import counted

    groups = counted(added.n_groups, "homology group")
    print(f"{directory}: {counted(added.n_pairs, 'pair')} of {groups}, {', '.join(added.forms)}")
    if added.n_without_contacts:
        say(f"without known contacts, left out: {counted(added.n_without_contacts, 'pair')}")
    if added.n_homodimers:
        say(f"homodimers, which choose no heads: {added.n_homodimers:,}")
    if added.n_swapped < added.n_pairs:
        say("no partner is swapped: all pairs are of one homology group")
    if not added.n_splits:
        say(f"no heads are fused: that takes more homology groups of heteromers than --choosing {n_choosing}")
    if added.n_failed:
        say(f"failed, because the model's attention is not finite: {counted(added.n_failed, 'trial')}")
    say(f"ask: attlas ask {directory} across_contacts")
