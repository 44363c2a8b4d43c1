"""The verb that makes a release of an atlas: publish."""

from pathlib import Path
from typing import Annotated

import typer

from attlas.cli.output import OUTPUT_NAMES, note, refuse_url, refuse_url_to_write


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(publish)


def publish(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the atlas.", show_default=False)],
    out: Annotated[
        Path, typer.Option(*OUTPUT_NAMES, metavar="RELEASE", help="Folder to write; it must not exist yet.")
    ],
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Default: from input and model.")] = None,
    creator: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Author of the release; may be repeated.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", "--license", metavar="ID", help="Such as CC-BY-4.0, or a URL.")
    ] = None,
    citation: Annotated[str | None, typer.Option(metavar="TEXT", help="How to cite it, one line.")] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Where it will be found: https://..., or hf://datasets/ORG/NAME."),
    ] = None,
    pages: Annotated[
        bool,
        typer.Option("--pages", help="Add index.html, which draws the page of any protein on any static host."),
    ] = False,
) -> None:
    """Write a release of an atlas, ready to upload.

    It holds Parquet in few files, SHA256SUMS, README, data card, Croissant and DuckDB views. Large files are hard links
    to those of the atlas, where the file system has them.

    The release is an atlas: every command that reads takes it, by path or by URL. Nothing is uploaded.
    """
    from attlas.queries.release import Statement
    from attlas.queries.release import publish as write_release

    refuse_url(directory)
    refuse_url_to_write(out)
    statement = Statement(title=title, creators=tuple(creator or ()), licence=licence, citation=citation, url=url)
    release = write_release(directory, out, statement, has_pages=pages)
    manifest = release.manifest
    n_bytes, tables = manifest.files.n_bytes, len(manifest.files.tables)
    print(
        f"{out}: {tables} tables in {len(manifest.files):,} files, {n_bytes / 1e6:,.1f} MB; SHA256SUMS has every file"
    )
    if release.n_copied:
        note(f"{release.n_copied:,} of the files are copies, because no hard link to the atlas could be made")
    if pages:
        note(f"{out / 'index.html'} is the start page, on a web host that answers range requests")
    if missing := statement.missing():
        note(f"missing, as the cards say: {', '.join(missing)} (see `attlas publish --help`)")
