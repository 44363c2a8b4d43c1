"""The verb that pools the hidden states of the model: embed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attlas.cli.build_report import describe_needs
from attlas.cli.output import print_lines, refuse_unbuilt
from attlas.cli.progress import build_progress, say, say_names
from attlas.cli.workshop import EXIT_FAILURES, Dir, MaxLength, Scheduler, Workers, workshop

if TYPE_CHECKING:
    from attlas.pipeline.vectors.adding import AddedVectors
    from attlas.pipeline.vectors.choice import VectorChoice, VectorSettings
    from attlas.pipeline.vectors.cost import VectorCost

Numbers = Literal["float32", "float16"]
VectorKinds = Annotated[str, typer.Option(metavar="KINDS", help="Some of cls,mean,eos,segments, separated by commas.")]
Layers = Annotated[
    str,
    typer.Option("--layer", metavar="last|N[,N]", help="Layers whose output is pooled, from 0, separated by commas."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would do and cost; write nothing.")]
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
    dry_run: DryRun = False,
) -> None:
    """Keep vectors of every protein: embeddings.

    It fills the table `vectors`: the mean of the model's hidden states over all residues (mean) or over each tenth of
    them (segments), and those of the tokens before and after them (cls, eos).

    The last layer is taken after the final norm. It costs a little less than the build. After a stop, the same command
    continues.
    """
    refuse_unbuilt(directory)
    with workshop():
        from attlas.pipeline.vectors.choice import VectorSettings

        settings = VectorSettings(vectors, layer, numbers, max_length)
        if dry_run:
            from attlas.pipeline.vectors.cost import predict_vector_cost

            print_lines(
                _describe_cost(predict_vector_cost(directory, settings, n_workers=workers, scheduler=scheduler))
            )
            return

    if add_and_report_vectors(directory, settings, workers=workers, scheduler=scheduler):
        sys.exit(EXIT_FAILURES)


def add_and_report_vectors(
    directory: Path, settings: "VectorSettings", *, workers: int | None = None, scheduler: str | None = None
) -> bool:
    """Run the pass, print what was kept, what was left out, and what to ask; return whether a sequence failed."""
    with workshop():
        from attlas.pipeline.vectors.adding import add_vectors

        with build_progress() as progress:
            added = add_vectors(Path(directory), settings, progress=progress, n_workers=workers, scheduler=scheduler)
    _report_added(directory, added)
    return bool(added.failed)


def _describe_cost(cost: "VectorCost") -> list[str]:
    """Return the lines that say the cost of the pass."""
    from attlas.queries.text import counted

    n_vectors = cost.choice.n_vectors * cost.n_sequences
    longer = f"; {cost.n_longer:,} longer than --max-length, left out" if cost.n_longer else ""
    return [
        f"vectors  {counted(n_vectors, 'vector')} of {counted(cost.n_sequences, 'sequence')}: "
        f"{describe_vectors(cost.choice)}{longer}",
        f"model    {counted(cost.n_residues, 'residue')} to run through it, in {counted(cost.n_shards, 'shard')}",
        *describe_needs(cost),
    ]


def describe_vectors(choice: "VectorChoice") -> str:
    """Return the kind of the vectors, in a few words."""
    layers = f"layer{'s' * (len(choice.layers) > 1)} {', '.join(map(str, choice.layers))}"
    return f"{', '.join(choice.choices)} of {layers}, {choice.width} numbers, {choice.numbers}"


def _report_added(directory: Path, added: "AddedVectors") -> None:
    from attlas.queries.text import counted

    task = added.task
    size = f"{added.n_bytes / max(1, added.n_sequences):,.0f} bytes each"
    print(
        f"{directory}: {counted(added.n_vectors, 'vector')} of {counted(added.n_sequences, 'sequence')}, {size}: "
        f"{describe_vectors(task)}"
    )
    say_names("longer than --max-length, left out", added.longer)
    if "mean" in task.choices:
        say(f"ask: attlas ask {directory} nearest protein=ID")
    if added.failed:
        reason = "a number is not finite" if task.numbers == "float32" else "a number is not finite, or beyond float16"
        say_names(f"without vectors; failed, because {reason}", added.failed)
