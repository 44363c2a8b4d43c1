"""The verb that predicts contacts and holds single heads against structures: contacts."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from attlas.cli.building import EXIT_FAILURES, Dir, MaxLength, Scheduler, Workers, workshop
from attlas.cli.progress import build_progress, say

Floor = Annotated[float, typer.Option(help="Keep every pair of at least this probability.")]
AtomOption = Annotated[
    Literal["ca", "cb"],
    typer.Option(help="Atom that stands for a residue of a structure: C-alpha, or C-beta (of glycine C-alpha)."),
]
HeadsOnly = Annotated[
    bool, typer.Option("--heads-only", help="Only compare heads with structures; predict no contacts.")
]

N_NAMED = 10


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(contacts)


def contacts(
    directory: Dir,
    floor: Floor = 0.3,
    atom: AtomOption = "ca",
    max_length: MaxLength = None,
    heads_only: HeadsOnly = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Predict contacts, and compare heads with structures.

    Contacts come from the model's contact head. It fills the tables `contacts` and `head_contacts`.

    Of every protein the most probable pairs are kept: all from the floor on, and at least enough to tell precision. A
    protein whose structure `attlas annotate` added is run once more, head by head. It costs about what the build did;
    stopped, the same command goes on where it was.
    """
    from attlas.queries.text import counted

    with workshop():
        from attlas.pipeline.contacts.contacts import contacts as run

        with build_progress() as progress:
            found = run(
                Path(directory),
                floor=floor,
                atom=atom,
                max_length=max_length,
                is_heads_only=heads_only,
                progress=progress,
                n_workers=workers,
                scheduler=scheduler,
            )
    pairs = f"{found.n_pairs:,} pairs of {counted(found.n_sequences, 'sequence')}, floor {floor}; "
    chains = f"heads against {counted(found.n_chains, 'chain')} of structures, by {atom.upper()}"
    print(f"{directory}: {'' if heads_only else pairs}{chains}")
    _name("longer than --max-length, left out", found.longer)
    if not found.n_chains:
        say(f"no structure yet: `attlas annotate {directory} STRUCTURE` adds one, then the same command head_contacts")
    else:
        say(f"ask: attlas ask {directory} {'head_contact_precision' if heads_only else 'contact_precision'}")
    if found.failed:
        _name("failed, as the model's attention is not finite", found.failed)
        sys.exit(EXIT_FAILURES)


def _name(why: str, names: tuple[str, ...]) -> None:
    """Name what was left out, ten at most, and how many there are."""
    if names:
        more = f" and {len(names) - N_NAMED:,} more" if len(names) > N_NAMED else ""
        say(f"{len(names):,} {why}: {', '.join(names[:N_NAMED])}{more}")
