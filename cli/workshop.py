"""Shared by the verbs of the workshop: options, exit code, and what happens at Ctrl-C or where a library is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from attlas.cli.interrupting import stopping_at_once

EXIT_FAILURES = 3
"""Exit code of a build that finished but has failed proteins."""

DIRECTORY_HELP = "Directory of the atlas, or s3://BUCKET/PREFIX."

Dir = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the atlas.", show_default=False)]
Place = Annotated[str, typer.Argument(metavar="DIR", help=DIRECTORY_HELP, show_default=False)]
MaxLength = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Skip proteins longer than N residues, with a reason.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Worker processes; default: one for each core or GPU, none for less than half a minute of work. "
        "0: compute in this process.",
    ),
]
Scheduler = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Use the workers of this Dask scheduler.")]


@contextmanager
def workshop() -> Iterator[None]:
    """Stop at Ctrl-C at once, and name the extra to install where a library of the build is missing."""
    from attlas.schema import EnvironmentFault

    try:
        with stopping_at_once("stopped; the same command continues"):
            yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "attlas":
            raise
        raise EnvironmentFault(
            f"This verb needs the package {error.name}, which is not installed.",
            hint="pip install 'attlas[build]'",
        ) from error
