"""The verbs that answer questions: sql, ask."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

import typer

from attlas.cli.output import AtlasDir, Output, SafeForSpreadsheets, note, print_lines, refuse_unsafe_format, sink

if TYPE_CHECKING:
    import pyarrow as pa

    from attlas.queries.asking.answering import BoundQuestion
    from attlas.queries.atlas import Atlas

SqlFormat = Literal["table", "csv", "tsv", "json", "parquet", "arrow"]
Format = Annotated[SqlFormat | None, typer.Option(help="Default: table, or by the name of FILE.")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", help="Stop a query after this time; 0: no limit.", min=0)]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE", help="Memory of a query, such as 4GB or 50%; beyond it, it writes to disk.  [default: 50%]"
    ),
]
TERMINAL_ROWS = 40
"""Rows of an answer that a terminal shows; a pipe or a file gets all of them."""
TIMEOUT_S = 600.0
"""Default time limit of a query; a whole human proteome is scanned in seconds."""


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(sql)
    app.command()(ask)


def sql(
    directory: AtlasDir,
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="[QUERY]",
            help="One SELECT; `-` reads it from stdin. Without a QUERY: a shell, or a script from stdin.",
            show_default=False,
        ),
    ] = None,
    format: Format = None,
    output: Output = None,
    safe_for_spreadsheets: SafeForSpreadsheets = False,
    timeout: Timeout = TIMEOUT_S,
    memory: Memory = None,
) -> None:
    """Ask an atlas in SQL, or open a shell.

    One SELECT over proteins, sequences, sites, residues, heads and the tables added later.

    `FROM docs` lists every column with its unit and meaning. Nothing is written, and only files of the atlas are read.
    """
    from attlas.queries.asking.never_matching import never_matching_notes
    from attlas.queries.atlas import Atlas

    file_format = choose_format(format, output)
    if safe_for_spreadsheets:
        refuse_unsafe_format(file_format)
    with Atlas.open(directory, memory_limit=memory, timeout_s=timeout or None) as atlas:
        if query is None:
            from attlas.cli.shell import run_shell

            run_shell(atlas, file_format, output=output, timeout_s=timeout or None, is_defused=safe_for_spreadsheets)
            return
        text = _read_query() if query == "-" else query
        write_rows(atlas.stream(text, timeout_s=timeout or None), file_format, output, is_defused=safe_for_spreadsheets)
        for remark in never_matching_notes(atlas, text):
            note(remark)


def _read_query() -> str:
    """Return the query in standard input, with a surrogate for each byte that is no UTF-8. Raises InputError."""
    from attlas.intake.files import STANDARD_INPUT, read_file
    from attlas.intake.text import as_utf8

    file = read_file(STANDARD_INPUT, expected="one SELECT", may_be_empty=True)
    return as_utf8(file.data, name="standard input").decode("utf-8", "surrogateescape")


def ask(
    directory: AtlasDir,
    question: Annotated[
        str | None,
        typer.Argument(
            metavar="[QUESTION]",
            help="Name of a question, or your own file NAME.sql; without it, the questions are listed.",
            show_default=False,
        ),
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Parameters of the question.")
    ] = None,
    describe: Annotated[bool, typer.Option("--describe", help="Describe parameters and columns; do not ask.")] = False,
    as_sql: Annotated[
        bool, typer.Option("--sql", help="Print its SELECT, for you to change and ask with `attlas sql`.")
    ] = False,
    format: Format = None,
    output: Output = None,
    safe_for_spreadsheets: SafeForSpreadsheets = False,
    timeout: Timeout = TIMEOUT_S,
    memory: Memory = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Ask parts of the atlas at once, on this many Dask workers.", min=1, show_default=False),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The same, on the workers of a Dask scheduler.")
    ] = None,
) -> None:
    """Ask a question that has a name, such as residue_enrichment.

    `attlas ask DIR` lists the questions.

    Those that say so can be asked of parts of an atlas at once, for atlases of millions of proteins.
    """
    from attlas.intake.compression import plain_name
    from attlas.queries.asking.answering import ask
    from attlas.queries.asking.question_file import read_question
    from attlas.queries.asking.questions import describe_lines, list_lines, question_named
    from attlas.queries.atlas import Atlas

    file_format = choose_format(format, output)
    if safe_for_spreadsheets:
        refuse_unsafe_format(file_format)
    with Atlas.open(directory, memory_limit=memory, timeout_s=timeout or None) as atlas:
        if question is None:
            print_lines(list_lines())
            return
        name = Path(question) if plain_name(question).endswith(".sql") else question
        if describe:
            print_lines(describe_lines(read_question(name) if isinstance(name, Path) else question_named(name)))
            return
        bound_question = ask(atlas, name, _parse_parameters(parameters or []), takes_names=True)
        for text in bound_question.bound.notes:
            note(text)
        if as_sql:
            print_lines(bound_question.sql.split("\n"))
            return
        if workers or scheduler:
            rows = _answer_on_workers(
                bound_question,
                atlas,
                n_workers=workers,
                scheduler=scheduler,
                memory=memory,
                timeout_s=timeout or None,
            )
        else:
            rows = bound_question.answer(atlas, timeout_s=timeout or None, note=note)
        write_rows(rows, file_format, output, is_defused=safe_for_spreadsheets)


PARTS_PER_WORKER = 4
"""Parts of an atlas for each worker, so that all of them end at about the same time."""
PARTS_FOR_SCHEDULER = 64
"""Parts of an atlas for the workers of a scheduler, whose number changes."""


def _answer_on_workers(
    bound_question: "BoundQuestion",
    atlas: "Atlas",
    *,
    n_workers: int | None,
    scheduler: str | None,
    memory: str | None,
    timeout_s: float | None,
) -> "pa.RecordBatchReader":
    """Return the answer of a question that Dask workers ask of parts of the atlas.

    Raises:
        QuestionError: the question cannot be asked of parts, or the workers need longer than `timeout_s`.
        EnvironmentFault: the build extra is not installed, or the scheduler does not answer.
    """
    from attlas.cli.workshop import workshop
    from attlas.queries.asking.decomposing import answer_from_sums, divide, sums_of
    from attlas.schema import QuestionError

    n_parts = PARTS_PER_WORKER * n_workers if n_workers else PARTS_FOR_SCHEDULER
    share = f"{50 // n_workers or 1}%" if n_workers and scheduler is None else None
    parts = divide(bound_question, atlas, n_parts, memory_limit=memory or share)
    with workshop():
        from attlas.pipeline.workers.mapping import map_on_workers

        try:
            sums = map_on_workers(sums_of, parts, n_workers=n_workers or 1, scheduler=scheduler, timeout_s=timeout_s)
        except TimeoutError:
            raise QuestionError(
                f"The workers needed longer than {timeout_s:g} seconds.", hint="give more with --timeout SECONDS"
            ) from None
    return answer_from_sums(bound_question, atlas, sums)


def _parse_parameters(words: list[str]) -> dict[str, str]:
    """Return the parameters of the command line, by name."""
    from attlas.schema import QuestionError

    wrong = [word for word in words if "=" not in word or word.startswith("=")]
    if wrong:
        hint = "`attlas ask DIR QUESTION --describe` names the parameters of a question"
        raise QuestionError("Parameters are given as NAME=VALUE.", offenders=wrong, hint=hint)
    names = [word.partition("=")[0] for word in words]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise QuestionError(
            "A parameter is given twice.", offenders=twice, hint="a list is one value: NAME=a,b or NAME=@FILE"
        )
    return {name: word.partition("=")[2] for name, word in zip(names, words, strict=True)}


def write_rows(
    rows: "pa.RecordBatchReader", format: SqlFormat, output: Path | None, *, is_defused: bool = False
) -> None:
    """Write the rows of an answer to a file or to stdout; note it if a terminal gets the first rows only.

    With `is_defused`, texts that a spreadsheet would run as formulas get an apostrophe in front.
    """
    from attlas.queries.formats import BINARY, WRITERS, write_text
    from attlas.queries.spreadsheets import defuse_formulas
    from attlas.queries.text import terminal_width

    is_terminal = output is None and sys.stdout.isatty()
    is_cut = False
    with sink(output, is_text=format not in BINARY) as file:
        if format == "table":
            width, limit = (terminal_width(), TERMINAL_ROWS) if is_terminal else (None, None)
            is_cut = write_text(rows, file, width=width, limit=limit)
        else:
            WRITERS[format](defuse_formulas(rows) if is_defused else rows, file)
    if is_cut:
        note(f"the first {TERMINAL_ROWS} rows; there are more: `attlas sql DIR QUERY -o FILE.csv` has all")


def choose_format(format: SqlFormat | None, output: Path | None) -> SqlFormat:
    """Return the format of an answer: that of the option, else of the ending of the file, else a text table."""
    from attlas.schema import QuestionError

    suffix = output.suffix[1:].lower() if output is not None else ""
    if format is not None or suffix in ("", "txt"):
        return format or "table"
    if suffix not in get_args(SqlFormat):
        raise QuestionError(
            f"The ending of {output} is no format.", expected=", ".join(get_args(SqlFormat)), hint="give --format"
        )
    return cast(SqlFormat, suffix)
