"""The verb that predicts contacts, compares single heads with structures, and chooses heads: contacts."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attlas.cli.output import refuse_unbuilt
from attlas.cli.progress import N_SHOWN, build_progress, say, say_names
from attlas.cli.workshop import EXIT_FAILURES, Dir, MaxLength, Scheduler, Workers, workshop

if TYPE_CHECKING:
    from attlas.pipeline.contacts.adding import AddedContacts
    from attlas.pipeline.contacts.choosing_heads import ChoiceSettings
    from attlas.pipeline.contacts.planning import ContactSettings

DEFAULT_FLOOR = 0.3
"""Probability from which on a pair is kept, unless another is given."""
Floor = Annotated[
    float | None,
    typer.Option(help=f"Keep every pair of at least this probability; default: {DEFAULT_FLOOR}.", show_default=False),
]
AtomOption = Annotated[
    Literal["ca", "cb"],
    typer.Option(help="Atom that stands for a residue of a structure: C-alpha, or C-beta (of glycine C-alpha)."),
]
HeadsOnly = Annotated[
    bool, typer.Option("--heads-only", help="Only compare heads with structures; predict no contacts.")
]
Heads = Annotated[
    str | None,
    typer.Option(
        "--heads",
        metavar="FILE|LIST",
        help="Predict contacts by the mean of these heads, for any model: a file that --choose-heads wrote, or "
        "layer-head from 0, such as 5-3,4-17.",
        show_default=False,
    ),
]
ChooseHeads = Annotated[
    Path | None,
    typer.Option(
        "--choose-heads",
        metavar="FILE",
        help="Rank the heads by a few structures of the atlas, and write the best of them to this JSON file; the "
        "atlas stays as it is.",
        show_default=False,
    ),
]
Best = Annotated[
    int | None,
    typer.Option(min=1, metavar="K", help="Heads that --choose-heads chooses; default: 10.", show_default=False),
]
ChosenOn = Annotated[
    int | None,
    typer.Option(
        "--chosen-on",
        min=1,
        metavar="N",
        help="Proteins on which --choose-heads ranks; default: 10. The others can judge.",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Seed with which --choose-heads draws the proteins; default: 0.", show_default=False),
]


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(contacts)


def contacts(
    directory: Dir,
    floor: Floor = None,
    atom: AtomOption = "ca",
    max_length: MaxLength = None,
    heads_only: HeadsOnly = False,
    heads: Heads = None,
    choose_heads: ChooseHeads = None,
    best: Best = None,
    chosen_on: ChosenOn = None,
    seed: Seed = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Predict contacts, and compare heads with structures.

    Contacts come from the model's contact head. It fills the tables `contacts` and `head_contacts`.

    The most probable pairs of every protein are kept: all from the floor on, and enough to compute precision. Proteins
    with a structure (`attlas annotate`) run once more, head by head. It costs about as much as the build. After a stop,
    the same command continues.

    Every model, also one without a contact head, predicts contacts by the mean of a few heads: `--choose-heads FILE`
    finds them on ten proteins with a structure, then `--heads FILE` fills the table `fused_contacts`. Its scores are
    no probabilities.
    """
    refuse_unbuilt(directory)
    _refuse_mixed(heads=heads, choose_heads=choose_heads, heads_only=heads_only, floor=floor)
    if choose_heads is None and any(option is not None for option in (best, chosen_on, seed)):
        raise typer.BadParameter("they belong to --choose-heads FILE", param_hint="--best, --chosen-on and --seed")

    with workshop():
        from attlas.pipeline.contacts.adding import add_contacts
        from attlas.pipeline.contacts.choosing_heads import DEFAULT_BEST, DEFAULT_PROTEINS, ChoiceSettings
        from attlas.pipeline.contacts.planning import ContactSettings

        if choose_heads is not None:
            choice_settings = ChoiceSettings(
                n_best=best or DEFAULT_BEST,
                n_proteins=chosen_on or DEFAULT_PROTEINS,
                seed=seed or 0,
                atom=atom,
                max_length=max_length,
            )
            _write_choice(directory, choose_heads, choice_settings)
            return

        with build_progress() as progress:
            settings = ContactSettings(
                floor=DEFAULT_FLOOR if floor is None else floor,
                atom=atom,
                max_length=max_length,
                is_heads_only=heads_only,
                heads=heads,
            )
            added = add_contacts(Path(directory), settings, progress=progress, n_workers=workers, scheduler=scheduler)
    _report_added(directory, added, settings)


def _refuse_mixed(*, heads: str | None, choose_heads: Path | None, heads_only: bool, floor: float | None) -> None:
    """Refuse options that exclude each other."""
    modes = {"--heads": heads is not None, "--choose-heads": choose_heads is not None, "--heads-only": heads_only}
    names = [name for name, is_given in modes.items() if is_given]
    if len(names) > 1:
        raise typer.BadParameter("give one of them", param_hint=" and ".join(names))
    if floor is not None and names:
        raise typer.BadParameter(
            f"it is a probability of the contact head, which {names[0]} does not use", param_hint="--floor"
        )


def _write_choice(directory: Path, file: Path, settings: "ChoiceSettings") -> None:
    """Choose heads, write the file, and print the choice."""
    from attlas.pipeline.contacts.choosing_heads import choose_heads
    from attlas.queries.text import counted

    outcome = choose_heads(directory, settings)
    choice = outcome.choice
    choice.write(file)

    heads = ", ".join(f"{head.layer}-{head.head} {head.precision:.3f}" for head in choice.heads[:N_SHOWN])
    more = f" and {len(choice.heads) - N_SHOWN} more" if len(choice.heads) > N_SHOWN else ""
    proteins = counted(len(choice.proteins), "protein")
    print(f"{file}: {counted(len(choice.heads), 'head')} of {choice.n_layers * choice.n_heads}, by P@L/2 on {proteins}")
    print(f"layer-head P@L/2: {heads}{more}")
    if not outcome.n_judges:
        say("no other protein has a structure that fits: nothing in this atlas can judge the choice")
    say(f"next: attlas contacts {directory} --heads {file}")


def _report_added(directory: Path, added: "AddedContacts", settings: "ContactSettings") -> None:
    """Print what was computed, what was left out, and what to ask."""
    from attlas.queries.text import counted

    pairs = f"{added.n_pairs:,} pairs of {counted(added.n_sequences, 'sequence')}"
    chains = f"heads against {counted(added.n_chains, 'chain')} of structures, by {settings.atom.upper()}"
    if added.choice is not None:
        print(
            f"{directory}: {pairs}, by the mean of {counted(len(added.choice.heads), 'head')}; scores, no probabilities"
        )
        question = "fused_contact_precision"
    elif settings.is_heads_only:
        print(f"{directory}: {chains}")
        question = "head_contact_precision"
    else:
        print(f"{directory}: {pairs}, floor {settings.floor}; {chains}")
        question = "contact_precision"

    say_names("longer than --max-length, left out", added.longer)
    if not added.n_chains:
        say(f"no structure yet: `attlas annotate {directory} STRUCTURE` adds one; then repeat this command")
    else:
        say(f"ask: attlas ask {directory} {question}")
    if added.failed:
        say_names("failed, because the model's attention is not finite", added.failed)
        sys.exit(EXIT_FAILURES)
