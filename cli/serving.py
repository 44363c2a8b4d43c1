"""The verb that serves an atlas to browsers and programs: serve."""

import os
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from attlas.cli.output import AtlasDir, note, print_lines

PORT = 8000


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(serve)


def serve(
    directory: AtlasDir,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="NUMBER", help="Port to listen at; 0: any that is free.")] = PORT,
    sql: Annotated[bool, typer.Option("--sql", help="Let users write their own SQL.")] = False,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Another name by which browsers call this server, as behind a proxy; may be repeated.",
        ),
    ] = None,
    structure: Annotated[
        Path | None,
        typer.Option(
            "--structure",
            metavar="FOLDER",
            help="Folder of PDB or mmCIF files (or compressed), each named after its protein, to draw on the pages; "
            "default: what the atlas is annotated with.",
            show_default=False,
        ),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Memory of a query, such as 4GB or 25%; beyond it, it writes to disk."),
    ] = None,
) -> None:
    """Serve an atlas: pages for browsers, and an API for programs.

    The pages have a search, the questions, every protein and the report; the API is at /api/v1. Only this machine can
    reach them unless `--host` says otherwise. Nothing is written.
    """
    _require_extra()
    from attlas.serve.app import WARM_UP, make_app, read_first_page
    from attlas.serve.server import is_loopback, names_of, open_socket, run

    with open_socket(host, port) as listening:
        app = make_app(
            directory,
            has_sql=sql,
            hosts=(*names_of(host), *(name or ())),
            memory_limit=memory,
            structures=structure,
            shown_place=directory if is_loopback(host) else "DIR",  # others need not know where it lies
        )
        read_first_page(app)
        url = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/"
        if not is_loopback(host):
            sql_words = ", and ask in SQL" if sql else ""
            note(f"whoever reaches {host} can read this atlas{sql_words}: there is no password and no encryption")
        run(app, listening, announce=lambda: print_lines([f"{directory} is served at {url}", "Ctrl-C stops it."]))
    note("stopped")
    if any(thread.name == WARM_UP for thread in threading.enumerate()):
        # A thread that still prepares answers holds objects of DuckDB, which would complain of them at the end.
        sys.stdout.flush()
        os._exit(0)


def _require_extra() -> None:
    """Refuse to begin without the packages of the extra.

    Raises:
        EnvironmentFault: one of them is not installed.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        from attlas.schema import EnvironmentFault

        hint = "pip install 'attlas[serve]'"
        raise EnvironmentFault(
            "`attlas serve` needs packages that are not installed.", found=str(error), hint=hint
        ) from error
