"""The verb that writes the report: report."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attlas.cli.output import OUTPUT_NAMES, AtlasDir, note, sink
from attlas.cli.terminal import unguarded

if TYPE_CHECKING:
    from attlas.queries.atlas import Atlas

FigureFormat = Literal["svg", "png"]


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(report)


def report(
    directory: AtlasDir,
    out: Annotated[Path, typer.Option(*OUTPUT_NAMES, metavar="REPORT", help="HTML file to write.", show_default=False)],
    figures: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write each figure with its numbers (CSV) as well.", show_default=False),
    ] = None,
    figure_format: Annotated[FigureFormat, typer.Option(help="Format of these figures.")] = "svg",
    types: Annotated[
        str | None,
        typer.Option(
            "--types",
            metavar="TYPES",
            help="Types of features, separated by commas, or @FILE.  [default: those with most residues]",
            show_default=False,
        ),
    ] = None,
    proteins: Annotated[
        str | None,
        typer.Option(metavar="IDS", help="Restrict to these proteins: ids, separated by commas, or @FILE."),
    ] = None,
) -> None:
    """Write a report: one HTML file of figures.

    The figures compare the atlas with known biology. The file opens offline and prints well.

    Each figure has its caption, SQL, command and numbers. Figures of tables that the atlas lacks are listed with the
    command that adds them.
    """
    from attlas.queries.atlas import Atlas
    from attlas.queries.output_file import refuse_inside_atlas, refuse_missing_folder
    from attlas.queries.report import make_report, page, write_figures
    from attlas.schema import QuestionError

    _refuse_folder(out)
    refuse_inside_atlas(out)
    refuse_missing_folder(out)
    if figures is not None:
        refuse_inside_atlas(figures / "figure")
        if figures.exists() and not figures.is_dir():
            raise QuestionError(f"{figures} is a file.", hint="name a folder: --figures FOLDER")
    started = time.monotonic()
    with Atlas.open(directory) as atlas, _progress() as progress:
        new_report = make_report(atlas, **_select(atlas, types=types, proteins=proteins), progress=progress)
        data = page(new_report).encode()
    with sink(out, is_text=True) as file:
        file.write(data)
    n_shown, n_absent = len(list(new_report.shown_figures())), len(list(new_report.missing_figures()))
    if figures is not None:
        files = write_figures(new_report, figures, figure_format)
        note(f"{len(files):,} files in {figures}")
    seconds = time.monotonic() - started
    print(f"{out}: {n_shown} figures and tables, {len(data) / 1e6:.1f} MB, in {seconds:.0f} s")
    if n_absent:
        note(f"{n_absent} more need tables that the atlas lacks; the end of the report has the commands that add them")


def _refuse_folder(out: Path) -> None:
    """Refuse a folder before the report is computed.

    Raises:
        QuestionError: the report would be written to a folder.
    """
    from attlas.schema import QuestionError

    if out.is_dir():
        raise QuestionError(f"{out} is a directory.", hint="name a file in it: -o REPORT.html")


def _select(atlas: "Atlas", *, types: str | None, proteins: str | None) -> dict[str, list[str] | None]:
    """Return types and proteins of the command line as lists; ids become accessions of the atlas."""
    from attlas.queries.asking.parameters import Parameter, bind

    parameters = {"types": Parameter("types", "texts", "Types."), "proteins": Parameter("proteins", "proteins", "Ids.")}
    typed = {"types": types, "proteins": proteins}
    values = {name: text for name, text in typed.items() if text is not None}
    bound = bind(atlas, "report", [parameters[name] for name in values], values, takes_names=True)
    for line in bound.notes:
        note(line)
    return {name: bound.values.get(name) for name in parameters}


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """Yield a function that shows each figure: as a bar in a terminal, as lines elsewhere."""
    if not sys.stderr.isatty():
        yield lambda number, n, title: note(f"{number} of {n}: {title}")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(bar_width=30), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=unguarded(sys.stderr)), transient=True) as bar:
        task = bar.add_task("opening", total=None)
        yield lambda number, n, title: bar.update(
            task, completed=number - 1, total=n, description=f"{number} of {n}: {escape(title)}"
        )
