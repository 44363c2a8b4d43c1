"""Points with intervals, one in a line, and the value without an effect: a line for all, or a square for each point.

A point without an interval is hollow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from attlas.queries.report.pictures import BLUE, FAINT, HALF, ORANGE, WIDE, Picture, make_axes, shorten

LABEL = 34
"""Most letters of a label."""


@dataclass(frozen=True)
class Point:
    """A value with its interval."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    other: float | None = None
    """A second value on the same line, drawn as a hollow square."""
    other_low: float | None = None
    other_high: float | None = None


@dataclass(frozen=True)
class IntervalPanel:
    """Points over one axis."""

    title: str
    points: tuple[Point, ...]
    reference: float | None = None
    """Place of the reference line: the background, or 1 for a ratio."""


def draw_intervals(
    panels: Sequence[IntervalPanel],
    value_name: str,
    *,
    is_log: bool = False,
    reference_name: str = "background",
    other_name: str = "",
    is_half: bool = False,
    is_shared: bool = True,
) -> Picture:
    """Draw each panel's points from top to bottom in the order given.

    Panels share one scale, so that they can be compared, unless `is_shared` is False, for panels of different things.
    `is_log` draws ratios on a logarithmic scale; a value below its beginning, such as 0, is drawn as an arrow there.
    """
    columns = 1 if len(panels) == 1 else 2
    lines = max(len(panel.points) for panel in panels)
    rows = ceil(len(panels) / columns)
    width = HALF if is_half else WIDE if columns > 1 else WIDE * 0.8
    figure, subplots = make_axes(
        width, rows * (0.75 + 0.165 * max(lines, 3)), rows=rows, columns=columns, sharex=is_shared
    )

    limits = log_axis_limits(panels) if is_log else None
    for axis, panel in zip(subplots, panels, strict=False):
        _draw_panel(axis, panel, limits)

    # An odd number of panels leaves a place empty; only the lowest panels name their axis.
    for axis in subplots[len(panels) :]:
        axis.set_visible(False)
    for axis in subplots[max(len(panels) - columns, 0) : len(panels)]:
        axis.set_xlabel(value_name)
        axis.tick_params(labelbottom=True)

    _draw_key(figure, reference_name if any(p.reference is not None for p in panels) else "", other_name)
    return Picture(figure)


def log_axis_limits(panels: Sequence[IntervalPanel]) -> tuple[float, float]:
    """Return the ends of a logarithmic scale: all points but 0 are on it, but not every end of an interval.

    Otherwise the interval of a few counts would take most of the width.
    """
    points = [point for panel in panels for point in panel.points]
    values = [value for point in points for value in (point.value, point.other) if value]
    return min([0.1, *(value / 1.5 for value in values)]), max([10.0, *(value * 2 for value in values)])


def _draw_panel(axis: Any, panel: IntervalPanel, limits: tuple[float, float] | None) -> None:
    places = range(len(panel.points))
    axis.grid(axis="x", color=FAINT, alpha=0.35, linewidth=0.5)
    axis.set_axisbelow(True)
    if panel.reference is not None:
        axis.axvline(panel.reference, color=FAINT, linewidth=1.2, linestyle=(0, (4, 2)))

    # Two values in a line are drawn a little above and below it.
    has_other = any(point.other is not None for point in panel.points)
    for place, point in zip(places, panel.points, strict=True):
        first_values = (point.value, point.low, point.high)
        fill = BLUE if point.low is not None else "none"
        _draw_point(axis, place - 0.17 * has_other, first_values, limits, color=BLUE, marker="o", markerfacecolor=fill)
        second_values = (point.other, point.other_low, point.other_high)
        _draw_point(axis, place + 0.17, second_values, limits, color=ORANGE, marker="s", markerfacecolor="none")

    axis.set_yticks(list(places), labels=[shorten(point.label, LABEL) for point in panel.points])
    axis.set_ylim(len(panel.points) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    if panel.title:
        axis.set_title(shorten(panel.title, 48))
    if limits is not None:
        axis.set_xscale("log")
        axis.set_xlim(*limits)
        _write_plain_ticks(axis)


def _draw_point(
    axis: Any,
    y: float,
    values: tuple[float | None, ...],
    limits: tuple[float, float] | None,
    *,
    color: str,
    **marks: Any,
) -> None:
    value, low, high = values
    axis_low, axis_high = limits or (float("-inf"), float("inf"))
    if low is not None and high is not None and high > axis_low:
        axis.plot([max(low, axis_low), min(high, axis_high)], [y, y], color=color, linewidth=1.4, solid_capstyle="butt")
        if low < axis_low:
            axis.plot([axis_low], [y], color=color, marker="<", markersize=3.5, clip_on=False)
        if high > axis_high:
            axis.plot([axis_high], [y], color=color, marker=">", markersize=3.5, clip_on=False)

    if value is None:
        return
    if value < axis_low:
        marks |= {"marker": "<", "clip_on": False}
    axis.plot([max(value, axis_low)], [y], color=color, markersize=4.3, linestyle="none", **marks)


def _write_plain_ticks(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _draw_key(figure: Any, reference_name: str, other_name: str) -> None:
    from matplotlib.lines import Line2D

    handles = []
    if reference_name:
        handles.append(Line2D([], [], color=FAINT, linewidth=1.2, linestyle=(0, (4, 2)), label=reference_name))
    if other_name:
        handles.append(
            Line2D(
                [], [], linestyle="none", marker="s", markerfacecolor="none", markeredgecolor=ORANGE, label=other_name
            )
        )
    if handles:
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
