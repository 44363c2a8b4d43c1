"""The verb that predicts contacts and compares single heads with structures: contacts."""

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

N_SHOWN = 10
"""Names that a note shows."""


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

    The most probable pairs of every protein are kept: all from the floor on, and enough to compute precision. Proteins
    with a structure (`attlas annotate`) run once more, head by head. It costs about as much as the build. After a stop,
    the same command continues.
    """
    from attlas.queries.text import counted

    with workshop():
        from attlas.pipeline.contacts.adding import ContactSettings, add_contacts

        with build_progress() as progress:
            settings = ContactSettings(floor=floor, atom=atom, max_length=max_length, is_heads_only=heads_only)
            added = add_contacts(Path(directory), settings, progress=progress, n_workers=workers, scheduler=scheduler)
    pairs = f"{added.n_pairs:,} pairs of {counted(added.n_sequences, 'sequence')}, floor {floor}; "
    chains = f"heads against {counted(added.n_chains, 'chain')} of structures, by {atom.upper()}"
    print(f"{directory}: {'' if heads_only else pairs}{chains}")
    _say_names("longer than --max-length, left out", added.longer)
    if not added.n_chains:
        say(f"no structure yet: `attlas annotate {directory} STRUCTURE` adds one; then repeat this command")
    else:
        say(f"ask: attlas ask {directory} {'head_contact_precision' if heads_only else 'contact_precision'}")
    if added.failed:
        _say_names("failed, because the model's attention is not finite", added.failed)
        sys.exit(EXIT_FAILURES)


def _say_names(reason: str, names: tuple[str, ...]) -> None:
    """Print the number of names and the first ten of them."""
    if names:
        more = f" and {len(names) - N_SHOWN:,} more" if len(names) > N_SHOWN else ""
        say(f"{len(names):,} {reason}: {', '.join(names[:N_SHOWN])}{more}")
