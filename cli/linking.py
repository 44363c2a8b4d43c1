"""The verb that keeps the strongest attention between residues: links."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attlas.cli.output import refuse_unbuilt
from attlas.cli.progress import build_progress, say, say_names
from attlas.cli.workshop import EXIT_FAILURES, Dir, MaxLength, Scheduler, Workers, workshop

if TYPE_CHECKING:
    from attlas.pipeline.links.adding import AddedLinks

Floor = Annotated[float, typer.Option(help="Attention from which on a weight may become a link; 0.3 at most.")]
PerResidue = Annotated[
    int, typer.Option("--per-residue", min=1, metavar="N", help="Links of a protein for each of its residues.")
]


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(links)


def links(
    directory: Dir,
    floor: Floor = 0.1,
    per_residue: PerResidue = 5,
    max_length: MaxLength = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Keep the strongest attention between residues.

    It fills the table `links`: which residue attends to which, in which layer and head.

    Of every protein as many are kept as it has residues, times --per-residue: the strongest of each head that has an
    edge, then long-range ones up to half, then by turns one of each head. Of those into one residue of one head five
    stay. It costs about as much as the build. After a stop, the same command continues.
    """
    has_failed = add_and_report_links(
        directory, floor=floor, per_residue=per_residue, max_length=max_length, workers=workers, scheduler=scheduler
    )
    if has_failed:
        sys.exit(EXIT_FAILURES)


def add_and_report_links(
    directory: Path,
    *,
    floor: float = 0.1,
    per_residue: int = 5,
    max_length: int | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> bool:
    """Run the pass, print what was kept, what was left out, and what to ask; return whether a sequence failed."""
    refuse_unbuilt(directory)
    with workshop():
        from attlas.pipeline.links.adding import LinkSettings, add_links

        settings = LinkSettings(floor=floor, per_residue=per_residue, max_length=max_length)
        with build_progress() as progress:
            added = add_links(Path(directory), settings, progress=progress, n_workers=workers, scheduler=scheduler)
    _report_added(directory, added, floor)
    return added.n_failed > 0


def _report_added(directory: Path, added: "AddedLinks", floor: float) -> None:
    from attlas.queries.text import counted

    edges = f"{added.n_linked_edges:,} of {added.n_edges:,} edges and {added.n_links - added.n_linked_edges:,} weaker"
    print(f"{directory}: {added.n_links:,} links of {counted(added.n_sequences, 'sequence')}, {edges}, floor {floor}")
    say_names("longer than --max-length, left out", added.longer)
    say(f"ask: attlas ask {directory} links_of protein=ID")
    if added.n_failed:
        say_names("without links; failed, because the model's attention is not finite", added.without_links)
