"""The verb that pools the hidden states of the model: embed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attlas.cli.output import refuse_unbuilt
from attlas.cli.progress import build_progress, say, say_names
from attlas.cli.workshop import EXIT_FAILURES, Dir, MaxLength, Scheduler, Workers, workshop

if TYPE_CHECKING:
    from attlas.pipeline.vectors.adding import AddedVectors

Numbers = Literal["float32", "float16"]
VectorKinds = Annotated[str, typer.Option(metavar="KINDS", help="Some of cls,mean,eos,segments, separated by commas.")]
Layers = Annotated[
    str,
    typer.Option("--layer", metavar="last|N[,N]", help="Layers whose output is pooled, from 0, separated by commas."),
]
NumbersOption = Annotated[Numbers, typer.Option(help="float16 takes two thirds of the space, with three digits.")]


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(embed)


def embed(
    directory: Dir,
    vectors: VectorKinds = "mean",
    layer: Layers = "last",
    numbers: NumbersOption = "float32",
    max_length: MaxLength = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Keep vectors of every protein: embeddings.

    It fills the table `vectors`: the mean of the model's hidden states over all residues (mean) or over each tenth of
    them (segments), and those of the tokens before and after them (cls, eos).

    The last layer is taken after the final norm. It costs a little less than the build. After a stop, the same command
    continues.
    """
    has_failed = add_and_report_vectors(
        directory,
        vectors=vectors,
        layer=layer,
        numbers=numbers,
        max_length=max_length,
        workers=workers,
        scheduler=scheduler,
    )
    if has_failed:
        sys.exit(EXIT_FAILURES)


def add_and_report_vectors(
    directory: Path,
    *,
    vectors: str,
    layer: str = "last",
    numbers: Numbers = "float32",
    max_length: int | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> bool:
    """Run the pass, print what was kept, what was left out, and what to ask; return whether a sequence failed."""
    refuse_unbuilt(directory)
    with workshop():
        from attlas.pipeline.vectors.adding import VectorSettings, add_vectors

        settings = VectorSettings(vectors, layer, numbers, max_length)
        with build_progress() as progress:
            added = add_vectors(Path(directory), settings, progress=progress, n_workers=workers, scheduler=scheduler)
    _report_added(directory, added)
    return bool(added.failed)


def _report_added(directory: Path, added: "AddedVectors") -> None:
    from attlas.queries.text import counted

    task = added.task
    layers = f"layer{'s' * (len(task.layers) > 1)} {', '.join(map(str, task.layers))}"
    size = f"{added.n_bytes / max(1, added.n_sequences):,.0f} bytes each"
    print(
        f"{directory}: {counted(added.n_vectors, 'vector')} of {counted(added.n_sequences, 'sequence')}, {size}: "
        f"{', '.join(task.choices)} of {layers}, {task.width} numbers, {task.numbers}"
    )
    say_names("longer than --max-length, left out", added.longer)
    if "mean" in task.choices:
        say(f"ask: attlas ask {directory} nearest protein=ID")
    if added.failed:
        reason = "a number is not finite" if task.numbers == "float32" else "a number is not finite, or beyond float16"
        say_names(f"without vectors; failed, because {reason}", added.failed)
