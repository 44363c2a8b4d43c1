"""The verbs that ask: sql."""

import sys
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import typer

from attlas.cli.output import AtlasDir, Output, note, sink

SqlFormat = Literal["table", "csv", "json", "parquet"]
TERMINAL_ROWS = 40
"""Rows of an SQL answer shown in a terminal; a pipe or a file gets all of them."""


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(sql)


def sql(
    directory: AtlasDir,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="One SELECT; `-` reads it from stdin.", show_default=False)
    ],
    format: Annotated[SqlFormat | None, typer.Option(help="Default: table, or by the name of FILE.")] = None,
    output: Output = None,
) -> None:
    """Ask an atlas one SELECT over proteins, sequences, sites, residues and heads.

    `FROM docs` lists every column with its unit and meaning.
    """
    from attlas.queries.atlas import Atlas
    from attlas.queries.formats import write_csv, write_json, write_parquet, write_text
    from attlas.queries.text import terminal_width

    chosen = _sql_format(format, output)
    is_terminal = output is None and sys.stdout.isatty()
    with Atlas.open(directory) as atlas:
        rows = atlas.stream(sys.stdin.read() if query == "-" else query)
        with sink(output, is_text=chosen != "parquet") as file:
            if chosen == "table":
                width, limit = (terminal_width(), TERMINAL_ROWS) if is_terminal else (None, None)
                is_cut = write_text(rows, file, width=width, limit=limit)
            else:
                {"csv": write_csv, "json": write_json, "parquet": write_parquet}[chosen](rows, file)
                is_cut = False
    if is_cut:
        note(f"the first {TERMINAL_ROWS} rows; there are more: --format csv, json or parquet with -o FILE gives all")


def _sql_format(format: SqlFormat | None, output: Path | None) -> SqlFormat:
    from attlas.schema import QuestionError

    suffix = output.suffix[1:].lower() if output is not None else ""
    if format is not None or suffix in ("", "txt"):
        return format or "table"
    if suffix not in get_args(SqlFormat):
        raise QuestionError(
            f"The name {output} does not tell a format.", expected=", ".join(get_args(SqlFormat)), hint="give --format"
        )
    return cast(SqlFormat, suffix)
