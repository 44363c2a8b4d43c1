"""The verb that downloads a model: fetch."""

from pathlib import Path
from typing import Annotated

import typer

from attlas.cli.build_options import Revision
from attlas.cli.output import OUTPUT_NAMES
from attlas.cli.workshop import workshop


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(fetch)


def fetch(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Hub id, such as facebook/esm2_t33_650M_UR50D.")],
    output: Annotated[
        Path | None,
        typer.Option(
            *OUTPUT_NAMES, "--to", metavar="DIR", help="Directory for the model; default: the cache of the hub."
        ),
    ] = None,
    revision: Revision = None,
) -> None:
    """Download a model, once.

    No other command uses the network, except to read an atlas whose DIR is a URL.
    """
    with workshop():
        from attlas.pipeline.model.fetch import fetch_model

        model_directory = fetch_model(model, revision=revision, to=output)
    print(f"{model} is in {model_directory}; use it with --model {output or model}")
