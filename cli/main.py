"""The command `attlas`: it has all verbs, and turns errors into messages and exit codes.

Exit codes: 0 complete (documented skips included), 1 error, 2 usage, 3 finished with failures.
"""

import atexit
import gc
import os
import sys
import threading
from importlib import import_module
from typing import Annotated, Any

import typer

from attlas.cli.terminal import guard_terminals, open_closed_streams

EXIT_ERROR = 1

VERBS = {
    "building": ("build",),
    "build_steps": ("plan", "encode", "seal", "status"),
    "verifying": ("verify",),
    "fetching": ("fetch",),
    "annotating": ("annotate",),
    "probing": ("probe",),
    "contacting": ("contacts",),
    "linking": ("links",),
    "embedding": ("embed",),
    "pairing": ("pairs",),
    "interfaces": ("interfaces", "binders"),
    "fitting": ("fit",),
    "showing": ("show", "info"),
    "paging": ("page",),
    "plotting": ("plot",),
    "finding": ("find",),
    "asking": ("sql", "ask"),
    "comparing": ("compare",),
    "evaluating": ("evaluate",),
    "exporting": ("export",),
    "publishing": ("publish",),
    "upgrading": ("upgrade",),
    "reporting": ("report",),
    "serving": ("serve",),
    "assisting": ("mcp",),
}
"""The verbs of each module, in the order of the help: a command imports the module of its verb, a third of its time."""


LOOKUP_VERBS = ("find", "show")
"""Verbs that only read rows: they do without what takes time at the start and at the end of a process."""


def _print_version(is_given: bool) -> None:
    if is_given:
        from importlib.metadata import version

        typer.echo(f"attlas {version('attlas')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Build and query attention atlases of proteomes."""


def make_app(verb: str | None = None) -> typer.Typer:
    """Return the command line: with the module of a verb alone, or with all modules where none has this verb."""
    app = typer.Typer(
        name="attlas",
        help="Build and query attention atlases of proteomes.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_options)
    for module in [name for name, verbs in VERBS.items() if verb in verbs] or VERBS:
        import_module(f"attlas.cli.{module}").add_verbs(app)
    return app


def __getattr__(name: str) -> Any:
    """Return `app`, the command line with all verbs, for tests and documentation."""
    if name == "app":
        return make_app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names of the module with `app`, by which `typer` finds it."""
    return [*globals(), "app"]


def main() -> None:
    """Run the command line; print an attlas error without a traceback."""
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without block characters
    guard_terminals()
    verb = sys.argv[1] if len(sys.argv) > 1 else None
    if verb in LOOKUP_VERBS:
        # pyarrow imports NumPy where it can, a sixth of `find`'s time. To Python, a module that is None cannot be
        # imported; NumPy stays as it is where it is imported already.
        sys.modules.setdefault("numpy", None)  # type: ignore[arg-type]
        # At its end, Python would look for cycles of objects in all that was imported, a fifth of `find`'s time.
        atexit.register(gc.freeze)
    try:
        make_app(verb)()
    except BrokenPipeError:
        # The reader of the output (head, less) has ended: no error. Without this, Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        # Imported only now: it brings pyarrow, which `attlas --help` does without.
        from attlas.schema import Fault
        from attlas.schema.errors import system_fault

        if isinstance(error, OSError) and not isinstance(error, Fault):
            if error.filename is None:  # a full disk behind stdout, for one
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            error = system_fault(error)
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
