"""The report of an atlas: every figure with the answer to its question, or the reason why it is missing; its files."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from attlas.queries.asking.answering import BoundQuestion, ask
from attlas.queries.asking.question import missing_tables
from attlas.queries.asking.questions import question_named
from attlas.queries.formats import write_csv
from attlas.queries.report.contents import sections
from attlas.queries.report.figures import Figure, Section
from attlas.queries.report.pictures import Picture, png, style, svg
from attlas.queries.store import Store
from attlas.schema import Manifest
from attlas.schema.publish import publishing

Format = Literal["svg", "png"]


@dataclass(frozen=True)
class ShownFigure:
    """A figure with the answer to its question."""

    figure: Figure
    bound_question: BoundQuestion
    rows: pa.Table
    description: str
    """What the figure shows, in words."""
    picture: Picture | None
    """None if the rows themselves are the figure."""
    svg: str
    """The picture as an SVG file; empty without one."""

    def csv(self) -> bytes:
        """Return the rows as CSV, as `attlas ask DIR QUESTION --format csv` writes them."""
        text = io.BytesIO()
        write_csv(self.rows.to_reader(), text)
        return text.getvalue()


@dataclass(frozen=True)
class MissingFigure:
    """A figure that cannot be shown."""

    figure: Figure
    why: str
    command: str
    """The command that adds the numbers; empty if there is none."""


@dataclass(frozen=True)
class ShownSection:
    """A section with its figures in order, shown or missing."""

    section: Section
    figures: tuple[ShownFigure | MissingFigure, ...]


@dataclass(frozen=True)
class Report:
    """A report before it is written."""

    manifest: Manifest
    sections: tuple[ShownSection, ...]
    proteins: tuple[str, ...] | None
    """Accessions that the report is restricted to; None: all."""

    def shown_figures(self) -> Iterator[ShownFigure]:
        """Yield the figures that are shown."""
        return (figure for section in self.sections for figure in section.figures if isinstance(figure, ShownFigure))

    def missing_figures(self) -> Iterator[MissingFigure]:
        """Yield the figures that are missing."""
        return (figure for section in self.sections for figure in section.figures if isinstance(figure, MissingFigure))


Progress = Callable[[int, int, str], None]
"""Called before each figure with its number from 1, the number of figures, and its title."""


def make_report(
    atlas: Store,
    *,
    types: Sequence[str] | None = None,
    proteins: Sequence[str] | None = None,
    progress: Progress = lambda number, n, title: None,
) -> Report:
    """Ask every question of the report and draw its figure.

    `types` are types of features to show, by default those with most residues; `proteins` restricts every question
    that can be restricted to these accessions.

    Raises:
        QuestionError: the atlas has none of a type that was asked for.
        EnvironmentFault: matplotlib is not installed.
    """
    with style():
        planned = sections(atlas, types=types, proteins=proteins)
        n_figures, number, shown_sections = sum(len(section.figures) for section in planned), 0, []

        for section in planned:
            figures = []
            for figure in section.figures:
                number += 1
                progress(number, n_figures, figure.title)
                figures.append(_ask_and_draw(atlas, figure))
            shown_sections.append(ShownSection(section, tuple(figures)))

    return Report(atlas.manifest, tuple(shown_sections), None if proteins is None else tuple(proteins))


def write_figures(report: Report, folder: Path, format: Format = "svg") -> list[Path]:
    """Write each figure, and its rows as CSV, into a folder, which is made; return the files."""
    written = []
    for shown in report.shown_figures():
        files = {f"{shown.figure.name}.csv": shown.csv()}
        if shown.picture is not None and format == "svg":
            files[f"{shown.figure.name}.svg"] = shown.svg.encode()
        elif shown.picture is not None:
            with style():
                files[f"{shown.figure.name}.png"] = png(shown.picture)
        for name, data in files.items():
            with publishing(folder / name) as beside:
                beside.write_bytes(data)
            written.append(folder / name)

    return written


def _ask_and_draw(atlas: Store, figure: Figure) -> ShownFigure | MissingFigure:
    """Ask the question of a figure and draw its rows; a figure without tables or rows is missing."""
    question = question_named(figure.question)
    if missing := missing_tables(question, atlas.manifest):
        tables = " and ".join(f"`{table.name}`" for table in missing)
        return MissingFigure(figure, f"the atlas has no rows of {tables}", question.command)
    names = {parameter.name for parameter in question.parameters}
    arguments = {name: value for name, value in figure.parameters.items() if name in names}
    bound_question = ask(atlas, figure.question, arguments)

    rows = bound_question.answer(atlas).read_all()
    if not rows.num_rows:
        why = f"`{figure.question}` has no rows here; `attlas ask DIR {figure.question} --describe` tells what it needs"
        return MissingFigure(figure, why, "")

    values = rows.to_pylist()
    picture = figure.draw(values) if figure.draw is not None else None
    return ShownFigure(
        figure, bound_question, rows, figure.describe(values), picture, svg(picture) if picture is not None else ""
    )
