"""The verbs of the workshop: build, plan, encode, seal, status, verify, fetch."""

import typer


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
