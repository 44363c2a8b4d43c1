"""Two matrices of pairs side by side, over one set of names in one order: the measured and the known."""

from collections.abc import Mapping, Sequence
from typing import Any

from attlas.queries.report.heat_maps import draw_cells, draw_scale
from attlas.queries.report.pictures import WIDE, Picture, make_axes

Rows = Sequence[Mapping[str, Any]]
BY_PROPERTY = "ILVMCFWYAGSTPNQDEHKR"
"""The amino acids by what their side chains do, so that those alike stand together."""


def pair_matrix(rows: Rows, value: str, names: Sequence[str]) -> list[list[float | None]]:
    """Return the symmetric matrix of a column of rows that have `first` and `second`; the diagonal is empty."""
    value_of_pair = {(row["first"], row["second"]): row[value] for row in rows}
    return [[value_of_pair.get((a, b), value_of_pair.get((b, a))) for b in names] for a in names]


def draw_pairs(rows: Rows, left: tuple[str, str], right: tuple[str, str]) -> Picture:
    """Draw two columns of the pairs, each with its name, over the letters in the order of `BY_PROPERTY`."""
    letters = [x for x in BY_PROPERTY if any(x in (row["first"], row["second"]) for row in rows)]
    figure, subplots = make_axes(WIDE, 4.7, columns=2)
    for axis, (column, name) in zip(subplots, (left, right), strict=True):
        values = pair_matrix(rows, column, letters)
        mesh = draw_cells(axis, values)
        mesh.set_gid("matrix")
        ticks = [i + 0.5 for i in range(len(letters))]
        axis.set_xticks(ticks, labels=letters)
        axis.set_yticks(ticks, labels=letters)
        axis.set_aspect("equal")
        axis.set_title(name)
        draw_scale(figure, axis, mesh)

    return Picture(figure)
