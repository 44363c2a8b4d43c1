"""Curves over the layers: a panel for each label, lines with different dashes and markers, a band for an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from attlas.queries.report.pictures import BLUE, FAINT, GREEN, HALF, ORANGE, PURPLE, WIDE, Picture, make_axes, shorten

LOOKS = ((BLUE, "o", "-"), (ORANGE, "s", (0, (4, 1.5))), (GREEN, "^", (0, (1, 1))), (PURPLE, "D", "-."))
"""Colour, marker and dash of the first, second, ... line of a panel."""


@dataclass(frozen=True)
class Curve:
    """A line over the layers, or over another number."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    """Lower ends of the intervals; empty if there are none."""
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class CurvePanel:
    """Curves over one axis."""

    title: str
    curves: tuple[Curve, ...]
    reference: float | None = None
    """A level: the background, or the value by chance."""
    centre: float | None = None
    """A place on the x axis: the centre of gravity."""


def draw_curves(
    panels: Sequence[CurvePanel],
    *,
    x_name: str,
    y_name: str,
    reference_name: str = "background",
    centre_name: str = "centre of gravity",
    y_range: tuple[float, float] | None = None,
) -> Picture:
    """Draw the panels, two in a row, a single panel half as wide as the page; the y axis shows at least `y_range`."""
    columns = min(len(panels), 2)
    rows = ceil(len(panels) / 2)
    size = (HALF, 2.4) if len(panels) == 1 else (WIDE, 0.5 + 1.75 * rows)
    figure, subplots = make_axes(*size, rows=rows, columns=columns, sharex=True)

    for axis, panel in zip(subplots, panels, strict=False):
        _draw_panel(axis, panel)
        if y_range is not None:
            low, high = axis.get_ylim()
            axis.set_ylim(min(low, y_range[0]), max(high, y_range[1]))

    for axis in subplots[len(panels) :]:
        axis.set_visible(False)
    for at, axis in enumerate(subplots[: len(panels)]):
        axis.set_ylabel(y_name if at % columns == 0 else "")
        if at >= len(panels) - columns:
            axis.set_xlabel(x_name)
            axis.tick_params(labelbottom=True)

    _draw_key(figure, panels, reference_name, centre_name)
    return Picture(figure)


def _draw_panel(axis: Any, panel: CurvePanel) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.grid(axis="y", color=FAINT, alpha=0.35, linewidth=0.5)
    axis.set_axisbelow(True)
    if panel.reference is not None:
        axis.axhline(panel.reference, color=FAINT, linewidth=1.2, linestyle=(0, (4, 2)))
    if panel.centre is not None:
        axis.axvline(panel.centre, color=FAINT, linewidth=1.2, linestyle=":")
        axis.plot([panel.centre], [0], marker="^", color=FAINT, transform=axis.get_xaxis_transform(), clip_on=False)

    for curve, (colour, marker, dash) in zip(panel.curves, LOOKS, strict=False):
        indices = [i for i, value in enumerate(curve.y) if value is not None]
        if curve.low:
            barred = [i for i in indices if curve.low[i] is not None and curve.high[i] is not None]
            limits = [[curve.low[i] for i in barred], [curve.high[i] for i in barred]]
            axis.vlines([curve.x[i] for i in barred], *limits, color=colour, linewidth=1.1, alpha=0.8)
        points = [curve.x[i] for i in indices], [curve.y[i] for i in indices]
        axis.plot(*points, color=colour, marker=marker, markersize=3.5, linestyle=dash)

    places = [x for curve in panel.curves for x in curve.x]
    axis.set_xlim(min(places) - 0.3, max(places) + 0.3)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_title(shorten(panel.title, 48))


def _draw_key(figure: Any, panels: Sequence[CurvePanel], reference_name: str, centre_name: str) -> None:
    from matplotlib.lines import Line2D

    names = [curve.name for curve in max((panel.curves for panel in panels), key=len)]
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=3.5, linestyle=dash, label=shorten(name, 48))
        for name, (colour, marker, dash) in zip(names, LOOKS, strict=False)
        if name
    ]
    if any(panel.reference is not None for panel in panels):
        handles.append(Line2D([], [], color=FAINT, linestyle=(0, (4, 2)), label=reference_name))
    if any(panel.centre is not None for panel in panels):
        handles.append(Line2D([], [], color=FAINT, linestyle=":", marker="^", label=centre_name))
    if handles:
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
