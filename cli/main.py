"""The command `attlas`: it has all verbs, and turns errors into messages and exit codes.

Exit codes: 0 complete (documented skips included), 1 error, 2 usage, 3 finished with failures.
"""

import os
import sys
import threading
from typing import Annotated

import typer

from attlas.cli import (
    annotating,
    asking,
    assisting,
    build_steps,
    building,
    comparing,
    contacting,
    embedding,
    evaluating,
    exporting,
    fetching,
    finding,
    fitting,
    interfaces,
    linking,
    paging,
    pairing,
    plotting,
    probing,
    publishing,
    reporting,
    serving,
    showing,
    upgrading,
    verifying,
)
from attlas.cli.terminal import guard_terminals

EXIT_ERROR = 1

app = typer.Typer(
    name="attlas",
    help="Build and query attention atlases of proteomes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(is_given: bool) -> None:
    if is_given:
        from importlib.metadata import version

        typer.echo(f"attlas {version('attlas')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Build and query attention atlases of proteomes."""


for verbs in (
    building,
    build_steps,
    verifying,
    fetching,
    annotating,
    probing,
    contacting,
    linking,
    embedding,
    pairing,
    interfaces,
    fitting,
    showing,
    paging,
    plotting,
    finding,
    asking,
    comparing,
    evaluating,
    exporting,
    publishing,
    upgrading,
    reporting,
    serving,
    assisting,
):
    verbs.add_verbs(app)


def main() -> None:
    """Run the command line; print an attlas error without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without block characters
    guard_terminals()
    try:
        app()
    except BrokenPipeError:
        # The reader of the output (head, less) has ended: no error. Without this, Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        # Imported only now: it brings pyarrow, which `attlas --help` does without.
        from attlas.schema import Fault

        if isinstance(error, OSError) and not isinstance(error, Fault):  # a full disk behind stdout, for one
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        elif not isinstance(error, Fault):
            raise
        from attlas.cli.output import note

        note(str(error))
        if any(thread.name == "attlas-sql" for thread in threading.enumerate()):
            # A query cannot be interrupted: DuckDB would print errors if it was left running.
            sys.stdout.flush()
            os._exit(EXIT_ERROR)
        sys.exit(EXIT_ERROR)


if __name__ == "__main__":
    main()
