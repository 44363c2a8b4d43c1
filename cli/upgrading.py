"""The verb that writes an atlas of an older format anew: upgrade."""

from pathlib import Path
from typing import Annotated

import typer

from attlas.cli.output import OUTPUT_NAMES, refuse_url


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(upgrade)


def upgrade(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of an atlas of an older format.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(*OUTPUT_NAMES, metavar="NEW", help="Folder to write; it must not exist yet.")],
) -> None:
    """Write an atlas of an older format anew.

    The copy has the format that this version reads. Numbers and atlas id stay the same, and so does the old directory.
    The new one has no plan: to add tables that the model computes, build it again.
    """
    from attlas.pipeline.upgrade import upgrade as write_upgrade

    refuse_url(directory)
    manifest = write_upgrade(directory, out)
    print(f"{out}: atlas {manifest.atlas_id} in format {manifest.format_version}, {len(manifest.files):,} files")
