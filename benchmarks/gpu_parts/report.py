"""The tables of a day as text and as Markdown, with the goals and what the first run reached."""

from collections.abc import Sequence
from typing import Any

from gpu_parts.goals import FIRST_RUN, GOALS_BY_NAME
from gpu_parts.settings import GOALS, Row


def list_columns(rows: Sequence[Row]) -> list[str]:
    """Return the names of the columns of a table, in the order in which rows first have them."""
    return list(dict.fromkeys(name for row in rows for name in row if name != GOALS))


def format_cell(value: object) -> str:
    """Return a cell as text: large numbers with separators, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value).replace("|", "/").replace("\n", " ")


def format_rows(rows: Sequence[Row]) -> list[list[str]]:
    """Return a table as text: its header, then its rows."""
    columns = list_columns(rows)
    return [columns, *([format_cell(row.get(name)) for name in columns] for row in rows)]


def format_table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table in columns, for a terminal."""
    if not rows:
        return []
    cells = format_rows(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def markdown_table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table in Markdown."""
    if not rows:
        return []
    header, *lines = format_rows(rows)
    return [f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *lines)]


def collect_goals(figures: dict[str, Any]) -> list[Row]:
    """Return a row for every goal: its target, the first run, this one, and how far it reaches, 1 at the goal."""
    reached: dict[str, float] = {}
    for part in figures["parts"].values():
        for row in part["rows"]:
            reached |= row.get(GOALS, {})

    rows: list[Row] = []
    for name, goal in GOALS_BY_NAME.items():
        figure = reached.get(name)
        rows.append(
            {
                "measure": goal.text,
                "goal": f"{goal.target:g}",
                FIRST_RUN: "" if goal.first is None else f"{goal.first:g}",
                "this run": "" if figure is None else f"{figure:.3g}",
                "of the goal": "" if figure is None else f"{goal.ratio(figure):.2f}",
            }
        )
    return rows


def write_markdown(figures: dict[str, Any]) -> str:
    """Return the page of a day: the machine, the goals, then the table of every part."""
    machine = ", ".join(f"{name} {value}" for name, value in figures["machine"].items())
    lines = [
        "# A quarter of an hour on a GPU",
        "",
        machine,
        "",
        "## Goals",
        "",
        *markdown_table(collect_goals(figures)),
    ]

    for number, part in sorted(figures["parts"].items(), key=lambda item: int(item[0])):
        reason = f", {part['reason']}" if part["reason"] else ""
        lines += ["", f"## {number}. {part['title']}", "", f"{part['state']}{reason}; {part['seconds']:.0f} s"]
        lines += ["", *markdown_table(part["rows"])] if part["rows"] else []

    return "\n".join(lines) + "\n"
