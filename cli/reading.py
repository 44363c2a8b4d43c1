"""The verbs of the reading room: show, sql, export, info."""

import typer


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
