"""Heat maps: a value for every head by layer, or for any two things, as cells of one colour map.

A cell without a value is hatched, the largest is ringed. Layers run downwards from 0, as the numbers of a table do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attlas.queries.report.pictures import CELLS, HALF, INK, MAP, MISSING, VERMILION, WIDE, Picture, make_axes, shorten

Rows = Sequence[Mapping[str, Any]]
NARROW_HEADS = 48
"""Most columns of a heat map that shares the width of the page with another."""
N_COLOURS = 64
"""Steps of the map: more than the eye can distinguish, and few enough to draw each."""
LOG_FLOOR = 0.1
"""Beginning of a logarithmic scale: smaller values are drawn as this."""


@dataclass(frozen=True)
class Grid:
    """A matrix with the names of its rows and columns."""

    values: tuple[tuple[float | None, ...], ...]
    """Values by row, then column; None: no value."""
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_name: str
    """What a row is, such as `layer`."""
    column_name: str

    def largest(self) -> tuple[int, int] | None:
        """Return row and column of the largest value, the first among equals; None if there is no value."""
        values_by_place = [
            (-v, r, c) for r, line in enumerate(self.values) for c, v in enumerate(line) if v is not None
        ]
        return min(values_by_place)[1:] if values_by_place else None

    def titles(self) -> tuple[str, ...]:
        """Return the title of each cell, row by row."""
        return tuple(
            f"{self.row_name} {row}, {self.column_name} {column}: {'none' if v is None else f'{v:g}'}"
            for row, line in zip(self.rows, self.values, strict=True)
            for column, v in zip(self.columns, line, strict=True)
        )


def head_grid(rows: Rows, value: str, *, n_layers: int, n_heads: int) -> Grid:
    """Return the L x H grid of a column of rows that have `layer` and `head`; a head without a row has no value."""
    values_by_place = {(row["layer"], row["head"]): row[value] for row in rows}
    values = tuple(tuple(values_by_place.get((layer, head)) for head in range(n_heads)) for layer in range(n_layers))
    return Grid(values, tuple(map(str, range(n_layers))), tuple(map(str, range(n_heads))), "layer", "head")


def cross_grid(rows: Rows, value: str, row: str, column: str) -> Grid:
    """Return the grid of a column over two other columns, whose values keep the order of their first appearance."""
    values_by_place = {(line[row], line[column]): line[value] for line in rows}
    names, across = (list(dict.fromkeys(line[key] for line in rows)) for key in (row, column))
    across.sort()
    values = tuple(tuple(values_by_place.get((a, b)) for b in across) for a in names)
    words = (row.replace("_", " "), column.replace("_", " "))
    return Grid(values, tuple(map(str, names)), tuple(map(str, across)), *words)


def draw_grid(
    grid: Grid,
    value_name: str,
    *,
    mark: float | None = None,
    mark_name: str = "",
    is_log: bool = False,
    group: int = 0,
) -> Picture:
    """Draw a grid.

    `mark` is a value shown on the scale, such as the background; `is_log` makes the scale one of powers, from
    `LOG_FLOOR`; `group` puts so many columns under one number, as the heads of a layer.
    """
    n_rows, n_columns = len(grid.rows), len(grid.columns)
    width = HALF if n_columns <= NARROW_HEADS else WIDE
    cell = min(max((width - 0.7) / n_columns, 0.09), 0.22)
    figure, (axis,) = make_axes(width, 1.15 + n_rows * cell)

    mesh = draw_cells(axis, grid.values, is_log=is_log)
    _name_axes(axis, grid)
    if group and n_columns > group:
        _group_columns(axis, group, n_columns)
    if place := grid.largest():
        _ring_cell(axis, *place)
    draw_scale(figure, axis, mesh, value_name, mark=mark, mark_name=mark_name)
    return Picture(figure, grid.titles())


def draw_scale(
    figure: Any, axis: Any, mesh: Any, value_name: str = "", *, mark: float | None = None, mark_name: str = ""
) -> None:
    """Draw the scale of colours below a matrix, its numbers written out, with a mark at a value."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    width = axis.get_figure().get_figwidth()
    bar = figure.colorbar(
        mesh, ax=axis, location="bottom", label=value_name, fraction=0.08, shrink=0.8, aspect=9 * width, pad=0.02
    )
    bar.outline.set_visible(False)
    bar.solids.set(rasterized=False, edgecolor="face", linewidth=0.25)  # else a picture in the picture
    if isinstance(mesh.norm, LogNorm):
        bar.ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.xaxis.set_minor_formatter(NullFormatter())
    if mark is not None and mesh.norm.vmin <= mark <= mesh.norm.vmax:
        bar.ax.axvline(mark, color=VERMILION, linewidth=1.8)
        words = {"ha": "center", "va": "bottom", "fontsize": 6.5, "transform": bar.ax.get_xaxis_transform()}
        bar.ax.text(mark, 1.1, mark_name, **words)


def draw_cells(axis: Any, values: Sequence[Sequence[float | None]], *, is_log: bool = False) -> Any:
    """Draw the cells of a matrix, the first row on top, and return matplotlib's mesh."""
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm, Normalize

    numbers = [float(v) for line in values for v in line if v is not None]
    low = max(min(numbers, default=0.0), LOG_FLOOR if is_log else float("-inf"))
    high = max(max(numbers, default=1.0), low * 1.001, low + 1e-6)
    scale = {"norm": (LogNorm if is_log else Normalize)(low, high)}
    cells = [[float("nan") if v is None else max(float(v), low) for v in line] for line in values]

    # What has no value shows the hatching behind the cells.
    axis.patch.set(facecolor=MISSING, alpha=0.7, hatch="////", edgecolor=INK, linewidth=0)
    colours = colormaps[MAP].resampled(N_COLOURS)
    mesh = axis.pcolormesh(cells, cmap=colours, edgecolors="face", linewidth=0.25, **scale)
    mesh.set_gid(CELLS)

    axis.invert_yaxis()
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.tick_params(length=0)
    return mesh


def _ring_cell(axis: Any, row: int, column: int) -> None:
    from matplotlib.patches import Rectangle

    axis.add_patch(
        Rectangle((column, row), 1, 1, fill=False, edgecolor="white", linewidth=2.6, clip_on=False, zorder=3)
    )
    axis.add_patch(
        Rectangle((column, row), 1, 1, fill=False, edgecolor=VERMILION, linewidth=1.4, clip_on=False, zorder=4)
    )


def _group_columns(axis: Any, group: int, n_columns: int) -> None:
    starts = range(0, n_columns, group)
    axis.set_xticks([start + group / 2 for start in starts], labels=[str(start // group) for start in starts])
    axis.set_xlabel("layer, with its heads from 0")
    for start in starts[1:]:
        axis.axvline(start, color="white", linewidth=0.9)


def _name_axes(axis: Any, grid: Grid) -> None:
    for side, names, word in ((axis.xaxis, grid.columns, grid.column_name), (axis.yaxis, grid.rows, grid.row_name)):
        step = 1 if len(names) <= 12 or not names[0].isdigit() else 5 if len(names) > 24 else 2
        side.set_ticks(
            [i + 0.5 for i in range(0, len(names), step)], labels=[shorten(name, 24) for name in names[::step]]
        )
        side.set_label_text(word)
