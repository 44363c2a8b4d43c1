"""The verb that gives an assistant its tools: mcp."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from attlas.cli.asking import Memory
from attlas.cli.output import AtlasDir, note, print_lines

TIMEOUT_S = 60.0
"""Default time limit of a query of an assistant, whose client waits for it."""
EXIT_DIFFERS = 1
EXIT_NOT_REPLAYED = 2


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(mcp)


def mcp(
    directory: AtlasDir,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Do not serve: ask the answers recorded in this file (JSON lines) again, and say which agree. "
            "Exit code 1: one differs; 2: none differs, but one cannot be replayed.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Stop a query after this time; 0: no limit.", min=0)
    ] = TIMEOUT_S,
    memory: Memory = None,
) -> None:
    """Serve an atlas to an assistant (Model Context Protocol).

    It speaks over stdin and stdout.

    For a client's configuration: the command is `attlas`, its arguments are `mcp` and DIR.

    Tools: find, protein, sites, links, ask, sql, columns, export. Nothing is written. Every answer is bounded in size,
    and carries the atlas id, the SQL or command that made it, and a SHA-256 of its rows.
    """
    from attlas.queries.atlas import Atlas

    timeout_s = timeout or None
    if replay is not None:
        raise typer.Exit(_replay(directory, replay, memory=memory, timeout_s=timeout_s))

    with Atlas.open(directory, timeout_s=timeout_s) as atlas:
        manifest = atlas.manifest
    with _extra():
        from attlas.assistant.process import Settings
        from attlas.assistant.server import serve
    if sys.stdin.isatty():
        note("a client of the Model Context Protocol is waited for at standard input; Ctrl-C ends this")
    serve(manifest, Settings(directory, memory, timeout_s))


def _replay(directory: str, file: Path, *, memory: str | None, timeout_s: float | None) -> int:
    """Ask the answers of a file again, print what became of each, and return the exit code."""
    from attlas.assistant.replaying import read_answers, replay_answers
    from attlas.queries.atlas import Atlas
    from attlas.schema import Fault

    outcomes = []
    try:
        with Atlas.open(directory, memory_limit=memory, timeout_s=timeout_s) as atlas:
            for result in replay_answers(atlas, read_answers(file), timeout_s=timeout_s):
                print_lines([result.line])
                outcomes.append(result.outcome)
    except Fault as fault:
        note(str(fault))
        return EXIT_NOT_REPLAYED

    print_lines([f"{outcomes.count('agrees'):,} of {len(outcomes):,} agree"])
    if "differs" in outcomes:
        return EXIT_DIFFERS
    return EXIT_NOT_REPLAYED if "cannot be replayed" in outcomes else 0


@contextmanager
def _extra() -> Iterator[None]:
    """Name the extra to install where the SDK is missing."""
    from attlas.schema import EnvironmentFault

    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "attlas":
            raise
        raise EnvironmentFault(
            f"This verb needs the package {error.name}, which is not installed.", hint="pip install 'attlas[mcp]'"
        ) from error
